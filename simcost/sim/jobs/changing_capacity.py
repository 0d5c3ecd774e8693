"""Jobs on the capacity that another tenant leaves: it changes with time, and takes running jobs away when it falls.

Serving has the right of way. Jobs queue first in, first out, and those that do not fit are passed over. Where
capacity falls below what runs, the jobs that started last stop; each loses its work since its last checkpoint,
keeps its place in the queue, and pays its restart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.ledger.jobs import NEVER, JobLedger, JobOutcomes
from simcost.plan.failures import Checkpoints
from simcost.trace.jobs.jobs import Jobs

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_NO_CHANGE = (np.inf, 0)
_LONGEST_S = 1e9  # 32 years


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GpuCapacity:
    """GPUs that jobs may use, constant between changes."""

    since_s: Floats
    """Times of the changes, the first 0."""
    gpus: Ints
    """From each of them on."""
    period_s: float | None = None
    """After it all begins anew; None = the last value holds."""

    def changes(self) -> Iterator[tuple[float, int]]:
        """Each change with its time, the one at 0 left out."""
        steps = list(zip(self.since_s.tolist(), self.gpus.tolist(), strict=True))
        yield from steps[1:]
        if self.period_s is not None:
            yield from ((lap * self.period_s + since, gpus) for lap in count(1) for since, gpus in steps)


def schedule_beside(
    jobs: Jobs,
    capacity: GpuCapacity,
    checkpoints: Checkpoints,
    *,
    horizon_s: float | None = None,
    keep_timeline: bool = False,
) -> JobLedger:
    """Run jobs on a capacity that changes.

    Args:
        jobs: the jobs; fractions of GPUs take a whole one.
        capacity: what they may use.
        checkpoints: how they save their work.
        horizon_s: end of the run; what is then unfinished stays so. None = when the last job ends.
        keep_timeline: put the state after each event into the ledger.

    Raises:
        InputError: a capacity that does not begin at 0, falls below 0, or ends too small for a job that waits.
    """
    since = np.append(capacity.since_s, [] if capacity.period_s is None else capacity.period_s)
    if since[0] != 0 or (np.diff(since) <= 0).any() or capacity.gpus.min() < 0:
        raise InputError("capacity must begin at 0 s, change at rising times, and never be below 0 GPUs")
    return _Beside(jobs, capacity, checkpoints).run(np.inf if horizon_s is None else horizon_s, keep_timeline)


class _Beside:
    """One run; all times in seconds."""

    def __init__(self, jobs: Jobs, capacity: GpuCapacity, checkpoints: Checkpoints) -> None:
        self.jobs, self.capacity, self.checkpoints = jobs, capacity, checkpoints
        number = len(jobs)
        self.width = jobs.gpus.tolist()
        self.left = jobs.duration_s.astype(float).tolist()
        self.start, self.end = np.full(number, float(NEVER)), np.full(number, float(NEVER))
        self.preemptions = np.zeros(number, np.int64)
        self.lost, self.written, self.restarted = (np.zeros(number) for _ in range(3))
        self.most = int(capacity.gpus.max())
        self.rejected = jobs.gpus > self.most
        self.kept = 0.0  # GPU-seconds
        self.running: dict[int, float] = {}  # job: since
        self.queue: list[int] = []
        self.waiting = 0  # GPUs of the queue
        self.ends: list[tuple[float, int, float]] = []  # end, job, since
        self.free = self.offered = int(capacity.gpus[0])
        self.rest = {"idle_blocked": 0.0, "idle_free": 0.0, "down": 0.0}
        self.now = 0.0

    def run(self, horizon_s: float, keep_timeline: bool) -> JobLedger:
        changes = self.capacity.changes()
        change = next(changes, _NO_CHANGE)
        arrivals = np.flatnonzero(~self.rejected)[::-1].tolist()
        submit, timeline = self.jobs.submit_s.tolist(), []
        while arrivals or self.running or self.queue:
            now = min(
                self.ends[0][0] if self.ends else np.inf,
                change[0],
                submit[arrivals[-1]] if arrivals else np.inf,
            )
            if _LONGEST_S < now <= horizon_s:
                raise InputError(
                    "some jobs never get through on this capacity, which is too small for them, or too short at a "
                    "time; checkpoint more often, give more GPUs, or a horizon"
                )
            if now >= horizon_s:
                break
            self._pass_time(now)
            while self.ends and self.ends[0][0] == now:
                self._finish(*heappop(self.ends)[1:])
            while change[0] == now:
                self.free += change[1] - self.offered
                self.offered, change = change[1], next(changes, _NO_CHANGE)
            self._make_room()
            while arrivals and submit[arrivals[-1]] == now:
                self.waiting += self.width[arrivals[-1]]
                self.queue.append(arrivals.pop())
            self._start_what_fits()
            if keep_timeline:
                timeline.append((now, self.offered - self.free, len(self.queue), self.waiting))
        self._close(horizon_s, change, changes)
        return self._ledger(timeline if keep_timeline else None)

    def _pass_time(self, until: float) -> None:
        """Idle capacity up to then, while somebody waits or not, and what is not there."""
        kind = "idle_blocked" if self.queue else "idle_free"
        self.rest[kind] += max(self.free, 0) * (until - self.now)
        self.rest["down"] += (self.most - self.offered) * (until - self.now)
        self.now = until

    def _close(self, horizon_s: float, change: tuple[float, int], changes: Iterator[tuple[float, int]]) -> None:
        """Accounts to the end of the run: of what still runs, or of a capacity without jobs."""
        while change[0] < horizon_s < np.inf:
            self._pass_time(change[0])
            self.free += change[1] - self.offered
            self.offered, change = change[1], next(changes, _NO_CHANGE)
        if horizon_s < np.inf:
            self._pass_time(horizon_s)
        for job in list(self.running):
            self._account(job, horizon_s, goes_on=True)

    def _start_what_fits(self) -> None:
        waiting: list[int] = []
        for place, job in enumerate(self.queue):
            if self.free == 0:
                waiting += self.queue[place:]
                break
            if self.width[job] > self.free:
                waiting.append(job)
                continue
            self.free -= self.width[job]
            self.waiting -= self.width[job]
            self.start[job] = self.now if self.start[job] < 0 else self.start[job]
            self.running[job] = self.now
            wall = self.checkpoints.wall_s(self.left[job], again=bool(self.preemptions[job]))
            heappush(self.ends, (self.now + wall, job, self.now))
        self.queue = waiting

    def _make_room(self) -> None:
        """Stop the jobs that started last until the capacity holds the rest; then keep those that fit after all."""
        if self.free >= 0:
            return
        latest = sorted(self.running, key=lambda job: (-self.running[job], -job))
        victims: list[int] = []
        short = -self.free
        for job in latest:
            if short <= 0:
                break
            victims.append(job)
            short -= self.width[job]
        for job in reversed(victims):  # the one that started first stays if the others suffice
            if self.width[job] <= -short:
                short += self.width[job]
                victims.remove(job)
        for job in victims:
            self._account(job, self.now)
            del self.running[job]
            self.free += self.width[job]
            self.waiting += self.width[job]
            self.preemptions[job] += 1
        self.queue = sorted([*self.queue, *victims])
        gone = set(victims)
        self.ends = sorted(one for one in self.ends if one[1] not in gone)

    def _finish(self, job: int, since: float) -> None:
        del self.running[job]
        self.free += self.width[job]
        self.end[job] = self.now
        work, again = self.left[job], bool(self.preemptions[job])
        self.kept += self.width[job] * work
        self.written[job] += self.now - since - work - (self.checkpoints.restart if again else 0.0)
        self.restarted[job] += self.checkpoints.restart if again else 0.0
        self.left[job] = 0.0

    def _account(self, job: int, until: float, *, goes_on: bool = False) -> None:
        """A run that ends before its time, or would go on after the end of the accounts."""
        ran, again = until - self.running[job], bool(self.preemptions[job])
        kept, lost, written, restarted = self.checkpoints.stopped(self.left[job], ran, again=again)
        if goes_on:
            kept, lost = kept + lost, 0.0
        self.left[job] -= kept
        self.kept += self.width[job] * kept
        self.lost[job] += lost
        self.written[job] += written
        self.restarted[job] += restarted

    def _ledger(self, timeline: list[tuple[float, int, int, int]] | None) -> JobLedger:
        width = self.jobs.gpus
        return JobLedger(
            horizon_s=self.now,
            gpus=self.most,
            outcomes=JobOutcomes(
                submit_s=self.jobs.submit_s.astype(float),
                start_s=self.start,
                end_s=self.end,
                gpus=width,
                preemptions=self.preemptions,
                lost_s=self.lost,
                checkpoint_s=self.written,
                restart_s=self.restarted,
                rejected=self.rejected,
            ),
            gpu_seconds={
                "useful": self.kept,
                "checkpoint": float(np.dot(width, self.written)),
                "lost": float(np.dot(width, self.lost)),
                "restart": float(np.dot(width, self.restarted)),
                **self.rest,
            },
            timeline=None if timeline is None else _table(timeline),
        )


def _table(timeline: list[tuple[float, int, int, int]]) -> Any:
    import pyarrow as pa

    names = ("t_s", "allocated", "waiting_jobs", "waiting_gpus")
    return pa.table({name: [row[i] for row in timeline] for i, name in enumerate(names)})
