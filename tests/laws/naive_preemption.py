"""The policies that stop jobs at a checkpoint told again in the plainest Python, second by second: priorities, and the
cohorts of Kueue with classic preemption, with sets and sums.
"""

from math import floor
from typing import Any

Job = dict[str, Any]

UNTOUCHED = {
    "start": None,
    "end": None,
    "kept": 0,
    "worked": 0,
    "restart": 0,
    "since": None,
    "stops": 0,
    "lost": 0,
}


def by_priority(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    jobs = [job | UNTOUCHED | {"row": row} for row, job in enumerate(jobs)]
    t = 0
    while any(job["end"] is None for job in jobs):
        for job in jobs:
            if job["since"] is not None and job["since"] < t:
                _work(job, t)
        waiting = [job for job in jobs if job["submit"] <= t and job["end"] is None and job["since"] is None]
        while waiting:
            head = min(waiting, key=lambda job: (-job["priority"], job["row"]))
            running = [job for job in jobs if job["since"] is not None]
            need = head["gpus"] - capacity + sum(job["gpus"] for job in running)
            victims = _victims(running, head, need) if need > 0 else []
            if need > 0 and not victims:
                break
            for job in victims:
                _stop(job, policy)
                waiting.append(job)
            head["since"] = t
            head["start"] = t if head["start"] is None else head["start"]
            waiting.remove(head)
        t += 1
    return jobs


def _victims(running: list[Job], head: Job, need: int) -> list[Job]:
    able = [job for job in running if job["preemptible"] and job["priority"] < head["priority"]]
    able.sort(key=lambda job: (job["priority"], -job["since"], -job["row"]))
    for count in range(1, len(able) + 1):
        prefix = able[:count]
        if sum(job["gpus"] for job in prefix) >= need:
            for job in reversed(able[:count]):
                rest = [other for other in prefix if other is not job]
                if sum(other["gpus"] for other in rest) >= need:
                    prefix = rest
            return prefix
    return []


class Cohort:
    """Kueue's classic preemption, with sets and sums."""

    def __init__(self, jobs: list[Job], capacity: int, policy: Any) -> None:
        self.jobs, self.capacity, self.policy, self.names = jobs, capacity, policy, list(policy.queues)
        self.held: list[Job] = []

    def quota(self, queue: int) -> Any:
        return self.policy.queues[self.names[queue]]

    def used(self, queue: int, held: list[Job]) -> int:
        return sum(job["gpus"] for job in held if job["pool"] == queue)

    def guaranteed(self, queue: int) -> int:
        quota = self.quota(queue)
        return quota.nominal - (
            quota.nominal if quota.lending_limit is None else min(quota.lending_limit, quota.nominal)
        )

    def room(self, queue: int, held: list[Job]) -> int:
        """Own guaranteed quota that is unused, and what the cohort has left for it."""
        queues = range(len(self.names))
        over = [max(self.used(one, held) - self.guaranteed(one), 0) for one in queues]
        left = sum(self.quota(one).nominal - self.guaranteed(one) - over[one] for one in queues)
        limit = self.quota(queue).borrowing_limit
        if limit is not None:
            left = min(left, self.quota(queue).nominal + limit - self.guaranteed(queue) - over[queue])
        return max(self.guaranteed(queue) - self.used(queue, held), 0) + max(left, 0)

    def fits(self, job: Job, held: list[Job], borrowing: bool) -> bool:
        if not borrowing and self.used(job["pool"], held) + job["gpus"] > self.quota(job["pool"]).nominal:
            return False
        free = self.capacity - sum(one["gpus"] for one in held)
        return job["gpus"] <= self.room(job["pool"], held) and job["gpus"] <= free

    def borrows(self, queue: int, held: list[Job]) -> bool:
        return self.used(queue, held) > self.quota(queue).nominal

    def able(self, head: Job) -> list[Job]:
        """Whom the head might have stopped, in order."""
        able = [job for job in self.held if job["preemptible"] and self.may_stop(head, job)]
        return sorted(able, key=lambda job: (job["pool"] == head["pool"], job["priority"], -job["since"], -job["row"]))

    def may_stop(self, head: Job, job: Job) -> bool:
        lower, equal = job["priority"] < head["priority"], job["priority"] == head["priority"]
        if job["pool"] == head["pool"]:
            newer = self.policy.within == "lower-or-newer-equal-priority" and equal and head["row"] < job["row"]
            return self.policy.within != "never" and (lower or newer)
        allowed = self.policy.reclaim == "any" or (self.policy.reclaim == "lower-priority" and lower)
        return self.borrows(job["pool"], self.held) and allowed

    def below_threshold(self, head: Job, job: Job) -> bool:
        most = self.policy.borrow_threshold
        lower = job["priority"] < head["priority"]
        return self.policy.borrow != "never" and lower and (most is None or job["priority"] <= most)

    def victims(self, head: Job, borrowing: bool) -> list[Job] | None:
        held, chosen = list(self.held), []
        for job in self.able(head):
            foreign = job["pool"] != head["pool"]
            if foreign and not self.borrows(job["pool"], held):
                continue
            if foreign and borrowing and not self.below_threshold(head, job):
                continue
            chosen.append(job)
            held.remove(job)
            if self.fits(head, held, borrowing):
                break
        else:
            return None
        for job in reversed(list(chosen)):
            if self.fits(head, [*held, job], borrowing):
                held.append(job)
                chosen.remove(job)
        return chosen

    def ways(self, head: Job) -> list[bool]:
        """Whether the queue may borrow for the head: tried one after the other."""
        nominal = self.quota(head["pool"]).nominal
        if head["gpus"] > nominal and self.policy.borrow == "never":
            return []
        if all(job["pool"] == head["pool"] for job in self.able(head)):
            return [True]
        if self.policy.borrow != "never":
            return [True, False]
        return [False, True] if self.used(head["pool"], self.held) < nominal else [True]

    def admit(self, head: Job, t: int) -> list[Job] | None:
        """Whom to stop for it; None: it must wait. Who was stopped now stops nobody."""
        if self.fits(head, self.held, borrowing=True):
            return []
        if head["stopped"] == t:
            return None
        found = [self.victims(head, borrowing) for borrowing in self.ways(head)]
        return next((one for one in found if one is not None), None)

    def heads(self, waiting: list[Job], refused: list[Job]) -> list[Job]:
        """Who takes a turn in this cycle, in order."""
        heads = []
        for queue in range(len(self.names)):
            mine = sorted(
                (job for job in waiting if job["pool"] == queue),
                key=lambda job: (-job["priority"], job["row"]),
            )
            tried = mine[:1] if self.policy.strict else mine
            able = [job for job in tried if job not in refused]
            heads += able[:1]
        over = {
            job["row"]: self.used(job["pool"], self.held) + job["gpus"] > self.quota(job["pool"]).nominal
            for job in heads
        }
        return sorted(heads, key=lambda job: (over[job["row"]], -job["priority"], job["row"]))


def by_quota(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    jobs = [job | UNTOUCHED | {"row": row, "stopped": None} for row, job in enumerate(jobs)]
    cohort, t = Cohort(jobs, capacity, policy), 0
    while any(job["end"] is None for job in jobs):
        for job in [job for job in cohort.held if job["since"] < t]:
            _work(job, t)
            if job["end"] == t:
                cohort.held.remove(job)
        refused: list[Job] = []
        known = [job for job in jobs if job["submit"] <= t]
        heads = known if any(t in (job["submit"], job["end"]) for job in jobs) else []  # an event
        while heads:
            waiting = [job for job in known if job["end"] is None and job["since"] is None]
            heads = cohort.heads(waiting, refused)
            for head in heads:
                refused = _turn(cohort, head, refused, t)
        t += 1
    return jobs


def _turn(cohort: Cohort, head: Job, refused: list[Job], t: int) -> list[Job]:
    """Who is refused until something changes."""
    victims = cohort.admit(head, t)
    if victims is None:
        return [*refused, head]
    for job in victims:
        _stop(job, cohort.policy)
        job["stopped"] = t
        cohort.held.remove(job)
    head["since"] = t
    head["start"] = t if head["start"] is None else head["start"]
    cohort.held.append(head)
    return []


def _work(job: Job, t: int) -> None:
    """A second of it."""
    if job["restart"] > 0:
        job["restart"] -= 1
    else:
        job["worked"] += 1
    if job["kept"] + job["worked"] == job["duration"]:
        job["end"], job["since"] = t, None


def _stop(job: Job, policy: Any) -> None:
    saved = floor(job["worked"] / policy.checkpoint_interval) * policy.checkpoint_interval
    job["lost"] += job["worked"] - saved
    job["kept"] += saved
    job["worked"], job["restart"], job["since"] = 0, policy.restart, None
    job["stops"] += 1
