"""`simcost init` writes a scenario that is sound, whatever the answers."""

import io
import json
from pathlib import Path

import pytest

from simcost.cli.main import main
from simcost.scenario.checks.load import load


def answered(folder: Path, *options: str) -> Path:
    file = folder / "mine.yaml"
    assert main(["init", str(file), "--quiet", *options]) == 0
    return file


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--model", "llama-3.3-70b", "--on", "h100,h200,mi300x", "--provider", "any", "--rate", "20/s"),
        ("--ttft", "500ms", "--tpot", "25ms", "--attainment", "95%", "--prompt", "4000", "--output", "20"),
    ],
)
def test_what_is_written_is_a_sound_scenario(tmp_path: Path, options: tuple[str, ...]) -> None:
    scenario = load(answered(tmp_path, *options)).scenario
    assert scenario.scenario == "mine"
    accelerators = {plan.replica.accelerator for plan in scenario.plans if plan.replica}
    assert len(scenario.plans) == 2 * len(accelerators)


@pytest.mark.parametrize("name", ["20261005", "true", "1e3", "mine"])
def test_a_file_may_be_named_as_a_number_is(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.yaml"
    assert main(["init", str(file), "--quiet", "--rate", "1"]) == 0
    assert load(file).scenario.scenario == name


def test_a_model_of_the_user_is_known_by_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`init` knew the models of simcost alone."""
    (tmp_path / "config.json").write_text(
        '{"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, '
        '"num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 8192}'
    )
    facts = tmp_path / "facts"
    assert main(["catalog", "import", str(tmp_path), "--name", "mine", "-o", str(facts), "--quiet"]) == 0
    file = answered(tmp_path, "--model", "mine", "--catalog", str(facts))
    assert load(file).scenario.catalog == "facts"
    assert main(["init", str(tmp_path / "other" / "x.yaml"), "--model", "mine", "--catalog", str(facts)]) == 2
    assert "lies outside of" in capsys.readouterr().err


def test_more_load_takes_more_replicas(tmp_path: Path) -> None:
    counts = []
    for rate in ("2", "200"):
        (tmp_path / rate).mkdir()
        plan = load(answered(tmp_path / rate, "--on", "l40s", "--rate", rate)).scenario.plans[0]
        counts.append(plan.scaling.replicas)
    assert counts[0] < counts[1]


def test_a_trace_is_replayed(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = [f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z,300,50" for second in range(0, 600, 2)]
    log.write_text("\n".join(["arrival,prompt_tokens,output_tokens", *rows]), encoding="utf-8")
    trace = tmp_path / "log.parquet"
    assert main(["trace", "import", str(log), "--format", "csv", "-o", str(trace), "--quiet"]) == 0
    [workload] = load(answered(tmp_path, "--trace", str(trace))).scenario.workload
    assert workload.path == "log.parquet"


def test_the_model_is_the_one_that_the_requests_of_a_trace_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plans for llama-3.1-8b were written without a word, whatever model the log named."""
    head, trace = "arrival,prompt_tokens,output_tokens,model\n", tmp_path / "log.parquet"
    rows = "0,300,50,gpt-4o\n5,300,50,meta-llama/Llama-3.1-70B-Instruct\n9,300,50,gpt-4o\n"
    (tmp_path / "log.csv").write_text(head + rows, encoding="utf-8")
    assert main(["trace", "import", str(tmp_path / "log.csv"), "-o", str(trace), "--quiet"]) == 0
    file = answered(tmp_path, "--trace", str(trace))
    assert load(file).scenario.model == "llama-3.1-70b"
    assert "name another than llama-3.1-70b: gpt-4o (2)" in " ".join(capsys.readouterr().out.split())
    file.unlink()
    assert load(answered(tmp_path, "--trace", str(trace), "--model", "qwen3-8b")).scenario.model == "qwen3-8b"


def test_a_trace_of_any_name_is_found(tmp_path: Path) -> None:
    trace = tmp_path / "a #1: b.parquet"
    log = tmp_path / "log.csv"
    log.write_text("arrival,prompt_tokens,output_tokens\n0,300,50\n9,300,50\n", encoding="utf-8")
    assert main(["trace", "import", str(log), "-o", str(trace), "--quiet"]) == 0
    [workload] = load(answered(tmp_path, "--trace", str(trace))).scenario.workload
    assert workload.path == trace.name


def test_the_price_of_a_node_is_named_where_it_holds_several_replicas(tmp_path: Path) -> None:
    text = answered(tmp_path, "--model", "llama-3.1-8b", "--on", "mi300x", "--provider", "azure").read_text()
    assert "$6.00 an hour and replica, on demand, on nodes of 8 at $48.00" in text


def test_bad_answers_are_refused_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    for options, message in (
        (("--model", "lama-3.1-8b"), "llama-3.1-8b"),
        (("--on", "h1000"), "h1000"),
        (("--rate", "-1"), "--rate"),
        (("--rate", "20 rps"), "write e.g. 20 or 20/s"),
        (("--ttft", "soon"), "ttft"),
        (("--provider", "awz"), "--provider"),
        (("--trace", "t.parquet", "--rate", "50"), "--rate is of synthetic requests, and --trace has its own"),
    ):
        assert main(["init", str(file), "--quiet", *options]) == 2, options
        assert message in capsys.readouterr().err
        assert not file.exists()


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = answered(tmp_path)
    before = file.read_bytes()
    assert main(["init", str(file), "--quiet", "--rate", "99"]) == 2
    assert "exists" in capsys.readouterr().err
    assert file.read_bytes() == before


class Terminal(io.StringIO):
    """What a user types, line by line."""

    def isatty(self) -> bool:
        return True


def test_a_wrong_answer_is_told_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All nine questions were asked before the first answer was refused."""
    typed = ["lama-9", "llama-3.1-8b", "h1000", "l40s", "", "many", "5", "", "", "soon", "2s", "", ""]
    monkeypatch.setattr("sys.stdin", Terminal("\n".join(typed) + "\n"))
    file = tmp_path / "mine.yaml"
    assert main(["init", str(file)]) == 0
    said = capsys.readouterr().err
    assert [said.count(word) for word in ("'lama-9'", "'h1000'", "'many'", "'soon'")] == [1, 1, 1, 1]
    scenario = load(file).scenario
    assert (scenario.workload[0].rate, scenario.slo.ttft) == (5.0, 2.0)


def test_nothing_is_asked_for_a_file_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = answered(tmp_path)
    monkeypatch.setattr("sys.stdin", Terminal("\n" * 9))
    assert main(["init", str(file)]) == 2
    assert "Model" not in capsys.readouterr().err


def test_json_names_the_next_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    answered(tmp_path, "--json")
    assert json.loads(capsys.readouterr().out)["next"][1].startswith("simcost run ")


def test_one_replica_is_put_on_the_node_that_costs_least_as_a_whole(tmp_path: Path) -> None:
    plan = load(answered(tmp_path, "--on", "h100", "--rate", "2")).scenario.plans[0]
    assert plan.scaling.replicas == 1
    assert plan.buy.offer == "aws/p5.4xlarge"  # of one GPU, at the same price for each as the node of eight


def test_a_provider_of_own_offers_without_other_prices_says_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It said that the catalog has no offer of `ours` with l40s, but of ours."""
    facts = tmp_path / "facts"
    facts.mkdir()
    head = "provider,sku,region,accelerator,accelerators,on_demand_usd_per_h,source,as_of,quality"
    (facts / "offers.csv").write_text(f"{head}\nours,box,any,l40s,1,1.00,quote,2026-11-01,A\n", encoding="utf-8")
    words = ["--model", "llama-3.1-8b", "--provider", "ours", "--on", "l40s", "--catalog", str(facts)]
    assert main(["init", str(tmp_path / "x.yaml"), "--rate", "1", *words]) == 2
    said = capsys.readouterr().err
    assert "no storage price of ours, no egress price of ours" in said
    assert "no offer of ours" not in said
