"""Ledgers on disk come back as they were, or not at all."""

from contextlib import AbstractContextManager, suppress
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.jobs_of import jobs_of
from support.ledgers import HOUR, ledger, outcomes, write_rows

from simcost.errors import RunError
from simcost.ledger.jobs import JobLedger, JobOutcomes
from simcost.ledger.request_tables import TIMELINE
from simcost.ledger.requests import LatencyLimits, Ledger, Sendings
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import FifoSkip
from simcost.scenario.storage.folders import OtherEngineError, whole_files, whole_folder, write_sums
from simcost.scenario.storage.ledgers import load_job_ledger, load_ledger, save_job_ledger, save_ledger
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.sim.jobs.simulate import schedule

SENT = [field.name for field in fields(Sendings)]
VALUES = [(0, 0.25, 2.0, 8), (0, 0.1, 0.1, 1), (1, 0.5, 9.75, 100)]


def sample(rows: Path | None = None) -> Ledger:
    counts = [
        {"arrived": 3, "completed": 2, "rejected": 1, "good": 1},
        {"arrived": 1, "completed": 1, "late": 0},
    ]
    felt = replace(
        outcomes(counts, VALUES, rows=rows), limits=LatencyLimits(ttft_s=0.3), outstanding_s=np.float64(1 / 3)
    )
    line = {
        "t_s": 0.1,
        "desired": 1,
        "ready": 1,
        "starting": 0,
        "draining": 0,
        "running": 2,
        "waiting": 0,
        "kv_tokens": 7,
    }
    made = ledger([(0.0, 7200.0)], [(0, "ready", 0.0, 7200.0, 0.1 + 0.2)], horizon_s=2 * HOUR, felt=felt, gb_out=1e-9)
    return replace(made, timeline=pa.Table.from_pylist([line], schema=TIMELINE))


def same(one: object, other: object) -> bool:
    if isinstance(one, pa.Table | np.ndarray):
        return type(one) is type(other) and bool(
            np.array_equal(one, other) if isinstance(one, np.ndarray) else one.equals(other, check_metadata=True)
        )
    return one == other


@pytest.mark.parametrize("sendings", [None, Sendings(**dict(zip(SENT, (9, 4, 3, 1, 1, 0, 5, 6, 7), strict=True)))])
def test_a_ledger_comes_back_without_loss(tmp_path: Path, sendings: Sendings | None) -> None:
    rows = write_rows(tmp_path / "rows.parquet", VALUES)
    saved = sample(rows)
    saved = replace(saved, outcomes=replace(saved.outcomes, sendings=sendings))
    (tmp_path / "run").mkdir()
    save_ledger(saved, tmp_path / "run")
    found = load_ledger(tmp_path / "run")
    for field in fields(Ledger):
        if field.name != "outcomes":
            assert same(getattr(saved, field.name), getattr(found, field.name)), field.name
    for field in fields(saved.outcomes):
        if field.name != "rows":
            assert same(getattr(saved.outcomes, field.name), getattr(found.outcomes, field.name)), field.name
    assert found.outcomes.rows is not None
    assert found.outcomes.rows.read_bytes() == rows.read_bytes()
    assert found.outcomes.rows.parent == tmp_path / "run"


@pytest.mark.parametrize("spot", [False, True])
def test_a_ledger_of_jobs_comes_back_without_loss(tmp_path: Path, spot: bool) -> None:
    work = jobs_of([0, 5, 9], [40, 30, 20], [2, 1, 9])
    saved = schedule(
        work,
        GpuCapacity(since_s=np.array([0.0, 20.0]), gpus=np.array([3, 2]), period_s=50.0),
        FifoSkip(),
        checkpoints=Checkpoints(interval=7, write=0.1, restart=1 / 3),
        keep_timeline=spot,
    )
    saved = replace(saved, nodes=sample().nodes if spot else None, facts={"x": 0.1})
    save_job_ledger(saved, tmp_path)
    found = load_job_ledger(tmp_path)
    for field in fields(JobLedger):
        if field.name != "outcomes":
            assert same(getattr(saved, field.name), getattr(found, field.name)), field.name
    for field in fields(JobOutcomes):
        assert same(getattr(saved.outcomes, field.name), getattr(found.outcomes, field.name)), field.name
    (tmp_path / "jobs.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="no whole run is stored here"):
        load_job_ledger(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "missing", "sealed not", "no json", "nothing"])
def test_a_damaged_folder_is_no_ledger(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    save_ledger(sample(), folder)
    nodes, said, sums = (folder / name for name in ("nodes.parquet", "ledger.json", "SHA256SUMS"))
    match damage:
        case "cut":
            nodes.write_bytes(nodes.read_bytes()[:-9])
        case "missing":
            nodes.unlink()
        case "sealed not":
            sums.unlink()
        case "no json":
            said.write_text("[1]")
            sums.unlink()
            write_sums(folder)
        case "nothing":
            folder = tmp_path / "none"
    with pytest.raises(RunError, match="no whole run is stored here"):
        load_ledger(folder)


def test_a_run_in_the_form_of_another_version_is_whole(tmp_path: Path) -> None:
    """`simcost verify` called each of them damaged, and a run warned of each."""
    save_ledger(sample(), tmp_path)
    said = tmp_path / "ledger.json"
    said.write_text(said.read_text().replace('"version": 3', '"version": 0'))
    (tmp_path / "SHA256SUMS").unlink()
    write_sums(tmp_path)
    with pytest.raises(OtherEngineError, match="made by engine"):
        load_ledger(tmp_path)


def interrupted(folder: AbstractContextManager[Path]) -> None:
    with suppress(KeyboardInterrupt), folder as draft:
        (draft / "z").write_text("3")
        raise KeyboardInterrupt


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    interrupted(whole_folder(target))
    assert list(tmp_path.iterdir()) == [], "nor the folder that was made for it"
    for text in ("1", "2"):
        with whole_folder(target) as draft:
            (draft / "x").write_text(text)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert (target / "x").read_text() == "2"


def test_files_move_in_together_and_the_last_one_seals(tmp_path: Path) -> None:
    for text in ("1", "2"):
        with whole_files(tmp_path, "seal") as draft:
            (draft / "t").mkdir()
            for name in ("seal", "z", "t/a"):
                (draft / name).write_text(text)
    interrupted(whole_files(tmp_path, "seal"))
    files = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"seal": "2", "z": "2", "t/a": "2"}
