"""Python from a messy log to a decision: logs as they are, any command as an answer, messages in words of Python."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import simcost as sc
from simcost.api.wording import as_argument
from simcost.cli.main import main
from simcost.documents import to_document
from simcost.errors import FaultsError, GateError, InputError, TraceError

COLUMNS = {"arrival": "Timestamp", "prompt_tokens": "Tokens In", "output_tokens": "Tokens Out"}
MESSY = (
    "\ufeffId;Timestamp;Model;Tokens In;Tokens Out\r\n"
    + "".join(f"r{i};02.11.2026 08:{i // 60:02d}:{i % 60:02d};{'ab'[i % 2]};1.{i:03d};20\r\n" for i in range(200))
    + "TOTAL;;;9;9\r\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "requests.csv"
    file.write_text(MESSY, encoding="utf-8")
    return file


def test_messages_name_the_arguments_that_mend_it(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.parquet"
    with pytest.raises(TraceError, match=r'columns=\{"prompt_tokens": "Tokens In"\}'):
        sc.import_log(log, out)
    with pytest.raises(TraceError, match=r'pass time_format="%d.%m.%Y %H:%M:%S"'):
        sc.import_log(log, out, columns=COLUMNS)
    known = {"columns": COLUMNS, "time_format": "%d.%m.%Y %H:%M:%S"}
    with pytest.raises(TraceError, match=r'e\.g\. decimal="," thousands="\."'):
        sc.import_log(log, out, **known)
    with pytest.raises(TraceError, match='on_error="skip"'):
        sc.import_log(log, out, thousands=".", **known)
    read = sc.import_log(log, out, thousands=".", on_error="skip", where={"Model": ["a", "b"]}, **known)
    assert (read.document["rows"], read.document["dropped"]) == (200, 0)
    assert pq.read_table(out)["prompt_tokens"].to_pylist() == list(range(1000, 1200))
    assert sc.import_log(log, out, thousands=".", where={"Model": "a"}, **known).document["rows"] == 100


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("pass --map 'arrival=At Time'; or", 'pass columns={"arrival": "At Time"}; or'),
        ("--step-factor is a number", "step_factor is a number"),
        ("pass --by COLUMN if it does", "pass by=COLUMN if it does"),
        ("--run-plan NAME bills another; rename by --map", "plan_of_run=NAME bills another; rename by columns"),
        ("run `simcost trace import --map a=b` again", "run `simcost trace import --map a=b` again"),
        ("a -- b", "a -- b"),
    ],
)
def test_options_become_arguments_and_commands_stay(told: str, shown: str) -> None:
    assert as_argument(told) == shown


def test_faults_of_a_file_name_arguments_too() -> None:
    times = pd.to_datetime(["2026-01-01T00:00", "2026-01-01T01:00", "2026-01-01T01:00", "2026-01-01T02:00"])
    with pytest.raises(FaultsError, match=r"row 3: .*pass by=COLUMN if a column tells them apart"):
        sc.forecast(pd.DataFrame({"timestamp": times, "value": [1, 2, 3, 4]}), horizon="2h")


def test_words_of_a_command_are_named_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("at,in,out\n2026-01-01T00:00:00Z,10,20\n")
    with pytest.raises(TraceError, match=r"--map "):
        sc.command("trace", "import", tmp_path / "log.csv", "--format", "csv", "-o", tmp_path / "log.parquet")


def test_a_frame_is_a_log(tmp_path: Path) -> None:
    times = pd.date_range("2026-01-01", periods=50, freq="2s")
    frame = pd.DataFrame({"when": times, "in": range(50), "out": [20] * 50})
    with pytest.raises(
        TraceError,
        match=r'^the frame: no column counts .*columns=\{"arrival": "COLUMN", "prompt_tokens": "900", .*"200"\}',
    ):
        sc.import_log(frame, tmp_path / "a.parquet")
    columns = {"arrival": "when", "prompt_tokens": "in", "output_tokens": "out"}
    of_pandas = sc.import_log(frame, tmp_path / "a.parquet", columns=columns)
    of_arrow = sc.import_log(pa.Table.from_pandas(frame), tmp_path / "b.parquet", columns=columns)
    assert of_pandas.document["span_s"] == of_arrow.document["span_s"] == 98.0
    with pytest.raises(InputError, match="a path, several paths or a frame, not int"):
        sc.import_log(3, tmp_path / "a.parquet")
    with pytest.raises(InputError, match='such as format="csv"'):
        sc.import_log(tmp_path / "access.log", tmp_path / "a.parquet")


def test_an_imported_log_says_what_the_command_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Notes of the import were lost: rows that failed, a guessed unit, several models."""
    log = tmp_path / "log.csv"
    rows = ("1767603600923,2,5,b", "1767603600123,1,3,a", "1767603600500,4,0,a", "1767603600600,,,a")
    log.write_text("\n".join(("ts,prompt_tokens,output_tokens,model", *rows)) + "\n", encoding="utf-8")
    out = tmp_path / "t.parquet"
    document = sc.import_log(log, out, columns={"arrival": "ts"}).document
    assert main(["trace", "import", str(log), "--map", "arrival=ts", "-o", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    kinds = [each["kind"] for each in document["findings"]]
    assert kinds == ["no_usage", "failed", "time_unit", "unsorted", "models"]
    assert document["findings"][2]["message"].endswith("pass time_unit")
    same = printed.keys() - {"findings"}
    assert {key: document[key] for key in same} == {key: printed[key] for key in same}
    assert [each["kind"] for each in printed["findings"]] == kinds
    with pytest.raises(InputError, match="several paths or a frame, not list"):
        sc.import_log([{"arrival": 1}], out)


def test_a_log_of_a_known_source_needs_no_format(tmp_path: Path) -> None:
    log = tmp_path / "azure.csv"
    log.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2024-01-01,7,3\n", encoding="utf-8")
    document = sc.import_log(log, tmp_path / "a.parquet").document
    assert document["findings"][0]["message"] == "read as azure-llm, by its columns"


def test_each_answer_names_the_old_prices_behind_its_verdict() -> None:
    """As the command does, once however often the answer is built again."""
    prices = [{"offer": "aws/p5.48xlarge", "as_of": "2020-01-01"}]
    document = {"verdict": "One costs $5 a month.", "best": None, "plans": [{"prices": prices}]}
    answer = sc.Answer("run", document, [], [])
    assert answer.verdict.startswith("One costs $5 a month. Old price: aws/p5.48xlarge of 2020-01-01 (")
    assert replace(answer, title="again").document == answer.document == to_document(document)


def test_a_table_has_the_columns_of_every_row() -> None:
    """Of plans that differ, such as one with a commitment, columns that the first lacks were dropped."""
    rows = [{"name": "a", "usd": {"compute": 1.0}}, {"name": "b", "usd": {"compute": 1.0, "commitment": 2.0}}]
    table = sc.Answer("run", {}, rows, []).to_arrow()
    assert table["usd.commitment"].to_pylist() == [None, 2.0]


def test_a_log_is_no_scenario_and_a_cell_may_run_again(log: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"import it with sc\.import_log"):
        sc.load(log)
    file = tmp_path / "mine.yaml"
    first = sc.new_scenario(file, model="llama-3.1-8b")
    with pytest.raises(InputError, match="replace=True"):
        sc.new_scenario(file, model="llama-3.1-8b")
    assert sc.new_scenario(file, model="llama-3.1-8b", replace=True).plans == first.plans
    assert repr(first).startswith("<CheckedScenario mine: 'l40s fp8, fixed', 'l40s fp8, scaled', ")


def test_a_new_scenario_without_a_model_is_of_the_one_that_the_trace_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({"arrival": [0, 9], "prompt_tokens": [300, 300], "output_tokens": [50, 50]})
    for name, model in (("known", "Meta-Llama-3.1-8B-Instruct"), ("other", "gpt-4o")):
        log = frame.assign(model=model)
        sc.import_log(log, tmp_path / f"{name}.parquet")
    scenario = sc.new_scenario(tmp_path / "x.yaml", trace=tmp_path / "known.parquet")
    assert scenario.loaded.scenario.model == "llama-3.1-8b"
    with pytest.raises(sc.InputError, match=r"other.parquet name none of the catalog; pass model"):
        sc.new_scenario(tmp_path / "y.yaml", trace=tmp_path / "other.parquet")
    with pytest.raises(sc.InputError, match="pass model"):
        sc.new_scenario(tmp_path / "y.yaml")


def test_a_new_scenario_is_sound_or_not_written(tmp_path: Path) -> None:
    assert sc.new_scenario(tmp_path / "My Chat.yaml", model="llama-3.1-8b", accelerators="l4").name == "my-chat"
    file = tmp_path / "a.yaml"
    for options, message in (
        ({"rate_per_s": 0}, "rate_per_s 0 is not a number above 0"),
        ({"rate_per_s": "10/s"}, "rate_per_s '10/s' is not a number"),
        ({"rate_per_s": float("nan")}, "rate_per_s nan is not a number"),
        ({"attainment": "101%"}, "slo.attainment"),
        ({"trace": tmp_path / "t.parquet", "prompt_tokens": 9}, "prompt_tokens is of synthetic requests"),
    ):
        with pytest.raises(InputError, match=message):
            sc.new_scenario(file, model="llama-3.1-8b", **options)
        assert not file.exists()


def test_a_found_plan_is_added_once(tmp_path: Path) -> None:
    scenario = sc.new_scenario(tmp_path / "mine.yaml", model="llama-3.1-8b")
    plan = {**scenario.loaded.root.plain()["plans"][0], "name": "found"}  # type: ignore[index,call-overload]
    assert scenario.with_plan({**plan, "batching": {"max_num_seqs": 256}}).plans == scenario.plans
    assert scenario.with_plan({**plan, "batching": {"max_num_seqs": 8}}).plans == (*scenario.plans, "found")
    nothing = sc.Answer("optimize", {"verdict": "No plan meets the SLO.", "best": None}, [], [])
    with pytest.raises(InputError, match="No plan meets the SLO"):
        scenario.with_plan(nothing)


def test_any_command_is_an_answer_with_the_same_document(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("perf", "llama-3.1-8b", "--on", "l40s", "--tp", 1)
    answer = sc.command(*words)
    assert capsys.readouterr().out == "", "nothing is printed"
    assert main([*map(str, words), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(answer.document))
    assert sc.command("catalog", "list", "models").to_arrow().num_rows > 20
    assert sc.command("schema").document["$schema"]
    for refused in (("app",), (), ("run", "--help"), ("help", "run"), ("comit",), ("perf", "llama-9")):
        with pytest.raises(InputError):
            sc.command(*refused)


@pytest.mark.slow
def test_results_are_compared_and_gates_hold(tmp_path: Path) -> None:
    load = {"rate_per_s": 0.5, "prompt_tokens": 100, "output_tokens": 20, "accelerators": ("l40s",)}
    scenario = sc.new_scenario(tmp_path / "mine.yaml", model="llama-3.2-1b", **load).with_changes({"horizon": "10min"})
    before = scenario.run(tmp_path / "a", seeds=2)
    dearer = scenario.with_changes({"plans.0.buy.price": "$9/h", "plans.1.buy.price": "$9/h"})
    after = dearer.run(tmp_path / "b", seeds=2)
    found = sc.diff(before, after)
    usd = after.best["cost_usd"]["per_month"] - before.best["cost_usd"]["per_month"]  # type: ignore[index]
    assert sum(found.to_arrow()["usd"].to_pylist()) == pytest.approx(usd)
    first, second = (plan["name"] for plan in before.document["plans"][:2])
    plans = sc.diff(before, before, plan_a=first, plan_b=second).document
    assert [plans[side]["name"].partition(" of ")[0] for side in ("before", "after")] == [first, second]
    assert repr(before).startswith("<Result: ")
    with pytest.raises(GateError, match="increase of"):
        sc.command("diff", before, after, "--fail-on", "increase=1")


def test_costs_of_other_currencies_and_lengths_are_compared(tmp_path: Path) -> None:
    """Of a cost file in euros it asked for an argument that there was not."""
    head = "ProviderName,ServiceName,RegionId,SkuId,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ConsumedQuantity"
    for name, day, currency in (("a", "02", "USD"), ("b", "03", "EUR")):
        start, end = f"2026-03-{day}T00:00:00Z", f"2026-03-{day}T10:00:00Z"
        row = f"AWS,EC2,us-east-1,g6e.xlarge,Usage,{start},{end},10,Hours,20,20,20,20,{currency}"
        money = "ConsumedUnit,ListCost,ContractedCost,EffectiveCost,BilledCost,BillingCurrency"
        (tmp_path / f"{name}.csv").write_text(f"{head},{money}\n{row}\n")
    files = tmp_path / "a.csv", tmp_path / "b.csv"
    with pytest.raises(InputError, match=r"say how many USD one is worth: rate EUR="):
        sc.diff(*files)
    assert sc.diff(*files, rate={"EUR": 1.5}).document["difference_usd"] == pytest.approx(10)
    months = sc.diff(*files, rate={"EUR": 1.5}, per_month=True).document
    assert months["difference_usd"] == pytest.approx(10 * 730 / 10)
    with pytest.raises(InputError, match=r"rate: 1.5 is not a mapping"):
        sc.diff(*files, rate=1.5)  # type: ignore[arg-type]
