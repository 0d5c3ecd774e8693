"""Assignments of a command: which run a worker gets next, and what came of each."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from logging import getLogger
from threading import Condition, Event
from time import process_time
from typing import Any

from simcost.errors import RunError
from simcost.execution.task import Assignment, LostWorkerError, Runnable, Task, TaskOutcome, Tell
from simcost.execution.task_file import TaskFile

RETRIES = 3
"""Times that a run whose worker was lost is performed again."""
_AFTER_S = 3.0
"""CPU seconds from which on even the first run tells how long the others take: it also loads the compiled code."""
_LOG = getLogger(__name__)
_Key = tuple[int, object]
"""Arrivals: of which workload, and which replication."""
_Group = tuple[int, int]
"""Runs queued together: how many others they follow, one after another, and the number of the first."""
Work = Sequence[tuple[Runnable, Task[Any, Any]]]
"""Runs, each with what to do with it."""


class Assignments:
    """Runs that are to do, at work and done; threads of all workers share it.

    Args:
        work: runs in the order in which they are to be done, each with what to do with it.
        files: the task of each, for workers elsewhere.
        time_limit_s: of one run.
        grows: each run that is done, as `fresh` tells, is followed by others, as `follow` is told.
    """

    def __init__(
        self, work: Work, files: Sequence[TaskFile], time_limit_s: float | None, *, grows: bool = False
    ) -> None:
        self.runs: list[Runnable] = []
        self.ended = Event()
        """All are done, or one has failed, or the command stops."""
        self._tasks: list[Task[Any, Any]] = []
        self._files: list[TaskFile] = []
        self._keys: list[_Key] = []
        self._groups: list[_Group] = []
        self._waiting: dict[_Group, dict[_Key, deque[int]]] = {}
        """By group and arrivals; none are empty."""
        self._time_limit_s, self._grows = time_limit_s, grows
        self._fresh: list[int] = []
        self._open = 0
        """Runs that are not done, or not followed yet."""
        self._changed = Condition()
        self._users, self._lost = Counter[_Key](), Counter[int]()
        self._results: dict[int, Any] = {}
        self._error: BaseException | None = None
        self._begun_s = process_time()
        self._ends_s: list[float] = []
        """CPU seconds at which runs were done."""
        self.peak_bytes = 0
        """Most memory that a worker has taken."""
        self._add(work, files)
        if not work:
            self.ended.set()

    @property
    def waiting(self) -> int:
        """Number of runs that no worker has."""
        with self._changed:
            return sum(len(runs) for group in self._waiting.values() for runs in group.values())

    @property
    def complete(self) -> bool:
        """True if all are done, and followed."""
        return self._open == 0

    @property
    def files(self) -> list[TaskFile]:
        """Tasks of the runs that are not done."""
        with self._changed:
            return [file for number, file in enumerate(self._files) if number not in self._results]

    @property
    def any_done(self) -> bool:
        """True once a run has shown how long they take."""
        return bool(self._ends_s)

    @property
    def elapsed_s(self) -> float:
        """CPU seconds of this process since the start."""
        return process_time() - self._begun_s

    def left_s(self, ahead: int = 0) -> float:
        """CPU seconds that the runs that wait will take, and so many after them, as the last ones tell; 0 as long as
        they do not.

        Of the last two the shorter counts: one of them may have loaded the compiled code.
        """
        ends_s = [0.0, *self._ends_s][-3:]
        current_s = self.elapsed_s - ends_s[-1]
        if current_s > _AFTER_S:
            return (self.waiting + ahead) * current_s
        return (self.waiting + ahead) * min(ends_s[2] - ends_s[1], ends_s[1] - ends_s[0]) if len(ends_s) > 2 else 0.0

    def results(self) -> list[Any]:
        """All results, in the order of the runs. Raises the error of the run that failed."""
        if self._error is not None:
            raise self._error
        return [self._results[number] for number in range(len(self.runs))]

    def fresh(self, timeout_s: float) -> dict[int, Any]:
        """Results by number of the runs to follow that were done since the last call; waits for one, or for the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._fresh or self.ended.is_set(), timeout_s)
            fresh, self._fresh = self._fresh, []
            return {number: self._results[number] for number in fresh}

    def follow(self, number: int, work: Work, files: Sequence[TaskFile]) -> None:
        """Queue what follows a run that `fresh` has told."""
        with self._changed:
            group = self._groups[number]
            self._add(work, files, after=group[0] + self._groups.count(group))
            self._close_one()

    def end(self) -> None:
        """Leave what is not done."""
        with self._changed:
            self.ended.set()
            self._changed.notify_all()

    def take(self, last: int | None) -> int | None:
        """Number of the next run for a worker, which waits for one where some may follow; None = the end.

        Args:
            last: its last run. Of those queued together that follow the most others, since most are likely to follow
                them, which one worker would do alone at the end, and of which fewest wait, one with the same arrivals
                is next, which the worker still holds; else one of arrivals that few others hold.
        """
        with self._changed:
            if last is not None:
                self._users[self._keys[last]] -= 1
            if self._grows:
                self._changed.wait_for(lambda: self.ended.is_set() or bool(self._waiting))
            if self.ended.is_set() or not self._waiting:
                return None
            group = min(self._waiting, key=lambda one: (-one[0], sum(map(len, self._waiting[one].values()))))
            runs = self._waiting[group]
            key = None if last is None else self._keys[last]
            if key not in runs:
                key = min(runs, key=self._users.__getitem__)
            self._users[key] += 1
            number = runs[key].popleft()
            if not runs[key]:
                del runs[key]
            if not runs:
                del self._waiting[group]
            return number

    def assignment(self, number: int) -> Assignment:
        """A run as a worker takes it."""
        return Assignment(
            task=self._tasks[number],
            file=self._files[number],
            run=self.runs[number],
            time_limit_s=self._time_limit_s,
        )

    def tell(self, number: int) -> Tell:
        """A function that notes the share of a run."""
        run = self.runs[number]

        def tell(share: float) -> None:
            run.share = 0.99 * share

        return tell

    def done(self, number: int, outcome: TaskOutcome) -> None:
        """Keep the outcome of a run."""
        self.peak_bytes = max(self.peak_bytes, outcome.peak_bytes)
        if outcome.error is not None:
            self.fail(outcome.error)
            return
        self.runs[number].share = 1.0
        with self._changed:
            self._results[number] = outcome.result
            self._ends_s.append(self.elapsed_s)
            if self._grows:
                self._fresh.append(number)
                self._changed.notify_all()
            else:
                self._close_one()

    def lost(self, number: int, loss: LostWorkerError) -> None:
        """Queue a run whose worker was lost, or give up."""
        run = self.runs[number]
        run.share = 0.0
        with self._changed:
            self._lost[number] += 1
            times = self._lost[number]
            if times <= RETRIES:
                self._queue(number).appendleft(number)
                self._changed.notify_all()
        if times > RETRIES:
            self.fail(
                RunError(
                    f"{run.label}: its worker was lost {times} times, the last one {loss}; finished runs are kept; "
                    "give it more memory, or run with fewer --jobs"
                )
            )
        else:
            _LOG.warning("%s: its worker was lost (%s); running it again, %d of %d", run.label, loss, times, RETRIES)

    def fail(self, error: BaseException) -> None:
        """End with an error; the first one counts."""
        with self._changed:
            if self._error is None and not self.complete:
                self._error = error
            self.ended.set()
            self._changed.notify_all()

    def _add(self, work: Work, files: Sequence[TaskFile], after: int = 0) -> None:
        group = after, len(self.runs)
        for (run, task), file in zip(work, files, strict=True):
            self.runs.append(run)
            self._tasks.append(task)
            self._files.append(file)
            self._keys.append(_arrivals(run, task))
            self._groups.append(group)
            self._queue(len(self.runs) - 1).append(len(self.runs) - 1)
        self._open += len(work)

    def _queue(self, number: int) -> deque[int]:
        """The queue of a run."""
        return self._waiting.setdefault(self._groups[number], {}).setdefault(self._keys[number], deque())

    def _close_one(self) -> None:
        self._open -= 1
        if self.complete:
            self.ended.set()
        self._changed.notify_all()


def _arrivals(run: Runnable, task: Task[Any, Any]) -> _Key:
    """The same for runs that meet the same arrivals, where runs have any: of which workload, and which replication."""
    return id(getattr(task, "arrivals", task)), getattr(run, "replication", None)
