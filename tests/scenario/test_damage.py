"""What is stored and was damaged is never shown: it is refused, or simulated again."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.jobs_of import jobs_of
from support.scenarios import Engine, write
from test_ledger_store import sample

import simcost.sim
from simcost.errors import InputError, RunError
from simcost.ledger.jobs import JobLedger
from simcost.ledger.requests import Sendings
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import FifoSkip
from simcost.scenario.checks.load import load
from simcost.scenario.runs.run import run
from simcost.scenario.storage import folders
from simcost.scenario.storage.engine_version import LIBRARIES, MADE_BY, engine_version, fingerprint
from simcost.scenario.storage.folders import OtherEngineError
from simcost.scenario.storage.ledgers import load_job_ledger, load_ledger, save_job_ledger, save_ledger
from simcost.scenario.storage.results import finished_plan
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.sim.jobs.simulate import schedule
from simcost.studies.plans.sections import read

PACKAGE = Path(simcost.__file__).parent
NOT_OF_RUNS = {
    "__init__.py",
    "__init__.pyi",
    "__main__.py",
    "api",
    "billing",
    "catalog",
    "cli",
    "compare",
    "documents.py",
    "errors.py",
    "execution",
    "gates.py",
    "outputs.py",
    "progress.py",
    "py.typed",
    "present",
    "record.py",
    "slo",
    "studies",
}
"""Money, targets, words, how records are made, engines that execute it, and what is known of hardware: a stored run
depends on values of theirs at most, by its key."""


def job_sample() -> JobLedger:
    work = jobs_of([0, 5, 9], [40, 30, 20], [2, 1, 9])
    return schedule(
        work,
        GpuCapacity(since_s=np.array([0.0, 20.0]), gpus=np.array([3, 2]), period_s=50.0),
        FifoSkip(),
        checkpoints=Checkpoints(interval=7, write=0.1, restart=1 / 3),
        keep_timeline=True,
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of requests and one of jobs."""
    folder = tmp_path_factory.mktemp("stored")
    for name, save, ledger in (("requests", save_ledger, sample()), ("jobs", save_job_ledger, job_sample())):
        (folder / name).mkdir()
        save(ledger, folder / name)  # type: ignore[operator]
    return {"requests": folder / "requests", "jobs": folder / "jobs"}


LOADERS: dict[str, Callable[[Path], Any]] = {"requests": load_ledger, "jobs": load_job_ledger}


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(what=st.sampled_from(sorted(LOADERS)), data=st.data())
def test_a_stored_run_with_any_bit_flipped_is_refused(stored: dict[str, Path], what: str, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(stored[what].iterdir())))
    before = file.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(before) - 1))
    try:
        damaged = bytearray(before)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        with pytest.raises(RunError):
            LOADERS[what](stored[what])
    finally:
        file.write_bytes(before)
    LOADERS[what](stored[what])


def test_a_stored_run_with_a_file_too_many_is_refused(tmp_path: Path) -> None:
    save_ledger(sample(), tmp_path)
    (tmp_path / "outcomes.parquet").write_bytes(b"")
    with pytest.raises(RunError, match=r"outcomes.parquet does not fit"):
        load_ledger(tmp_path)


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"arrived": 9}, "that arrived are not those that left"),
        ({"rejected": 0, "in_system": 1}, "rejected of the win"),
        (
            {
                "sendings": Sendings(
                    arrived=9,
                    completed=3,
                    rejected=1,
                    timed_out=0,
                    lost=0,
                    in_system=0,
                    retries=0,
                    refused=0,
                    waiting=0,
                )
            },
            "retries do not add up",
        ),
        (
            {
                "by_priority": (
                    {
                        "priority": 1,
                        "arrived": 1,
                        "completed": 3,
                        "rejected": 1,
                        "timed_out": 0,
                        "lost": 0,
                        "in_system": 0,
                        "good": 1,
                    },
                )
            },
            "arrived of the priorities",
        ),
    ],
)
def test_a_run_that_breaks_a_law_is_refused(tmp_path: Path, change: dict[str, Any], law: str) -> None:
    saved = sample()
    save_ledger(replace(saved, outcomes=replace(saved.outcomes, **change)), tmp_path)
    with pytest.raises(RunError, match=law):
        load_ledger(tmp_path)


@pytest.mark.parametrize("horizon_s", [10.0])
def test_nodes_beyond_the_end_of_a_run_are_refused(tmp_path: Path, horizon_s: float) -> None:
    save_ledger(replace(sample(), horizon_s=horizon_s), tmp_path)
    with pytest.raises(RunError, match="nodes are there outside of the run"):
        load_ledger(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"gpu_seconds": {"useful": 1e9}}, "more than the cluster has"),
        ({"gpu_seconds": {"useful": -9.0}}, "negative"),
        ({"gpu_seconds": {"useful": 9.0}}, "not the sum of what each held"),
    ],
)
def test_jobs_that_break_a_law_are_refused(tmp_path: Path, change: dict[str, Any], law: str) -> None:
    save_job_ledger(replace(job_sample(), **change), tmp_path)
    with pytest.raises(RunError, match=law):
        load_job_ledger(tmp_path)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The simulator replaced by one that counts."""
    found = Engine()
    monkeypatch.setattr(simcost.sim, "simulate", found)
    return found


def test_a_damaged_run_is_simulated_again_with_a_word(
    tmp_path: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    first = run(load(write(tmp_path)), tmp_path / "out")
    said = next((tmp_path / "out" / "runs").glob("*/ledger.json"))
    text = said.read_text().replace('"horizon_s": 600.0', '"horizon_s": 700.0')
    assert text != said.read_text()
    said.write_text(text)
    with caplog.at_level(logging.WARNING):
        assert run(load(write(tmp_path)), tmp_path / "out") == first
    assert engine.calls == 4 + 1
    assert [record.getMessage() for record in caplog.records] == [
        f"{said.parent}: no whole run is stored here (ledger.json does not fit its checksum); it is simulated again"
    ]


def test_runs_of_another_engine_are_simulated_again_with_one_word(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = run(load(write(tmp_path)), tmp_path / "out")
    monkeypatch.setattr(folders, "engine_version", lambda: "0123456789ab")
    monkeypatch.setattr("simcost.scenario.runs.provenance.engine_version", lambda: "0123456789ab")
    after = run(load(write(tmp_path)), tmp_path / "out")
    assert engine.calls == 8
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"{tmp_path}/out/runs: the engine has changed since these runs were stored; they are simulated again"
    ]
    assert before["provenance"]["engine_version"] == engine_version()
    assert after["provenance"]["engine_version"] == "0123456789ab"
    run(load(write(tmp_path)), tmp_path / "out")
    assert engine.calls == 8, "those of this engine are reused"


def test_a_run_says_which_engine_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_ledger(sample(), tmp_path)
    assert json.loads((tmp_path / "ledger.json").read_text())["engine_version"] == engine_version()
    monkeypatch.setattr(folders, "engine_version", lambda: "another")
    with pytest.raises(OtherEngineError, match="made by engine"):
        load_ledger(tmp_path)


def test_the_version_of_the_engine_changes_with_its_code_alone(tmp_path: Path) -> None:
    for part in MADE_BY:
        file = tmp_path / part if part.endswith(".py") else tmp_path / part / "inner" / "one.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("A = 1\n")
    seen = {fingerprint(tmp_path)}
    for part in MADE_BY:
        file = tmp_path / part if part.endswith(".py") else tmp_path / part / "inner" / "one.py"
        file.write_text("A = 2\n")
        seen.add(fingerprint(tmp_path))
    (tmp_path / "sim" / "inner" / "one.py").rename(tmp_path / "sim" / "one.py")
    seen.add(fingerprint(tmp_path))
    assert len(seen) == len(MADE_BY) + 2
    (tmp_path / "present").mkdir()
    (tmp_path / "present" / "html.py").write_text("A = 1\n")
    assert fingerprint(tmp_path) in seen


def test_the_version_of_the_engine_changes_with_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(PACKAGE)
    for name in LIBRARIES:
        with monkeypatch.context() as patched:
            patched.setattr(
                "simcost.scenario.storage.engine_version.version",
                lambda other, name=name: "9" if other == name else "1",
            )
            assert fingerprint(PACKAGE) != before


def test_every_part_of_the_package_is_of_the_engine_or_declared_not_to_be() -> None:
    parts = {path.name for path in PACKAGE.iterdir()} - {"__pycache__"}
    assert parts == {*MADE_BY} | NOT_OF_RUNS


@pytest.mark.parametrize("name", ["result.json", "scenario.yaml", "tables/runs.parquet", "SHA256SUMS"])
def test_a_damaged_result_is_not_read(tmp_path: Path, engine: Engine, name: str) -> None:
    run(load(write(tmp_path)), tmp_path / "out")
    finished_plan(tmp_path / "out")
    file = tmp_path / "out" / name
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    for reader in (finished_plan, read):
        with pytest.raises(InputError, match="no finished result"):
            reader(tmp_path / "out")
