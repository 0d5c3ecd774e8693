"""Workers of the local engine: the same results as in this process, whatever happens to them."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from support.execution_tasks import SmallRun, Squares, versions

from simcost.errors import InputError, RunError
from simcost.execution import local, memory, workers
from simcost.execution.assignments import Assignments
from simcost.execution.log import log_once
from simcost.execution.options import EngineOptions
from simcost.execution.task_file import TaskFile, TaskReference
from simcost.execution.workers import Workers

pytestmark = pytest.mark.slow

APART = EngineOptions(time_limit_s=60.0)
"""All runs in processes of their own."""


def none() -> None:
    """Nothing to note."""


def squares(
    folder: Path,
    runs: list[SmallRun],
    *,
    jobs: int = 2,
    options: EngineOptions | None = APART,
    note: Callable[[], None] = none,
) -> list[tuple[int, int]]:
    with Workers(folder, versions, jobs=jobs, options=options) as workers:
        return workers.execute(runs, Squares(folder=folder, numbers=np.arange(4)), note=note)


def drafts(folder: Path) -> list[Path]:
    return list(folder.glob(".draft-*"))


def gone(process: int) -> bool:
    """True once a process has ended."""
    until = monotonic() + 10
    while monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        sleep(0.05)
    return False


def test_results_are_in_order_and_of_no_more_processes_than_jobs(tmp_path: Path) -> None:
    runs = [SmallRun(number=i, replication=i // 3) for i in range(30)]
    found = squares(tmp_path, runs)
    assert [square for square, _ in found] == [i**2 + 6 for i in range(30)]
    assert os.getpid() not in {process for _, process in found}
    assert len({process for _, process in found}) <= 2
    assert all(run.share == 1.0 for run in runs)
    assert not drafts(tmp_path)


def test_a_worker_keeps_to_the_arrivals_that_it_holds(tmp_path: Path) -> None:
    runs = [SmallRun(number=i, replication=i % 3) for i in range(9)]
    task = Squares(folder=tmp_path)
    file = TaskFile(task, tmp_path, versions)
    todo = Assignments([(run, task) for run in runs], [file] * len(runs), None)
    one, other, taken = None, None, list[int]()
    for _ in range(3):
        one, other = todo.take(one), todo.take(other)
        assert one is not None
        assert other is not None
        assert (one % 3, other % 3) == (0, 1)
        taken += [one, other]
    assert [todo.take(one), todo.take(other)] == [2, 5], "both share what is left"
    assert sorted([*taken, 2, 5, todo.take(2)]) == list(range(9))
    assert todo.take(8) is None


def test_short_work_stays_in_this_process_and_long_work_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [SmallRun(number=i, kind="busy") for i in range(8)]
    assert {process for _, process in squares(tmp_path, runs[:3], options=None)} == {os.getpid()}
    monkeypatch.setattr(local, "WORTH_S", 0.5)
    assert len({process for _, process in squares(tmp_path, runs, options=None)}) == 2


def test_a_worker_starts_while_the_first_of_many_runs_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes runs as soon as that one is done; a few runs start none."""
    begun, begin = list[TaskReference](), local.WorkerProcess.begin

    def noted(worker: local.WorkerProcess, task: TaskReference) -> None:
        begun.append(task)
        begin(worker, task)

    monkeypatch.setattr(local.WorkerProcess, "begin", noted)
    monkeypatch.setattr(workers, "_WATCH_S", 0.02)
    runs = [SmallRun(number=i, kind="busy" if i < 4 else "slow") for i in range(24)]
    found = squares(tmp_path, runs, options=None)
    assert [square for square, _ in found] == [i**2 + 6 for i in range(24)]
    assert len({process for _, process in found}) == 2
    assert len(begun) == 1
    assert all(gone(process) for _, process in found if process != os.getpid())
    squares(tmp_path, runs[:4], options=None)
    assert len(begun) == 1


def test_no_worker_starts_early_where_all_places_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the second of two calls each place has a run at once: one worker more would take time, and do nothing."""
    begun = list[TaskReference]()
    monkeypatch.setattr(local.WorkerProcess, "begin", lambda _, task: begun.append(task))
    monkeypatch.setattr(workers, "_WATCH_S", 0.02)
    runs = [SmallRun(number=i, kind="busy" if i < 4 else "slow") for i in range(24)]
    task = Squares(folder=tmp_path, numbers=np.arange(4))
    with Workers(tmp_path, versions, jobs=2) as twice:
        for _ in range(2):
            twice.execute(runs, task, note=none)
            assert len(begun) == 1


def test_the_run_of_a_lost_worker_is_run_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    runs = [SmallRun(number=i, kind="killed once" if i in (2, 5) else "") for i in range(8)]
    assert [square for square, _ in squares(tmp_path, runs)] == [i**2 + 6 for i in range(8)]
    assert "run 2: its worker was lost (killed by signal 9" in caplog.text
    assert "1 of 3" in caplog.text


@pytest.mark.parametrize("options", [APART, None], ids=["processes", "in process"])
def test_runs_follow_others_as_these_end(tmp_path: Path, options: EngineOptions | None) -> None:
    tasks = {0: Squares(folder=tmp_path), 1: Squares(folder=tmp_path, numbers=np.ones(4))}
    lost = "killed once" if options else ""
    told: list[tuple[int, int]] = []
    runs = [SmallRun(number=10), SmallRun(number=20)]

    def then(number: int, result: tuple[int, int]) -> list[tuple[SmallRun, Squares]]:
        told.append((number, result[0]))
        if len(runs) >= 11 or runs[number].number % 10 == 3:
            return []
        following = [SmallRun(number=runs[number].number + i, kind=lost if i == 2 else "") for i in (1, 2)]
        runs.extend(following)
        return [(run, tasks[run.number % 2]) for run in following]

    work = [(run, tasks[0]) for run in runs]
    with Workers(tmp_path, versions, jobs=2, options=options) as workers:
        found = workers.execute_each(work, note=none, then=then)
    assert [square for square, _ in found] == [run.number**2 + 4 * (run.number % 2) for run in runs]
    assert len(runs) >= 11
    assert sorted(told) == [(number, square) for number, (square, _) in enumerate(found)]
    assert not drafts(tmp_path)


def test_an_error_in_what_follows_ends_all(tmp_path: Path) -> None:
    def then(number: int, _result: tuple[int, int]) -> list[tuple[SmallRun, Squares]]:
        if number == 2:
            raise InputError("nothing follows")
        return [(SmallRun(number=number + 1), task)]

    task = Squares(folder=tmp_path)
    with (
        Workers(tmp_path, versions, jobs=2, options=APART) as workers,
        pytest.raises(InputError, match="nothing follows"),
    ):
        workers.execute_each([(SmallRun(number=0), task)], note=none, then=then)
    assert not drafts(tmp_path)


def test_a_run_that_loses_its_workers_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run 1: its worker was lost 4 times.*killed by signal 9.*--jobs"):
        squares(tmp_path, [SmallRun(number=i, kind="killed" if i == 1 else "") for i in range(3)])
    assert not drafts(tmp_path)


def test_errors_are_those_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^run 3 is wrong$"):
        squares(tmp_path, [SmallRun(number=i, kind="wrong" if i == 3 else "") for i in range(6)])
    with pytest.raises(ZeroDivisionError) as broken:
        squares(tmp_path, [SmallRun(number=0, kind="broken")])
    assert "execution_tasks.py" in broken.value.__notes__[0], "where it happened"


def test_what_workers_log_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    squares(tmp_path, [SmallRun(number=i, kind="logs") for i in range(6)])
    assert caplog.text.count("said once") == 1


def test_a_message_is_logged_once_whoever_has_it(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("simcost.here", "simcost.there"):
        log_once(name, logging.WARNING, "the engine has changed")
    assert [record.name for record in caplog.records] == ["simcost.here"]


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run 0: takes longer than the limit of 0.5 s; raise --time-limit"):
        squares(tmp_path, [SmallRun(number=0, kind="endless")], options=EngineOptions(time_limit_s=0.5))
    assert not drafts(tmp_path)


def test_an_interrupt_leaves_no_process_and_no_draft(tmp_path: Path) -> None:
    def interrupt() -> None:
        if len(list(tmp_path.glob("*.begun"))) == 2:
            raise KeyboardInterrupt

    before = children()
    with pytest.raises(KeyboardInterrupt):
        squares(tmp_path, [SmallRun(number=i, kind="endless") for i in range(4)], note=interrupt)
    assert not drafts(tmp_path)
    assert not list(tmp_path.glob("*.found"))
    assert set(children()) <= set(before)


def children() -> list[int]:
    """Processes that this one has started and not waited for."""
    found = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(one) for one in found.read_text().split()] if found.exists() else []


COMMAND = """
import sys
from pathlib import Path
from support.execution_tasks import SmallRun, Squares, versions
from simcost.execution.options import EngineOptions
from simcost.execution.workers import Workers

folder = Path(sys.argv[1])
workers = Workers(folder, versions, jobs=2, options=EngineOptions(time_limit_s=60.0))
workers.execute([SmallRun(number=i, kind="endless") for i in range(2)], Squares(folder=folder), note=lambda: None)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes as Linux lists them")
def test_workers_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = subprocess.Popen([sys.executable, "-c", COMMAND, str(tmp_path)], env=paths)
    until = monotonic() + 30
    while len(list(tmp_path.glob("*.begun"))) < 2 and monotonic() < until:
        sleep(0.05)
    workers = list(map(int, Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()))
    threads = [int(one.name) for one in Path(f"/proc/{command.pid}/task").iterdir()]
    for thread in threads:
        workers += map(int, Path(f"/proc/{command.pid}/task/{thread}/children").read_text().split())
    command.kill()
    command.wait()
    assert len(set(workers)) == 2
    assert all(gone(worker) for worker in workers)
    assert not list(tmp_path.glob("*.found"))


def test_memory_bounds_the_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "fitting", lambda _peak: 1)
    runs = [SmallRun(number=i, kind="slow") for i in range(8)]
    assert len({process for _, process in squares(tmp_path, runs, jobs=8)}) == 2
    assert "memory suffices for 2 runs at a time" in caplog.text


def test_a_worker_is_given_up_where_memory_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "fitting", lambda _peak: 8)
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    runs = [SmallRun(number=i, replication=i, kind="slow") for i in range(12)]
    found = [process for _, process in squares(tmp_path, runs, jobs=3)]
    assert len(set(found[-4:])) == 1
    assert "memory is short" in caplog.text
    assert all(square == i**2 + 6 for i, (square, _) in enumerate(squares(tmp_path, runs[:3])))
