"""Runs of a scenario: stored, reused, resumed, the same whatever the number of jobs."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.scenarios import Engine, write

import simcost.sim
from simcost.errors import RunError
from simcost.scenario.checks.load import load
from simcost.scenario.runs.resolve import engine_factors, settle
from simcost.scenario.runs.run import run

THREE = ("seeds: 2", "seeds: 3")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The simulator replaced by one that counts."""
    found = Engine()
    monkeypatch.setattr(simcost.sim, "simulate", found)
    return found


def result(folder: Path, *changes: tuple[str, str], **options: Any) -> dict[str, Any]:
    return run(load(write(folder, *changes)), folder / "out", **options)


def contents(folder: Path, *, runs: bool = True) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (runs or "runs" not in path.parts)
    }


def test_a_file_that_is_edited_while_its_run_goes_on_is_not_named_as_its_input(tmp_path: Path, engine: Engine) -> None:
    """A result names what its figures are of; else an edited file passed for having been run."""
    file = write(tmp_path)
    content = file.read_bytes()
    loaded = load(file)
    file.write_bytes(content + b"# edited\n")
    inputs = run(loaded, tmp_path / "out")["provenance"]["inputs"]
    assert list(inputs.values()) == [sha256(content).hexdigest()]


def test_facts_and_measurements_that_are_edited_meanwhile_are_named_as_they_were_read(
    tmp_path: Path, engine: Engine
) -> None:
    """The figures are of these; a file edited before the result was written passed for the one that was read."""
    prices = tmp_path / "facts" / "contracts.csv"
    prices.parent.mkdir()
    prices.write_text(
        "provider,sku,region,price_per_h,source,as_of,quality\naws,g6.xlarge,us-east-1,0.6,agreement,2026-01-01,A\n"
    )
    measured = tmp_path / "measured.yaml"
    measured.write_text("replica: {accelerator: l4, step: {a: 9.6ms, b: 36us, c: 40us, d: 1.2ns}}\n")
    own = (
        ("plans:", "catalog: facts\nplans:"),
        ("replica: {accelerator: l4}", "replica: {accelerator: l4, from: measured.yaml}"),
    )
    loaded = load(write(tmp_path, *own))
    read = {file.name: sha256(file.read_bytes()).hexdigest() for file in (prices, measured)}
    prices.write_text(prices.read_text().replace("0.6", "0.1"))
    measured.write_text(measured.read_text().replace("9.6", "1.6"))
    inputs = run(loaded, tmp_path / "out")["provenance"]["inputs"]
    assert {Path(name).name: digest for name, digest in inputs.items() if Path(name).name in read} == read


def test_a_file_with_a_byte_order_mark_is_named_as_it_lies_there(tmp_path: Path, engine: Engine) -> None:
    file = write(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    inputs = run(load(file), tmp_path / "out")["provenance"]["inputs"]
    assert list(inputs.values()) == [sha256(file.read_bytes()).hexdigest()]


def test_the_results_folder_is_complete(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = result(tmp_path)
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == document
    assert document["question"] == ""
    assert document["provenance"].keys() >= {"simcost_version", "seed", "inputs", "catalog_date"}
    assert list(document["provenance"]["inputs"]) == ["small.yaml"]
    assert document["files"][0] == "out/result.json"
    assert all(Path(name).is_file() for name in document["files"])
    tables = {path.stem: pq.read_table(path) for path in (tmp_path / "out" / "tables").iterdir()}
    assert set(tables) == {"timeline", "held", "hours", "latency", "charges", "runs", "nodes"}
    assert [(row["plan"], row["replication"]) for row in tables["runs"].to_pylist()] == [
        ("one", 0),
        ("one", 1),
        ("two", 0),
        ("two", 1),
    ]
    charged = sum(row["billed_cost_usd"] for row in tables["charges"].to_pylist() if row["plan"] == "two") / 2
    assert charged == pytest.approx(document["plans"][1]["cost_usd"]["total"])


def test_the_resolved_scenario_reads_back_to_the_same(tmp_path: Path, engine: Engine) -> None:
    first = result(tmp_path, seeds=3, seed=7)
    again = load(tmp_path / "out" / "scenario.yaml")
    assert (again.scenario.seeds, again.scenario.seed, again.scenario.horizon) == (3, 7, 600.0)
    second = run(again, tmp_path / "out")
    assert engine.calls == 6
    assert second["plans"] == first["plans"]


def test_a_second_run_simulates_nothing_unless_fresh(tmp_path: Path, engine: Engine) -> None:
    first = result(tmp_path)
    before = contents(tmp_path / "out")
    assert engine.calls == 4
    assert result(tmp_path) == first
    assert contents(tmp_path / "out") == before
    assert engine.calls == 4
    result(tmp_path, fresh=True)
    assert engine.calls == 8


def test_money_and_names_are_changed_without_simulating(tmp_path: Path, engine: Engine) -> None:
    first = result(tmp_path)
    offer = "buy: {offer: aws/g6.xlarge"
    changes = ((offer, f"{offer}, price: $100/h"), ("name: two", "name: three"), ("95%", "1%"))
    dear = result(tmp_path, *changes)
    assert engine.calls == 4
    assert dear["plans"][1]["cost_usd"]["by_category"]["compute"] == pytest.approx(2 * 100 / 6)
    assert dear["plans"][0]["cost_usd"]["total"] > first["plans"][0]["cost_usd"]["total"]


@pytest.mark.parametrize(
    "change",
    [
        ("replicas: 1", "replicas: 3"),
        ("rate: 0.5/s", "rate: 0.6/s"),
        ("horizon: 10min", "horizon: 11min"),
        ("ttft: 1s", "ttft: 2s"),
        ("scenario: small", "seed: 2\nscenario: small"),
        ("{accelerator: l4}", "{accelerator: l4, memory_utilisation: 0.5}"),
    ],
)
def test_what_a_run_depends_on_is_simulated_anew(tmp_path: Path, engine: Engine, change: tuple[str, str]) -> None:
    result(tmp_path)
    result(tmp_path, change)
    assert engine.calls > 4


def test_plans_that_differ_in_money_alone_share_their_runs(tmp_path: Path, engine: Engine) -> None:
    document = result(tmp_path, ("replicas: 2", "replicas: 1"))
    assert engine.calls == 2
    assert [plan["name"] for plan in document["plans"]] == ["one", "two"]
    assert document["differences"][0]["cost_usd"]["mean"] == 0


def test_an_interrupted_sweep_leaves_nothing_half_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Engine(fail_at=3)
    monkeypatch.setattr(simcost.sim, "simulate", stopped)
    with pytest.raises(KeyboardInterrupt):
        result(tmp_path, THREE)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["runs"]
    kept = list((tmp_path / "out" / "runs").iterdir())
    assert len(kept) == 2
    assert all((folder / "ledger.json").is_file() for folder in kept)
    going_on = Engine()
    monkeypatch.setattr(simcost.sim, "simulate", going_on)
    resumed = result(tmp_path, THREE)
    assert going_on.calls == 4
    other = tmp_path / "other"
    other.mkdir()
    assert result(other, THREE)["plans"] == resumed["plans"]


def test_an_interrupt_keeps_the_finished_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    result(tmp_path)
    before = contents(tmp_path / "out")
    monkeypatch.setattr(simcost.sim, "simulate", Engine(fail_at=1))
    with pytest.raises(KeyboardInterrupt):
        result(tmp_path, fresh=True)
    assert contents(tmp_path / "out") == before


def test_an_interrupt_in_the_main_thread_stops_the_engines(tmp_path: Path, engine: Engine) -> None:
    def interrupt(share: float, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        result(tmp_path, progress=interrupt)
    assert not (tmp_path / "out" / "result.json").exists()
    assert not list((tmp_path / "out" / "runs").glob(".*"))


def test_a_failed_run_fails_the_whole_with_its_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simcost.sim, "simulate", Engine(fail_at=2, error=RunError))
    with pytest.raises(RunError):
        result(tmp_path, jobs=2)
    assert not (tmp_path / "out" / "result.json").exists()


def test_a_damaged_run_is_done_again(tmp_path: Path, engine: Engine) -> None:
    first = result(tmp_path)
    for folder in list((tmp_path / "out" / "runs").iterdir())[:2]:
        (folder / "replicas.parquet").write_bytes(b"PAR1")
    assert result(tmp_path) == first
    assert engine.calls == 6


def test_the_result_is_the_same_whatever_the_jobs(tmp_path: Path) -> None:
    found = []
    for jobs in (1, 3):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        result(folder, THREE, jobs=jobs)
        found.append(
            {name: text for name, text in contents(folder / "out").items() if name not in ("result.json", "SHA256SUMS")}
        )
    assert found[0] == found[1]
    documents = [json.loads((tmp_path / jobs / "out" / "result.json").read_text()) for jobs in "13"]
    assert documents[0]["plans"] == documents[1]["plans"]
    assert documents[0]["plans"][0]["requests"]["arrived"] > 200


def test_progress_ends_at_one(tmp_path: Path, engine: Engine) -> None:
    seen: list[tuple[float, str]] = []
    result(tmp_path, progress=lambda share, what: seen.append((share, what)))
    assert seen[-1] == (1.0, "4 of 4 runs")
    assert [share for share, _ in seen] == sorted(share for share, _ in seen)


def test_engine_factors_are_balanced_and_shared(tmp_path: Path) -> None:
    factors = engine_factors(0.2, 1, 5, "m", "h100")
    logs = sorted(f for f in factors)
    assert len(set(factors)) == 5
    assert logs[0] * logs[4] == pytest.approx(1.0)
    assert logs[2] == pytest.approx(1.0)
    for seeds in (2, 3, 5, 60):
        spread = np.std(np.log(engine_factors(0.2, 1, seeds, "m", "h100")))
        assert spread == pytest.approx(0.2), "as stated, however few there are"
    assert factors == engine_factors(0.2, 1, 5, "m", "h100")
    assert factors != engine_factors(0.2, 2, 5, "m", "h100")
    assert engine_factors(0.2, 1, 1, "m", "h100") == (1.0,)
    one, two = settle(load(write(tmp_path)), seed=None, seeds=4).plans
    assert one.factors == two.factors
    sampled = one.sampled(0).step
    assert sampled.seconds(10, 3, 500, 60) == pytest.approx(one.pool.step.seconds(10, 3, 500, 60) * one.factors[0])


def test_a_results_folder_is_billed_as_the_run_was(tmp_path: Path) -> None:
    """Without a simulation: nodes and volumes of the folder under a plan that commits to nothing."""
    from simcost.scenario.inputs.purchasing import price_usage

    document = run(load(write(tmp_path)), tmp_path / "out")
    (tmp_path / "on-demand.yaml").write_text("purchasing: on demand\n")
    name = document["plans"][0]["name"]
    [(priced, _)] = price_usage(tmp_path / "out", [tmp_path / "on-demand.yaml"], {}, name)
    [total] = [
        row["total_usd"]
        for row in pq.read_table(tmp_path / "out/tables/runs.parquet").to_pylist()
        if (row["plan"], row["replication"]) == (name, 0)
    ]
    assert priced["effective_usd"] == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize(
    ("bought", "said"),
    [
        ("kind: spot, offer: aws/g6.xlarge, price: $0.3/h}", True),
        (
            (
                "kind: spot, offer: aws/g6.xlarge, price: $0.3/h}\n"
                "    interruptions: {spot: {kind: hazard, per_node_h: 0.1}}"
            ),
            False,
        ),
        ("offer: aws/g6.xlarge}", False),
    ],
)
@pytest.mark.usefixtures("engine")
def test_spot_that_is_never_taken_back_says_so(tmp_path: Path, bought: str, *, said: bool) -> None:
    found = result(tmp_path, ("buy: {offer: aws/g6.xlarge}", f"buy: {{{bought}"))
    assert any("Spot nodes are never taken back" in line for line in found["assumptions"]) == said


@pytest.mark.slow
def test_a_fleet_that_changes_in_a_later_replication_only_is_reported(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replication 0 has its course drawn whether its own fleet changed or not."""
    from simcost.ledger.request_tables import EVENTS
    from simcost.studies.plans.sections import read

    def later(pool: Any, arrivals: Any, *, rows: Path | None, **options: Any) -> Any:
        ledger = engine(pool, arrivals, rows=rows, **options)
        events = [
            {"t_s": 60.0, "what": "desired", "value": 2.0},
            {"t_s": 90.0, "what": "started", "value": 30.0},
        ]
        return ledger if rows is not None else replace(ledger, events=pa.Table.from_pylist(events, EVENTS))

    monkeypatch.setattr(simcost.sim, "simulate", later)
    document = result(tmp_path)
    assert [plan["following"]["cold_starts"] for plan in document["plans"]] == [0.5, 0.5], "means over both"
    _, shown = read(tmp_path / "out")
    assert set(shown["followed"]["plan"].to_pylist()) <= {"one", "two"}
