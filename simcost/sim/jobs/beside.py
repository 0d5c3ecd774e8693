"""Jobs on what another tenant leaves: capacity that changes with time, and takes running jobs away when it falls.

Serving has the right of way. Jobs queue first in, first out, and those that do not fit are passed over. Where
capacity falls below what runs, the jobs that started last stop; each loses its work since its last checkpoint,
keeps its place in the queue, and pays its restart.
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.job_ledger import NEVER, JobLedger, JobOutcomes
from simcost.trace.jobs import Jobs

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Capacity:
    """GPUs that jobs may use, constant between changes."""

    since_s: Floats
    """Times of the changes, the first 0."""
    gpus: Ints
    """From each of them on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """How jobs save their work."""

    interval_s: float = 1800.0
    """Work between two checkpoints."""
    write_s: float = 60.0
    """Time to write one; the gang stands still."""
    restart_s: float = 180.0
    """Time from getting the GPUs back to the first step."""

    def wall_s(self, work_s: float, *, again: bool) -> float:
        """Time on the GPUs for so much work, the last checkpoint left out.

        >>> Checkpoints(interval_s=10, write_s=1, restart_s=5).wall_s(25, again=True)  # 5 + 25 + 2 writes
        32.0
        """
        return (self.restart_s if again else 0.0) + work_s + self._writes(work_s) * self.write_s

    def stopped(self, work_s: float, ran_s: float, *, again: bool) -> tuple[float, float, float, float]:
        """What `ran_s` of a run of `work_s` was: work kept, work lost, checkpoints, restart; they add up to it."""
        restart = min(ran_s, self.restart_s) if again else 0.0
        cycle = self.interval_s + self.write_s
        whole = min(int((ran_s - restart) // cycle), self._writes(work_s))
        rest = ran_s - restart - whole * cycle
        lost = min(rest, self.interval_s) if whole < self._writes(work_s) else rest
        return whole * self.interval_s, lost, whole * self.write_s + rest - lost, restart

    def _writes(self, work_s: float) -> int:
        return max(ceil(work_s / self.interval_s) - 1, 0)


def schedule_beside(
    jobs: Jobs, capacity: Capacity, checkpoints: Checkpoints, *, horizon_s: float
) -> JobLedger:
    """Run jobs on a capacity that changes.

    Args:
        jobs: the jobs; fractions of GPUs take a whole one.
        capacity: what they may use.
        checkpoints: how they save their work.
        horizon_s: end of the run; what is then unfinished stays so.

    Raises:
        InputError: a capacity that does not begin at 0, or falls below 0.
    """
    if capacity.since_s[0] != 0 or (np.diff(capacity.since_s) <= 0).any() or capacity.gpus.min() < 0:
        raise InputError("capacity must begin at 0 s, change at rising times, and never be below 0 GPUs")
    return _Beside(jobs, capacity, checkpoints, horizon_s).run()


class _Beside:
    """One run; all times in seconds."""

    def __init__(self, jobs: Jobs, capacity: Capacity, checkpoints: Checkpoints, horizon_s: float) -> None:
        self.jobs, self.capacity, self.checkpoints, self.horizon_s = jobs, capacity, checkpoints, horizon_s
        count = len(jobs)
        self.width = jobs.gpus.tolist()
        self.left = jobs.duration_s.astype(float).tolist()
        self.start, self.end = np.full(count, float(NEVER)), np.full(count, float(NEVER))
        self.preemptions = np.zeros(count, np.int64)
        self.lost, self.written, self.restarted = (np.zeros(count) for _ in range(3))
        self.rejected = jobs.gpus > capacity.gpus.max()
        self.kept = 0.0  # GPU-seconds
        self.running: dict[int, float] = {}  # job: since
        self.queue: list[int] = []
        self.ends: list[tuple[float, int, float]] = []  # end, job, since
        self.free = int(capacity.gpus[0])
        self.idle = {"idle_blocked": 0.0, "idle_free": 0.0}
        self.now = 0.0

    def run(self) -> JobLedger:
        changes = list(zip(self.capacity.since_s.tolist(), self.capacity.gpus.tolist(), strict=True))[1:][
            ::-1
        ]
        arrivals = [i for i in range(len(self.jobs)) if not self.rejected[i]][::-1]
        submit, offered = self.jobs.submit_s.tolist(), int(self.capacity.gpus[0])
        while True:
            times = [self.ends[0][0] if self.ends else np.inf, changes[-1][0] if changes else np.inf,
                     submit[arrivals[-1]] if arrivals else np.inf]  # fmt: skip
            now = min(times)
            if now >= self.horizon_s or now == np.inf:
                break
            self._pass_time(now)
            while self.ends and self.ends[0][0] == now:
                self._finish(*heappop(self.ends)[1:])
            while changes and changes[-1][0] == now:
                gpus = changes.pop()[1]
                self.free += gpus - offered
                offered = gpus
            self._make_room()
            while arrivals and submit[arrivals[-1]] == now:
                self.queue.append(arrivals.pop())
            self._start_what_fits()
        self._pass_time(self.horizon_s)
        for job in list(self.running):
            self._account(job, self.horizon_s)
        return self._ledger()

    def _pass_time(self, until: float) -> None:
        """Idle capacity up to then, while somebody waits or not."""
        kind = "idle_blocked" if self.queue else "idle_free"
        self.idle[kind] += max(self.free, 0) * (until - self.now)
        self.now = until

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
        self.written[job] += self.now - since - work - (self.checkpoints.restart_s if again else 0.0)
        self.restarted[job] += self.checkpoints.restart_s if again else 0.0
        self.left[job] = 0.0

    def _account(self, job: int, until: float) -> None:
        """A run that ends before its time."""
        ran, again = until - self.running[job], bool(self.preemptions[job])
        kept, lost, written, restarted = self.checkpoints.stopped(self.left[job], ran, again=again)
        self.left[job] -= kept
        self.kept += self.width[job] * kept
        self.lost[job] += lost
        self.written[job] += written
        self.restarted[job] += restarted

    def _ledger(self) -> JobLedger:
        width = self.jobs.gpus
        edges = np.minimum(np.append(self.capacity.since_s, self.horizon_s), self.horizon_s)
        most = int(self.capacity.gpus.max())
        down = float(np.dot(most - self.capacity.gpus, np.diff(edges)))
        return JobLedger(
            horizon_s=self.horizon_s,
            gpus=most,
            outcomes=JobOutcomes(
                submit_s=self.jobs.submit_s.astype(float), start_s=self.start, end_s=self.end, gpus=width,
                preemptions=self.preemptions, lost_s=self.lost, checkpoint_s=self.written,
                restart_s=self.restarted, rejected=self.rejected,
            ),
            gpu_seconds={
                "useful": self.kept,
                "checkpoint": float(np.dot(width, self.written)),
                "lost": float(np.dot(width, self.lost)),
                "restart": float(np.dot(width, self.restarted)),
                **self.idle,
                "down": down,
            },
        )  # fmt: skip
