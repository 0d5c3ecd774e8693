"""Schedulers on nodes in plain Python, second by second: placement is that of `placed_naively`.

A job is a dict with submit, duration, limit, gpus, priority, preemptible, kinds, cpu, memory, milli.
"""

from math import floor
from typing import Any

from placed_naively import FREE, Pool

Job = dict[str, Any]


class Cluster:
    """A pool of nodes, and what lies on it."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.lies = pool, {}

    @property
    def idle(self) -> int:
        return sum(sum(node.left) for node in self.pool.nodes)

    def start(self, job: Job) -> bool:
        given = self.pool.place(job) if need(job) <= self.idle else None
        if given is not None:
            self.lies[job["row"]] = given
        return given is not None

    def free(self, job: Job) -> None:
        self.pool.release(self.lies.pop(job["row"]))

    def fits(self, job: Job, without: list[Job]) -> bool:
        """On trial, without some running jobs."""
        before = list(self.pool.nodes)
        for other in without:
            self.pool.release(self.lies[other["row"]])
        found = need(job) <= self.idle and self.pool.place(job) is not None
        self.pool.nodes = before
        return found


def need(job: Job) -> int:
    return job["gpus"] * job["milli"]


def simulate(rows: list[Job], pool: Pool, policy: Any) -> list[Job]:
    jobs = [
        job
        | {
            "row": row,
            "start": None,
            "end": None,
            "since": None,
            "left": job["duration"],
            "owed": 0,
            "stops": 0,
            "lost": 0,
            "reserved": None,
        }
        for row, job in enumerate(rows)
    ]
    capacity = sum(sum(node.left) for node in pool.nodes)
    cluster, turn = Cluster(pool), TURNS[policy.kind]
    profile = [capacity] * (sum(job["limit"] for job in rows) + max(job["submit"] for job in rows) + 200)
    t = 0
    while any(job["end"] is None for job in jobs):
        early = False
        for job in jobs:
            if job["since"] is not None and job["since"] + job["owed"] + job["left"] == t:
                job["end"], job["left"] = t, 0
                cluster.free(job)
                early = early or t < job["start"] + job["limit"]
                if policy.kind == "conservative-backfill":
                    add(profile, t, job["start"] + job["limit"], need(job))
                job["since"] = None
        waiting = [job for job in jobs if job["submit"] <= t and job["end"] is None and job["since"] is None]
        turn(cluster, jobs, waiting, policy, t, (profile, early, capacity))
        t += 1
    return jobs


def begin(cluster: Cluster, job: Job, t: int) -> bool:
    if not cluster.start(job):
        return False
    job["since"] = t
    job["start"] = t if job["start"] is None else job["start"]
    return True


def running(jobs: list[Job]) -> list[Job]:
    return [job for job in jobs if job["since"] is not None]


def _easy(cluster: Cluster, jobs: list[Job], waiting: list[Job], policy: Any, t: int, _: Any) -> None:
    shadow = None
    for job in waiting:
        if shadow is None:
            if not begin(cluster, job, t):
                shadow, count = t, cluster.idle
                ends = sorted((one["start"] + one["limit"], one["row"], need(one)) for one in running(jobs))
                for end, _row, gpus in ends:
                    if count >= need(job) and not (getattr(policy, "shadow_ties", "") == "all" and end == shadow):
                        break
                    count, shadow = count + gpus, end
                extra = count - need(job)
        elif t + job["limit"] <= shadow:
            begin(cluster, job, t)
        elif need(job) <= extra and begin(cluster, job, t):
            extra -= need(job)


def _easy_by_priority(cluster: Cluster, jobs: list[Job], waiting: list[Job], policy: Any, t: int, more: Any) -> None:
    _easy(cluster, jobs, sorted(waiting, key=lambda job: (-job["priority"], job["row"])), policy, t, more)


def add(profile: list[int], begin: int, end: int, gpus: int) -> None:
    for s in range(begin, end):
        profile[s] += gpus


def _reserve(profile: list[int], job: Job, start: int) -> None:
    while any(profile[s] < need(job) for s in range(start, start + job["limit"])):
        start += 1
    job["reserved"] = start
    add(profile, start, start + job["limit"], -need(job))


def _conservative(cluster: Cluster, jobs: list[Job], waiting: list[Job], policy: Any, t: int, more: Any) -> None:
    profile, early, _ = more
    for job in waiting:
        if job["reserved"] is not None and early:
            add(profile, job["reserved"], job["reserved"] + job["limit"], need(job))
            _reserve(profile, job, t)
        if job["reserved"] is None:
            _reserve(profile, job, t)
    for job in waiting:
        if job["reserved"] <= t and not begin(cluster, job, t):
            add(profile, job["reserved"], job["reserved"] + job["limit"], need(job))
            changes = [s for s in range(t + 1, len(profile)) if profile[s] != profile[s - 1]]
            _reserve(profile, job, changes[0] if changes else t + 1)


def _srtf(cluster: Cluster, jobs: list[Job], waiting: list[Job], policy: Any, t: int, more: Any) -> None:
    def left(job: Job) -> int:
        return job["owed"] + job["left"] - (0 if job["since"] is None else t - job["since"])

    quota, chosen = more[2], []
    for job in sorted(waiting + running(jobs), key=lambda job: (left(job), job["row"])):
        if need(job) <= quota:
            quota -= need(job)
            chosen += [] if job["since"] is not None else [job]
        elif job["since"] is not None:
            job["left"], job["owed"] = left(job), 0
            cluster.free(job)
            job["since"] = None
            job["stops"] += 1
            if policy.overhead:
                job["left"] += 7 if job["gpus"] == 1 else 30 if job["gpus"] <= 8 else 60
    for job in chosen:
        begin(cluster, job, t)


def _priority(cluster: Cluster, jobs: list[Job], waiting: list[Job], policy: Any, t: int, _: Any) -> None:
    while waiting:
        head = min(waiting, key=lambda job: (-job["priority"], job["row"]))
        victims = [] if cluster.fits(head, []) else _victims(cluster, running(jobs), head)
        if not victims and not cluster.fits(head, []):
            return
        for job in victims:
            ran = t - job["since"]
            worked = max(ran - job["owed"], 0)
            kept = floor(worked / policy.checkpoint_interval) * policy.checkpoint_interval
            job["left"] -= kept
            job["lost"] += worked - kept
            job["owed"], job["since"] = policy.restart, None
            job["stops"] += 1
            cluster.free(job)
            waiting.append(job)
        assert begin(cluster, head, t)
        waiting.remove(head)


def _victims(cluster: Cluster, held: list[Job], head: Job) -> list[Job]:
    able = [job for job in held if job["preemptible"] and job["priority"] < head["priority"]]
    able.sort(key=lambda job: (job["priority"], -job["since"], -job["row"]))
    for count in range(1, len(able) + 1):
        prefix = able[:count]
        if cluster.fits(head, prefix):
            for job in reversed(able[:count]):
                rest = [other for other in prefix if other is not job]
                if cluster.fits(head, rest):
                    prefix = rest
            return prefix
    return []


TURNS: dict[str, Any] = {
    "easy-backfill": _easy,
    "priority-backfill": _easy_by_priority,
    "conservative-backfill": _conservative,
    "srtf": _srtf,
    "priority-preemptive": _priority,
}
__all__ = ["FREE", "simulate"]
