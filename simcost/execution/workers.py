"""Workers of an engine: they get runs as they become free, are watched, replaced if lost, and stopped together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Protocol, Self, TypeVar

from simcost.execution.assignments import Assignments
from simcost.execution.cluster import ClusterEngine
from simcost.execution.local import LocalEngine
from simcost.execution.log import log_once
from simcost.execution.options import EngineOptions
from simcost.execution.slots import Slot
from simcost.execution.task import LostWorkerError, Runnable, StoppedError, Task
from simcost.execution.task_file import HELD, TaskFile, Versions
from simcost.outputs import new_folders, remove_empty

_WATCH_S = 0.2
R = TypeVar("R", bound=Runnable)
T = TypeVar("T")


class ExecutionEngine(Protocol):
    """Places at which runs are performed."""

    def slots(self) -> list[Slot]:
        """The places that there are."""

    def more(self, todo: Assignments) -> list[Slot]:
        """New places, which is asked now and then."""

    def keeps(self, slot: Slot, todo: Assignments) -> bool:
        """True if a place may take a further run."""

    def ended(self, todo: Assignments) -> None:
        """Called when all runs are done, or all places have been stopped."""

    def close(self) -> None:
        """Let go of everything."""


class Workers:
    """Workers of an engine, started when there is enough to do and kept until the end of the context.

    Args:
        folder: in which runs are stored; workers on other machines see it under the same path.
        versions_of: versions on which results depend: a function at the top of a module.
        jobs: runs at a time on this machine.
        options: which engine, and where.
        ahead: runs that come after those of the first call, as far as that is known: whether workers pay depends on it.
    """

    def __init__(
        self,
        folder: Path,
        versions_of: Versions,
        *,
        jobs: int = 1,
        options: EngineOptions | None = None,
        ahead: int = 0,
    ) -> None:
        self._folder, self._versions_of, self._jobs, self._ahead = folder, versions_of, jobs, ahead
        self._options = options or EngineOptions()
        self._engine: ExecutionEngine | None = None
        self._files: list[TaskFile] = []
        """Those of the last tasks, the newest last."""
        self._new_folders: list[Path] = []

    def execute(self, runs: Sequence[R], task: Task[R, T], *, note: Callable[[], None]) -> list[T]:
        """Results of a task for each run, in their order.

        Args:
            runs: those with the same `replication` go to the same worker where that is possible.
            task: what to do with each.
            note: called in this thread now and then.

        Raises:
            KeyboardInterrupt: finished runs stay stored, the others leave nothing.
            RunError: a run whose worker was lost again and again, or that took too long.
        """
        return self.execute_each([(run, task) for run in runs], note=note)

    def execute_each(
        self,
        work: Sequence[tuple[R, Task[R, T]]],
        *,
        note: Callable[[], None],
        then: Callable[[int, T], Sequence[tuple[R, Task[R, T]]]] | None = None,
    ) -> list[T]:
        """Results of runs, each with a task of its own, in their order. Else as `execute`, and raises as it.

        Args:
            work: the runs and their tasks.
            note: called in this thread now and then.
            then: called in this thread with the number and the result of each run that is done; its runs follow. They
                are done as soon as workers are free, and have the next numbers. None = none follow.
        """
        todo = Assignments(work, self._files_of(work), self._options.time_limit_s, grows=then is not None)
        engine, working, threads = self._opened(), list[Slot](), list[Thread]()
        idle = engine.slots()
        try:
            while not todo.ended.is_set():
                while idle and len(working) < len(todo.runs):
                    working.append(idle.pop(0))
                    threads.append(Thread(target=self._work, args=(engine, working[-1], todo), daemon=True))
                    threads[-1].start()
                for number, result in todo.fresh(_WATCH_S).items():
                    following = then(number, result) if then else ()
                    todo.follow(number, following, self._files_of(following, todo.files))
                idle += engine.more(todo)
                note()
            return todo.results()
        finally:
            todo.end()
            if not todo.complete:
                _stop(working)
            for thread in threads:
                thread.join()
            engine.ended(todo)
            note()

    def __enter__(self) -> Self:
        self._new_folders = new_folders(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        for file in self._files:
            file.remove()
        self._files = []
        if kind is not None:  # before the first run was stored
            remove_empty(self._new_folders)

    def _opened(self) -> ExecutionEngine:
        if self._engine is None:
            self._engine = _engine(self._options, self._folder, self._jobs, self._ahead)
        return self._engine

    def _files_of(self, work: Sequence[tuple[R, Task[R, T]]], others: Sequence[TaskFile] = ()) -> list[TaskFile]:
        """The file of the task of each run; kept are those of others that are needed, and of the last tasks."""
        known = {id(file.task): file for file in self._files}
        files = []
        for _, task in work:
            if id(task) not in known:
                known[id(task)] = TaskFile(task, self._folder, self._versions_of)
            files.append(known[id(task)])
        needed = set(map(id, (*files, *others)))
        self._files = list(known.values())
        for old in [file for file in self._files if id(file) not in needed][: max(len(self._files) - HELD, 0)]:
            old.remove()
            self._files.remove(old)
        return files

    def _work(self, engine: ExecutionEngine, slot: Slot, todo: Assignments) -> None:
        """Perform runs at one place until there are no more."""
        last = None
        while (number := todo.take(last)) is not None:
            try:
                outcome = slot.perform(todo.assignment(number), todo.tell(number))
            except StoppedError:
                return
            except LostWorkerError as loss:
                todo.lost(number, loss)
            except BaseException as error:  # noqa: BLE001 - raised in the thread of the command
                todo.fail(error)
                return
            else:
                for logged in outcome.logged:
                    log_once(*logged)
                todo.done(number, outcome)
            last = number
            if not engine.keeps(slot, todo):
                return


def _engine(options: EngineOptions, folder: Path, jobs: int, ahead: int) -> ExecutionEngine:
    """The engine that was asked for. Raises InputError where it is not there."""
    if options.name == "dask":
        from simcost.execution.dask_cluster import DaskCluster

        return ClusterEngine(DaskCluster(options.address, jobs))
    if options.name == "ray":
        from simcost.execution.ray_cluster import RayCluster

        return ClusterEngine(RayCluster(options.address, jobs))
    return LocalEngine(folder, jobs=jobs, apart=options.time_limit_s is not None, ahead=ahead)


def _stop(slots: Sequence[Slot]) -> None:
    """Stop all at the same time."""
    threads = [Thread(target=slot.stop) for slot in slots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
