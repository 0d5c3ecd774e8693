"""The Python API gives what the command line gives: one result, one number."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import simcost as sc
from simcost import errors
from simcost.cli.main import main
from simcost.errors import FaultsError, InputError, TraceError

pytestmark = pytest.mark.slow

SCENARIO = {
    "scenario": "small",
    "model": "llama-3.1-8b",
    "horizon": "20min",
    "seeds": 2,
    "workload": {"kind": "synthetic", "rate": "2/s"},
    "slo": {"ttft": "2s", "attainment": "95%"},
    "plans": [
        {
            "name": name,
            "replica": {"accelerator": "l40s", "precision": "fp8"},
            "buy": {"offer": "aws/g6e.xlarge"},
            "scaling": {"kind": "fixed", "replicas": replicas},
        }
        for name, replicas in (("one", 1), ("two", 2))
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def result(folder: Path) -> sc.Result:
    return sc.run(SCENARIO, folder / "mapping")


def test_a_mapping_its_file_and_the_command_give_one_number(
    result: sc.Result, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "small.yaml"
    file.write_text(json.dumps(SCENARIO), encoding="utf-8")
    assert main(["run", str(file), "--out", str(folder / "command"), "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert sc.run(file, folder / "command").document == printed, "with its report among the files"
    assert printed["plans"] == list(result.plans) == list(sc.read(folder / "command").plans)
    assert printed["verdict"] == result.verdict
    costs = result.to_arrow().column("cost_usd.total").to_pylist()
    assert costs == [plan["cost_usd"]["total"] for plan in printed["plans"]]


def test_a_folder_that_another_run_wrote_to_meanwhile_is_an_error(
    result: sc.Result, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gave the numbers of the other run, without a word."""

    def overwritten(place: Path) -> Path:
        shutil.copytree(folder / "mapping", place, dirs_exist_ok=True)
        return place / "report.html"

    uploads: list[object] = []
    monkeypatch.chdir(folder)
    monkeypatch.setattr("simcost.studies.plans.sections.write_html", overwritten)
    monkeypatch.setattr("simcost.tables.object_stores.upload", lambda *args: uploads.append(args))
    other = sc.load(SCENARIO).with_changes({"seed": 5, "seeds": 1})
    for out in (folder / "both", "s3://bucket/both"):
        with pytest.raises(sc.InputError, match="another run wrote there meanwhile"):
            other.run(out)
    assert not uploads


def test_the_folder_of_a_result_is_a_scenario_too(result: sc.Result) -> None:
    """`sc.advise(folder)`, as `simcost advise RUN`, said only that it is a directory."""
    assert sc.load(result.folder, folder=result.folder).plans == sc.load(SCENARIO).plans
    with pytest.raises(sc.InputError, match=r"'scenario' that it was run of is not there; .* or pass folder with"):
        sc.load(result.folder)
    with pytest.raises(sc.InputError, match="no finished result"):
        sc.load(result.folder / "runs")


def test_errors_are_names_of_the_package() -> None:
    with pytest.raises(sc.FaultsError) as raised:
        sc.load({**SCENARIO, "horizon": "soon"})
    assert [fault.path for fault in raised.value.faults] == ["horizon"]
    assert issubclass(sc.FaultsError, sc.SimcostError)
    assert {name for name in vars(errors) if name.endswith("Error")} <= set(dir(sc))


def test_tables_of_a_result_are_those_of_its_folder(result: sc.Result) -> None:
    charges = result.table("charges")
    total = sum(charges.column("billed_cost_usd").to_pylist()) / result.document["replications"]
    assert total == pytest.approx(sum(plan["cost_usd"]["total"] for plan in result.plans))
    with pytest.raises(InputError, match="did you mean 'charges'"):
        result.table("charge")


def test_every_chart_of_a_result_draws_under_its_name(result: sc.Result) -> None:
    assert {"cost", "pareto", "slo", "latency", "fleet"} <= set(result.charts)
    for name in result.charts:
        assert result.chart(name).to_dict()["$schema"]
    with pytest.raises(InputError, match="there are: cost"):
        result.chart("costs of all")


def test_a_change_is_as_if_the_file_said_it(result: sc.Result, folder: Path) -> None:
    scenario = sc.load(SCENARIO)
    changed = scenario.with_changes({"plans.1.scaling.replicas": 1, "question": "Why?"})
    assert changed.question == "Why?"
    assert scenario.question == ""
    one, two = changed.run(folder / "changed").plans
    assert one["cost_usd"] == two["cost_usd"] == result.plans[0]["cost_usd"]
    assert changed.with_changes({"question": None}).question == ""
    with pytest.raises(InputError, match="nothing at '7'"):
        scenario.with_changes({"plans.7.name": "x"})
    with pytest.raises(FaultsError, match="replicas"):
        scenario.with_changes({"plans.0.scaling.replicas": -1})


def test_only_what_changed_is_simulated_again(result: sc.Result) -> None:
    runs = {path: path.stat().st_mtime_ns for path in (result.folder / "runs").iterdir()}
    dearer = sc.load(SCENARIO).with_changes({"plans.0.buy": {"offer": "aws/g6e.xlarge", "price": "$1/h"}})
    again = dearer.run(result.folder.parent / "mapping")
    assert {path: path.stat().st_mtime_ns for path in (result.folder / "runs").iterdir()} == runs
    assert again.plans[0]["cost_usd"]["total"] < result.plans[0]["cost_usd"]["total"]


def test_a_scenario_that_cannot_be_says_all_that_is_wrong() -> None:
    with pytest.raises(FaultsError) as error:
        sc.load({"scenario": "x", "plans": []})
    assert "slo: is required" in str(error.value)
    assert "needs at least 1" in str(error.value)
    with pytest.raises(InputError, match="no form"):
        sc.load({"scenario": "x", "plans": [object()]})


@pytest.mark.parametrize(
    ("verb", "options", "message"),
    [
        ("run", {"seeds": 0}, "seeds: 0 is not a whole number from 1 up"),
        ("run", {"seed": -1}, "seed: -1 is not a whole number from 0 up"),
        ("optimize", {"front": -1}, "front: -1 is not a whole number from 0 up"),
        ("optimize", {"budget": float("nan")}, "budget: nan is not a number from 0 up"),
        ("optimize", {"budget": -1}, "budget: -1 is not"),
        ("optimize", {"budget": "$500/month"}, r"budget: '\$500/month' has the unknown unit '/month'"),
        ("sweep", {"limit": 0}, "limit: 0 is not a whole number from 1 up"),
        ("sweep", {"limit": -1}, "limit: -1 is not"),
        ("advise", {"jobs": 0}, "jobs: 0 is not a whole number from 1 up"),
        ("sensitivity", {"vary": {}}, "vary: names no value"),
        (
            "sensitivity",
            {"vary": {"demand": (2, 0.5)}},
            "vary demand=2..0.5: 2 is not below 0.5; write the lower first",
        ),
        ("sensitivity", {"vary": {"demand": (0.5, float("inf"))}}, "vary demand=0.5..inf: its ends are not finite"),
        ("sensitivity", {"vary": {"demand": (0.5, 2)}, "seeds": 2.5}, "seeds: 2.5 is not a whole number from 1 up"),
    ],
)
def test_numbers_that_the_command_refuses_are_refused(
    folder: Path, verb: str, options: dict[str, object], message: str
) -> None:
    scenario = sc.load({**SCENARIO, "sweep": {"matrix": {"scaling.replicas": [1, 2]}}})
    with pytest.raises(InputError, match=message):
        getattr(scenario, verb)(out=folder / "refused", **options)
    assert not (folder / "refused").exists(), "nothing is written"


def test_sensitivity_has_a_row_for_each_range(folder: Path) -> None:
    answer = sc.sensitivity(SCENARIO, {"price.aws/g6e.xlarge": (1.0, 3.0)}, folder / "mapping")
    assert answer.to_arrow().column("path").to_pylist() == ["price.aws/g6e.xlarge"]
    assert answer.chart().to_dict()


def test_a_page_is_not_written_under_the_name_of_another_kind(folder: Path) -> None:
    answer = sc.command("catalog", "list", "accelerators")
    with pytest.raises(InputError, match=r"page\.pdf: the page is HTML; end its name in \.html"):
        answer.save(folder / "page.pdf")
    assert not (folder / "page.pdf").exists()


def test_ends_of_a_count_may_be_python_integers(folder: Path) -> None:
    path = "plans.0.scaling.replicas"
    answer = sc.sensitivity(SCENARIO, {path: (1, 3)}, folder / "mapping")
    assert answer.to_arrow().column("path").to_pylist() == [path]


def test_advice_has_a_row_for_each_action(folder: Path) -> None:
    answer = sc.advise(SCENARIO, "two", folder / "mapping")
    kinds = answer.to_arrow().column("kind").to_pylist()
    assert kinds == [action["kind"] for action in answer.document["actions"]]
    assert "number of replicas" in kinds, "one replica meets the SLO too"


def test_forecast_is_a_function_and_a_package(tmp_path: Path) -> None:
    import simcost.forecast.document  # takes the place of the function in `simcost`, unless the package can be called

    rows = [
        "timestamp,value",
        *(f"2026-01-{1 + h // 24:02}T{h % 24:02}:00:00Z,{100 + 10 * (h % 24)}" for h in range(336)),
    ]
    (tmp_path / "series.csv").write_text("\n".join(rows), encoding="utf-8")
    answer = sc.forecast(tmp_path / "series.csv", horizon="24h", paths=50)
    table = answer.to_arrow()
    assert table.num_rows == 24
    assert all(lo <= hi for lo, hi in zip(*(table.column(c).to_pylist() for c in ("lo_80", "hi_80")), strict=True))
    assert answer.chart().to_dict()
    assert simcost.forecast.document.__name__ == "simcost.forecast.document"


def test_importing_simcost_loads_nothing_heavy() -> None:
    code = "import simcost, sys; print([n for n in ('numpy', 'pydantic', 'simcost.api') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(sc.__all__) <= {*dir(sc.api), "forecast"}


def test_a_log_becomes_a_review(tmp_path: Path) -> None:
    log = tmp_path / "odd.csv"
    log.write_text("when,Tokens In,Tokens Out\n" + "".join(f"{i},{100 + i % 7},{20 + i % 5}\n" for i in range(600)))
    with pytest.raises(TraceError, match=r'did you mean columns=\{"prompt_tokens": "Tokens In"\}'):
        sc.import_log(log, tmp_path / "mine.parquet")
    names = {"arrival": "when", "prompt_tokens": "Tokens In", "output_tokens": "Tokens Out"}
    trace = sc.import_log(log, tmp_path / "mine.parquet", columns=names)
    assert trace.to_arrow()["rows"].to_pylist() == [600]
    scenario = sc.new_scenario(tmp_path / "mine.yaml", model="llama-3.1-8b", trace=tmp_path / "mine.parquet")
    assert scenario.name == "mine"
    assert len(scenario.plans) == 4
    result = scenario.run(tmp_path / "result", seeds=1)
    page = result.review(tmp_path / "review.html", author="Platform team").read_text(encoding="utf-8")
    assert "Platform team" in page
    with pytest.raises(InputError, match=r"\.html, \.md, \.pdf"):
        result.review(tmp_path / "review.txt")


def test_a_notebook_completes_the_names_of_the_api() -> None:
    assert set(dir(sc)) >= {"load", "run", "import_log", "new_scenario", "Result"}
