"""The schedulers of `simcost.sim.jobs.simulate` in the plainest Python: second by second, lists sorted each time.

A job is a dict. `simulate` returns start and end per job; all jobs fit into the pool.
"""

from math import ceil, log
from typing import Any

import naive_preemption

Job = dict[str, Any]
BACKFILL = ("easy-backfill", "priority-backfill")


def simulate(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    kind = policy.kind
    if kind == "srtf":
        return _srtf(jobs, capacity, policy)
    if kind == "las":
        return _las(jobs, capacity, policy)
    if kind == "quotas":
        return naive_preemption.by_quota(jobs, capacity, policy)
    if kind == "priority-preemptive":
        return naive_preemption.by_priority(jobs, capacity, policy)
    if kind == "conservative-backfill":
        return _conservative(jobs, capacity)
    if kind == "elastic":
        return _elastic(jobs, capacity, policy)
    return _walk(jobs, capacity, policy)


def _walk(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    """All that start jobs once and leave them alone."""
    jobs = [job | {"row": row, "start": None, "end": None} for row, job in enumerate(jobs)]
    usage = {job["user"]: 0.0 for job in jobs}
    t, queue = 0, []
    while any(job["end"] is None or job["end"] > t for job in jobs):
        running = [job for job in jobs if job["start"] is not None and job["end"] > t]
        queue += [job for job in jobs if job not in queue and job["start"] is None and _may_wait(job, jobs, t)]
        queue.sort(key=lambda job: _key(job, policy, t, usage, capacity))
        free = capacity - sum(job["gpus"] for job in running)
        for job in _chosen(queue, running, free, policy, t):
            job["start"], job["end"] = t, t + job["duration"]
            running.append(job)
            queue.remove(job)
        if policy.kind == "fair-share":
            decay = 0.5 ** (1 / policy.half_life)
            for user, used in usage.items():
                held = sum(job["gpus"] for job in running if job["user"] == user)
                usage[user] = used * decay + held * (1 - decay) * policy.half_life / log(2)
        t += 1
    return jobs


def _may_wait(job: Job, jobs: list[Job], t: int) -> bool:
    """Whether it has been submitted, and all it waits for have ended."""
    ends = [jobs[row]["end"] for row in job.get("after", ())]
    return bool(job["submit"] <= t and all(end is not None and end <= t for end in ends))


def _key(job: Job, policy: Any, t: int, usage: dict[int, float], capacity: int) -> Any:
    if policy.kind[:3] in {"sjf", "ssf"}:
        return job[policy.by] * (job["gpus"] if policy.kind.startswith("ssf") else 1), job["row"]
    if policy.kind == "priority-backfill":
        return -job["priority"], job["row"]
    if policy.kind == "deadline":
        return job["deadline"] < 0, job["deadline"], job["row"]
    if policy.kind == "fair-share":
        total = sum(usage.values())
        share = usage[job["user"]] / total if total else 0.0
        age = min((t - job["submit"]) / policy.max_age, 1.0)
        priority = (
            policy.weight_age * age
            + policy.weight_fair * 2.0 ** (-share * len(usage))
            + policy.weight_size * job["gpus"] / capacity
        )
        return -round(priority, 6), job["row"]
    return job["row"]


def _chosen(queue: list[Job], running: list[Job], free: int, policy: Any, t: int) -> list[Job]:
    chosen: list[Job] = []
    blocked = None
    for job in queue:
        if blocked is None or policy.kind not in {"fifo-strict", "sjf-strict", "ssf-strict", *BACKFILL}:
            if job["gpus"] <= free:
                chosen.append(job)
                free -= job["gpus"]
            else:
                blocked = job
                if policy.kind in BACKFILL:
                    shadow, extra = _shadow(running, chosen, job, free, policy, t)
        elif policy.kind in BACKFILL and job["gpus"] <= free:
            if t + job["limit"] <= shadow:
                chosen.append(job)
                free -= job["gpus"]
            elif job["gpus"] <= extra:
                chosen.append(job)
                free -= job["gpus"]
                extra -= job["gpus"]
    return chosen


def _shadow(running: list[Job], chosen: list[Job], head: Job, free: int, policy: Any, t: int) -> tuple[int, int]:
    ends = [(job["start"] + job["limit"], job["row"], job["gpus"]) for job in running]
    ends += [(t + job["limit"], job["row"], job["gpus"]) for job in chosen]
    count, shadow = free, 0
    for end, _, gpus in sorted(ends):
        if count >= head["gpus"] and not (getattr(policy, "shadow_ties", "") == "all" and end == shadow):
            break
        count, shadow = count + gpus, end
    return shadow, count - head["gpus"]


def _conservative(jobs: list[Job], capacity: int) -> list[Job]:
    """The profile is a list with one number per second."""
    jobs = [job | {"row": row, "start": None, "end": None} for row, job in enumerate(jobs)]
    free = [capacity] * (sum(job["limit"] for job in jobs) + max(job["submit"] for job in jobs) + 2)

    def reserve(job: Job, now: int) -> None:
        at = now
        while any(free[s] < job["gpus"] for s in range(at, at + job["limit"])):
            at += 1
        job["reserved"] = at
        add(job, at, at + job["limit"], -1)

    def add(job: Job, begin: int, end: int, sign: int) -> None:
        for s in range(begin, end):
            free[s] += sign * job["gpus"]

    t = 0
    while any(job["end"] is None or job["end"] > t for job in jobs):
        early = [job for job in jobs if job["end"] == t and job["duration"] < job["limit"]]
        for job in early:
            add(job, t, job["start"] + job["limit"], 1)
        for job in jobs:
            if early and job["submit"] < t and job["start"] is None:
                add(job, job["reserved"], job["reserved"] + job["limit"], 1)
                reserve(job, t)
        for job in jobs:
            if job["submit"] == t:
                reserve(job, t)
                job["promised"] = job["reserved"]
            if job["submit"] <= t and job["start"] is None and job["reserved"] == t:
                job["start"], job["end"] = t, t + job["duration"]
        t += 1
    return jobs


def _srtf(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    """At every second, as the simulator of Helios does it."""
    extra = int(policy.helios_extra_second)
    jobs = [
        job | {"row": row, "start": None, "end": None, "left": job["duration"], "runs": False, "stops": 0}
        for row, job in enumerate(jobs)
    ]
    t = 0
    while any(job["end"] is None for job in jobs):
        for job in jobs:
            if job["runs"]:
                if job["left"] == (0 if extra else 1):
                    job["end"], job["runs"] = t, False
                else:
                    job["left"] -= 1
        known = [job for job in jobs if job["submit"] <= t and job["end"] is None]
        _run_first(sorted(known, key=lambda job: (job["left"], job["row"])), capacity, policy, t)
        t += 1
    return jobs


def _las(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    jobs = [
        job
        | {
            "row": row,
            "start": None,
            "end": None,
            "left": job["duration"],
            "runs": False,
            "stops": 0,
            "served": 0,
        }
        for row, job in enumerate(jobs)
    ]
    t = 0
    while any(job["end"] is None for job in jobs):
        for job in jobs:
            if job["runs"]:
                job["left"] -= 1
                job["served"] += job["gpus"]
                if job["left"] == 0:
                    job["end"], job["runs"] = t, False
        known = [job for job in jobs if job["submit"] <= t and job["end"] is None]
        known.sort(key=lambda job: (sum(job["served"] >= threshold for threshold in policy.thresholds), job["row"]))
        _run_first(known, capacity, policy, t)
        t += 1
    return jobs


def _run_first(known: list[Job], capacity: int, policy: Any, t: int) -> None:
    """Those that fit, in order, run; the others stop."""
    quota, chosen = capacity, []
    for job in known:
        if job["gpus"] <= quota:
            quota -= job["gpus"]
            chosen.append(job)
        elif job["runs"]:
            job["runs"] = False
            job["stops"] += 1
            if policy.overhead:
                job["left"] += 7 if job["gpus"] == 1 else 30 if job["gpus"] <= 8 else 60
    for job in chosen:
        job["runs"] = True
        job["start"] = t if job["start"] is None else job["start"]


def _elastic(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    """From event to event; the GPUs are dealt one by one to the greatest gain."""
    jobs = [
        job | {"row": row, "start": None, "end": None, "left": float(job["duration"]), "pause": 0.0, "size": 0}
        for row, job in enumerate(jobs)
    ]
    t, deal = 0.0, None
    arrivals = sorted({float(job["submit"]) for job in jobs})
    while any(job["end"] is None for job in jobs):
        running = [job for job in jobs if job["start"] is not None and job["end"] is None]
        times = [t + job["pause"] + job["left"] / _rate(job, policy) for job in running]
        events = times + [s for s in arrivals if s > t or (s == 0 and t == 0 and deal is None and not running)]
        then = min([*events, *([] if deal is None else [deal])])
        for job, end in zip(running, times, strict=True):
            pause = min(job["pause"], then - t)
            job["pause"] -= pause
            job["left"] -= (then - t - pause) * _rate(job, policy)
            if end == then:
                job["end"] = then
        t = then
        arrivals = [s for s in arrivals if s > t]
        changed = any(job["end"] == t or job["submit"] == t for job in jobs)
        if changed and deal is None:
            deal = ceil(t / policy.interval) * policy.interval
        if deal == t:
            _deal(jobs, capacity, policy, t)
            deal = None
    return jobs


def _rate(job: Job, policy: Any) -> float:
    return float((job["size"] / job["gpus"]) ** policy.scaling)


def _deal(jobs: list[Job], capacity: int, policy: Any, t: float) -> None:
    chosen, free = [], capacity
    for job in [job for job in jobs if job["submit"] <= t and job["end"] is None]:
        if job["min_gpus"] > free:
            break
        chosen.append([job, job["min_gpus"]])
        free -= job["min_gpus"]
    while free > 0:
        able = [one for one in chosen if one[1] < min(one[0]["max_gpus"], capacity)]
        if not able:
            break
        best = max(able, key=lambda one: ((one[1] + 1) ** policy.scaling - one[1] ** policy.scaling, -one[0]["row"]))
        if policy.scaling == 1:
            best = able[0]
        best[1] += 1
        free -= 1
    for job, size in chosen:
        if job["start"] is None:
            job["start"] = t
        elif job["size"] != size:
            job["pause"] = policy.pause
        job["size"] = size
