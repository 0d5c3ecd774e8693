"""The schedulers of `simcost.sim.jobs.counts` said again in the plainest Python: second by second, lists sorted anew.

A job is a dict. `simulate` returns start and end per job; all jobs fit into the pool.
"""

from math import ceil, floor, log
from typing import Any

Job = dict[str, Any]


def simulate(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    kind = policy.kind
    if kind == "srtf":
        return _srtf(jobs, capacity, policy)
    if kind == "las":
        return _las(jobs, capacity, policy)
    if kind == "quotas":
        return _quotas(jobs, capacity, policy)
    if kind == "priority-preemptive":
        return _priority(jobs, capacity, policy)
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
        queue += [
            job for job in jobs if job not in queue and job["start"] is None and _may_wait(job, jobs, t)
        ]
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
        if blocked is None or policy.kind not in {"fifo-strict", "sjf-strict", "ssf-strict", "easy-backfill"}:
            if job["gpus"] <= free:
                chosen.append(job)
                free -= job["gpus"]
            else:
                blocked = job
                if policy.kind == "easy-backfill":
                    shadow, extra = _shadow(running, chosen, job, free, policy, t)
        elif policy.kind == "easy-backfill" and job["gpus"] <= free:
            if t + job["limit"] <= shadow:
                chosen.append(job)
                free -= job["gpus"]
            elif job["gpus"] <= extra:
                chosen.append(job)
                free -= job["gpus"]
                extra -= job["gpus"]
    return chosen


def _shadow(
    running: list[Job], chosen: list[Job], head: Job, free: int, policy: Any, t: int
) -> tuple[int, int]:
    ends = [(job["start"] + job["limit"], job["row"], job["gpus"]) for job in running]
    ends += [(t + job["limit"], job["row"], job["gpus"]) for job in chosen]
    count, shadow = free, 0
    for end, _, gpus in sorted(ends):
        if count >= head["gpus"] and not (policy.shadow_ties == "all" and end == shadow):
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
        known.sort(key=lambda job: (sum(job["served"] >= one for one in policy.thresholds), job["row"]))
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


class _Cohort:
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

    def victims(self, head: Job, foreign: bool) -> list[Job] | None:
        held, chosen = list(self.held), []
        while not self.fits(head, held, not foreign):
            able = [job for job in held if self.able(job, head, held, foreign)]
            if not able:
                return None
            able.sort(
                key=lambda job: (job["pool"] == head["pool"], job["priority"], -job["since"], -job["row"])
            )
            chosen.append(able[0])
            held.remove(able[0])
        for job in reversed(list(chosen)):
            if self.fits(head, [*held, job], not foreign):
                held.append(job)
                chosen.remove(job)
        return chosen

    def able(self, job: Job, head: Job, held: list[Job], foreign: bool) -> bool:
        lower = job["priority"] < head["priority"]
        if not job["preemptible"]:
            return False
        if job["pool"] == head["pool"]:
            return self.policy.within == "lower-priority" and lower
        borrows = self.used(job["pool"], held) > self.quota(job["pool"]).nominal
        allowed = self.policy.reclaim == "any" or (self.policy.reclaim == "lower-priority" and lower)
        return foreign and borrows and allowed

    def admit(self, head: Job, t: int) -> list[Job] | None:
        """Whom to stop for it; None: it must wait. Who was stopped now stops nobody."""
        if self.fits(head, self.held, borrowing=True):
            return []
        if head["stopped"] == t:
            return None
        found = None
        if (
            self.policy.reclaim != "never"
            and self.used(head["pool"], self.held) < self.quota(head["pool"]).nominal
        ):
            found = self.victims(head, foreign=True)
        if found is None and self.policy.within != "never":
            found = self.victims(head, foreign=False)
        return found

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


def _quotas(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    more = {
        "start": None,
        "end": None,
        "kept": 0,
        "worked": 0,
        "restart": 0,
        "since": None,
        "stops": 0,
        "stopped": None,
        "lost": 0,
    }
    jobs = [job | more | {"row": row} for row, job in enumerate(jobs)]
    cohort, t = _Cohort(jobs, capacity, policy), 0
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


def _turn(cohort: _Cohort, head: Job, refused: list[Job], t: int) -> list[Job]:
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


def _priority(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    jobs = [
        job
        | {
            "row": row,
            "start": None,
            "end": None,
            "kept": 0,
            "worked": 0,
            "restart": 0,
            "since": None,
            "stops": 0,
            "lost": 0,
        }
        for row, job in enumerate(jobs)
    ]
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


def _elastic(jobs: list[Job], capacity: int, policy: Any) -> list[Job]:
    """From event to event; the GPUs are dealt one by one to the greatest gain."""
    jobs = [
        job
        | {"row": row, "start": None, "end": None, "left": float(job["duration"]), "pause": 0.0, "size": 0}
        for row, job in enumerate(jobs)
    ]
    t, deal = 0.0, None
    arrivals = sorted({float(job["submit"]) for job in jobs})
    while any(job["end"] is None for job in jobs):
        running = [job for job in jobs if job["start"] is not None and job["end"] is None]
        times = [t + job["pause"] + job["left"] / _rate(job, policy) for job in running]
        events = times + [
            s for s in arrivals if s > t or (s == 0 and t == 0 and deal is None and not running)
        ]
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
        best = max(
            able, key=lambda one: ((one[1] + 1) ** policy.scaling - one[1] ** policy.scaling, -one[0]["row"])
        )
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
