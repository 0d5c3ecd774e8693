"""The document of a replay: outcomes of the jobs of a trace under a policy."""

from dataclasses import asdict
from datetime import datetime
from math import fsum
from typing import Any

import numpy as np

from simcost.ledger.jobs import NEVER, Floats, Ints, JobLedger
from simcost.plan.failures import Checkpoints, ClusterFailures
from simcost.plan.scheduling import FairShare, PriorityPreemptive, Quotas, Scheduler, Shortest, Srtf
from simcost.tables.calendar import find_zone
from simcost.trace.jobs.jobs import CHECKPOINTS, NONE, Jobs
from simcost.trace.jobs.rejections import kept_out
from simcost.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, format_seconds, how_many, plural

NEAR_MIDNIGHT_S = 1800.0
"""Jobs whose first comes so near to midnight have the hours of the day of requests."""
SHORT_S = 10.0
"""Slowdown counts jobs as at least so long."""
_BY_PRIORITY = {"priority-preemptive": "fifo-strict, and stops none", "priority-backfill": "easy-backfill"}
"""Policies that go by priorities, and what they are like where all jobs have one."""
_MOST_USERS = 10
_LONG_TAIL = 0.1
"""Part of a run after the last submission from which it is told."""
_ROUNDED = 0.05
"""Part of a time by which its whole seconds differ from it, from which it is told."""


def replay_document(jobs: Jobs, ledger: JobLedger, policy: Scheduler) -> dict[str, Any]:
    """The document of `simcost train replay`.

    Waits are those of jobs that started, completion times and slowdowns those of jobs that ended; quantiles are linear.
    `wait_s` ends with the first start; `queue_s` counts the waits after preemptions too, and `queued` the jobs that
    waited at all. Bounded slowdown is the mean of max(1, JCT / max(10 s, duration)). Values without any job are None.
    `users` are those with the most work, empty where the log names none; `gpu_hours` of users and pools is their work,
    that of rejected jobs left out.
    `recorded_wait_s` are the waits of the log, of the jobs that started there; None where it has none. `utilisation` is
    of the time up to the last end, `utilisation_while_submitted` up to the last submission.
    """
    outcomes, everyone = ledger.outcomes, np.ones(len(jobs), np.bool_)
    capacity_s = ledger.gpus * ledger.horizon_s
    busy_s = capacity_s - fsum(ledger.gpu_seconds[name] for name in ("idle_blocked", "idle_free", "down"))
    idle_s = ledger.gpu_seconds["idle_blocked"] + ledger.gpu_seconds["idle_free"]
    fragmented_s = ledger.fragmented_gpu_seconds
    pool_hours = _work_hours(jobs, ledger, jobs.pool, len(jobs.pools))
    return {
        "policy": policy.kind,
        "parameters": _parameters(policy),
        "gpus": ledger.gpus,
        "jobs": len(jobs),
        "started": int((outcomes.start_s >= 0).sum()),
        "completed": int((outcomes.end_s >= 0).sum()),
        "rejected": int(outcomes.rejected.sum()),
        **_experience(jobs, ledger, everyone),
        "recorded_wait_s": _recorded(jobs),
        "makespan_s": _makespan_s(jobs, ledger),
        "utilisation": busy_s / capacity_s if capacity_s else None,
        "utilisation_while_submitted": _while_submitted(jobs, ledger),
        "fragmentation": None if fragmented_s is None else fragmented_s / idle_s if idle_s else 0.0,
        "preemptions": int(outcomes.preemptions.sum()),
        "failures": 0 if outcomes.failures is None else int(outcomes.failures.sum()),
        "topology": _topology(ledger.facts),
        "gpu_hours": {name: seconds / 3600 for name, seconds in ledger.gpu_seconds.items()},
        "deadlines": _deadlines(jobs, ledger),
        "pools": {
            name: {"jobs": int((jobs.pool == i).sum()), "gpu_hours": float(pool_hours[i])}
            | _experience(jobs, ledger, jobs.pool == i)
            for i, name in enumerate(jobs.pools)
        },
        "users": _users(jobs, ledger),
    }


def after_last_submission(jobs: Jobs) -> list[dict[str, Any]]:
    """The finding on a log whose last jobs run on for long, so that GPUs stand idle at the end of a run, as no job
    comes: on any cluster for at least so long.
    """
    end_s, last_s = int((jobs.submit_s + jobs.duration_s).max()), int(jobs.submit_s.max())
    if end_s - last_s <= _LONG_TAIL * end_s:
        return []
    said = (
        f"jobs are submitted in the first {format_seconds(last_s)}, and run until {format_seconds(end_s)} on any "
        "cluster: utilisation and idle time count this end too, in which no job comes"
    )
    return [{"kind": "after_last_submission", "count": len(jobs), "message": said}]


def assumptions(jobs: Jobs, *, counted: bool, remedy: str = "pass --nodes") -> list[dict[str, Any]]:
    """Assumptions of a replay about these jobs, as findings; `remedy`: how to get nodes in place of a count."""
    if not counted:
        return []
    parts = int((jobs.gpu_milli < 1000).sum())
    typed = int(np.array([bool(name) for name in jobs.gpu_types])[jobs.gpu_type].sum())
    found = [
        ("part_of_gpu", parts, f"a part of a GPU; on a count each takes a whole one: {remedy}"),
        ("any_type", typed, f"a type of GPU; a count has no types, and takes any: {remedy}"),
        ("no_gpu", int((jobs.gpus == 0).sum()), "no GPU; on a count they never wait, and the waits shown count them"),
    ]
    return [
        {"kind": kind, "count": count, "message": f"{how_many(count, 'job asks', 'jobs ask')} for {said}"}
        for kind, count, said in found
        if count
    ]


def marks_without_effect(jobs: Jobs, stops: str, *, spot: bool = False) -> list[dict[str, Any]]:
    """Findings on marks of jobs that a cluster does not go by.

    Args:
        jobs: the trace.
        stops: who stops any job there, as `requests`.
        spot: on spot nodes, on which a job may lie whether it is marked fit for them or not.
    """
    fixed = int((~jobs.preemptible).sum())
    unfit = int((~jobs.spot_ok).sum()) if spot and jobs.spot_ok.any() else 0
    found = [
        ("not_preemptible", fixed, f"marked as not preemptible; {stops} stop any job all the same"),
        ("not_spot_ok", unfit, "not marked spot_ok; any job may lie on spot nodes all the same"),
    ]
    return [
        {"kind": kind, "count": count, "message": f"{how_many(count, 'job is', 'jobs are')} {said}"}
        for kind, count, said in found
        if count
    ]


def of_order(jobs: Jobs, policy: Scheduler) -> list[dict[str, Any]]:
    """Findings on a policy that orders jobs by what they do not say, or all say alike, or by what nobody knows; and on
    priorities that it does not go by.
    """
    if isinstance(policy, Shortest | Srtf):
        return [*_of_durations(jobs, policy), *_of_priorities(jobs, policy)]
    said = _without_effect(jobs, policy)
    found = [{"kind": "order_without_effect", "count": len(jobs), "message": said}] if said else []
    return [*found, *_of_priorities(jobs, policy)]


def _without_effect(jobs: Jobs, policy: Scheduler) -> str:
    """Sentence on a policy that goes by what no job says, or all say alike; empty where it has an effect."""
    kind = policy.kind
    if kind == "deadline" and not (jobs.deadline_s != NONE).any():
        return "no job has a deadline (deadline_s): deadline orders them as fifo-skip"
    if kind in _BY_PRIORITY and (jobs.priority == jobs.priority[0]).all():
        return f"all jobs have one priority: {kind} orders them as {_BY_PRIORITY[kind]}"
    if kind == "elastic" and (jobs.min_gpus == jobs.max_gpus).all():
        return "no job may run on fewer or more GPUs (min_gpus, max_gpus): elastic changes no size"
    if isinstance(policy, FairShare) and (jobs.user == jobs.user[0]).all():
        weighed = policy.weight_size or policy.weight_priority
        orders = "no use of late tells them apart" if weighed else "fair-share orders them as fifo-skip"
        return f"all jobs are of one user: {orders}"
    return ""


def _of_priorities(jobs: Jobs, policy: Scheduler) -> list[dict[str, Any]]:
    """The finding on priorities of the jobs that a policy does not go by."""
    obeyed = policy.ranks_by == "priority" or (isinstance(policy, FairShare) and policy.weight_priority > 0)
    if obeyed or (jobs.priority == jobs.priority[0]).all():
        return []
    said = f"the jobs have priorities, which {policy.kind} does not go by: {' and '.join(_BY_PRIORITY)} do"
    return [{"kind": "priorities_not_used", "count": len(jobs), "message": said}]


def _of_durations(jobs: Jobs, policy: Scheduler) -> list[dict[str, Any]]:
    """The finding on a policy that knows the true durations."""
    if isinstance(policy, Shortest):
        as_limits = policy.by == "limit" and (jobs.limit_s == jobs.duration_s).all()
        if policy.sigma or not (policy.by == "duration" or as_limits):
            return []
        guess = "by user, pool or limit it guesses them" if policy.by == "duration" else "the limits are these"
    else:
        guess = "what it saves is a bound"
    said = f"{policy.kind} goes by the true durations of jobs, which no scheduler knows: {guess}"
    return [{"kind": "true_durations", "count": len(jobs), "message": said}]


def other_hours(jobs: Jobs, timezone: str = "UTC") -> list[dict[str, Any]]:
    """The finding on jobs beside requests that do not begin around midnight in their time zone, where requests begin:
    here both begin at once.
    """
    if jobs.start_utc is not None:
        begins = datetime.fromisoformat(jobs.start_utc).astimezone(find_zone(timezone))
        of_day_s = begins.hour * SECONDS_PER_HOUR + begins.minute * 60.0
        first = f"at {begins:%H:%M} {timezone}"
    elif jobs.first_s is not None:
        of_day_s = jobs.first_s % SECONDS_PER_DAY
        first = f"{format_seconds(jobs.first_s)} after second 0 of the log"
    else:
        return []
    if min(of_day_s, SECONDS_PER_DAY - of_day_s) < NEAR_MIDNIGHT_S:
        return []
    message = (
        f"the jobs begin {first}, and here with the first requests: the hours of the day of jobs are not those of "
        "requests that begin at midnight; choose jobs from a midnight on (`since`)"
    )
    return [{"kind": "other_hours", "count": len(jobs), "message": message}]


def unsaved_work(
    jobs: Jobs, policy: Scheduler, failures: ClusterFailures | None, checkpoints: Checkpoints | None
) -> list[dict[str, Any]]:
    """The finding on jobs that fail where nothing says how they save their work: at an optimal interval they lose none,
    else all of it.
    """
    if failures is None or checkpoints is not None:
        return []
    if failures.intervals != "given":
        known = jobs.ckpt_write_s is not None
        best = failures.intervals.capitalize()
        said = f"checkpoints at {best}'s interval take no time to write, so that failures cost no work"
    else:
        known = jobs.ckpt_interval_s is not None or isinstance(policy, PriorityPreemptive | Quotas)
        said = "jobs write no checkpoints: one that fails does all its work again"
    return [] if known else [{"kind": "unsaved_work", "count": len(jobs), "message": f"{said}; pass --checkpoints"}]


def rejections(jobs: Jobs, ledger: JobLedger) -> list[dict[str, Any]]:
    """The jobs that a replay kept out, as findings of readers."""
    rejected = np.flatnonzero(ledger.outcomes.rejected)
    if not len(rejected):
        return []
    first, pool = rejected[0], jobs.pools[jobs.pool[rejected[0]]]
    cpus, gib = jobs.cpu_milli[first] / 1000, jobs.memory_mib[first] / 1024
    asks = ", ".join(
        [
            plural(int(jobs.gpus[first]), "GPU"),
            *([f"{cpus:g} CPUs"] if cpus else []),
            *([f"{gib:,.4g} GiB of memory"] if gib else []),
        ]
    )
    asks += f" in pool {pool!r}" if pool else ""
    message = (
        f"{kept_out(len(rejected))}: too wide to fit even while no other job runs, or waiting for such jobs; "
        f"first: job {jobs.job_id[first]}: {asks}"
    )
    return [{"kind": "rejected", "count": len(rejected), "message": message, "dropped": True}]


def _parameters(policy: Scheduler) -> dict[str, Any]:
    """The fields of a policy that are not at their defaults."""
    standard = asdict(type(policy)())
    return {name: value for name, value in asdict(policy).items() if value != standard[name]}


def _experience(jobs: Jobs, ledger: JobLedger, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
    out = ledger.outcomes
    started, ended = chosen & (out.start_s >= 0), chosen & (out.end_s >= 0)
    wait_s = (out.start_s - out.queued_s)[started]
    again_s = 0.0 if out.resumed_wait_s is None else out.resumed_wait_s[started]
    jct_s = (out.end_s - out.submit_s)[ended]
    slowdown = np.maximum(1.0, jct_s / np.maximum(SHORT_S, jobs.duration_s[ended]))
    return {
        "wait_s": _spread(wait_s),
        "queue_s": _spread(wait_s + again_s),
        "queued": int((wait_s + again_s > 0).sum()),
        "jct_s": _spread(jct_s),
        "bounded_slowdown": float(slowdown.mean()) if len(slowdown) else None,
    }


def _users(jobs: Jobs, ledger: JobLedger) -> dict[str, Any]:
    """The users with the most work."""
    if not jobs.users_known:
        return {}
    hours = _work_hours(jobs, ledger, jobs.user, len(jobs.users))
    counts = np.bincount(jobs.user, minlength=len(jobs.users))
    most = [i for i in np.argsort(-hours, kind="stable").tolist() if counts[i]][:_MOST_USERS]
    return {
        jobs.users[i]: {"jobs": int(counts[i]), "gpu_hours": float(hours[i])}
        | _experience(jobs, ledger, jobs.user == i)
        for i in most
    }


def _work_hours(jobs: Jobs, ledger: JobLedger, code: Ints, groups: int) -> Floats:
    """GPU-hours that the jobs of each group which are not rejected take without interruption."""
    hours = np.where(ledger.outcomes.rejected, 0.0, jobs.work_gpu_s / SECONDS_PER_HOUR)
    return np.bincount(code, weights=hours, minlength=groups).astype(np.float64)


def _recorded(jobs: Jobs) -> dict[str, float | None] | None:
    """Waits of the log; None where it has none."""
    waits = jobs.recorded_wait_s
    if waits is None or not (waits != NONE).any():
        return None
    return _spread(waits[waits != NONE].astype(np.float64))


def _while_submitted(jobs: Jobs, ledger: JobLedger) -> float | None:
    """Share of the GPU time that was allocated up to the last submission; None where that is not known."""
    capacity_s = ledger.gpus * float(jobs.submit_s.max(initial=0))
    held_s = ledger.submitting_gpu_seconds
    return None if held_s is None or not capacity_s else held_s / capacity_s


def _spread(values: Floats) -> dict[str, float | None]:
    if not len(values):
        return dict.fromkeys(("mean", "p50", "p95", "p99", "max"))
    p50, p95, p99 = np.quantile(values, (0.5, 0.95, 0.99)).tolist()
    return {"mean": float(values.mean()), "p50": p50, "p95": p95, "p99": p99, "max": float(values.max())}


def _makespan_s(jobs: Jobs, ledger: JobLedger) -> float | None:
    """From the first submission to the last end."""
    ended = ledger.outcomes.end_s[ledger.outcomes.end_s >= 0]
    return float(ended.max() - jobs.submit_s.min()) if len(ended) else None


def _topology(facts: dict[str, float]) -> dict[str, Any] | None:
    """Placement of gangs on several nodes: shares of them within one domain and rack, and over how many on average;
    None where the nodes do not say.
    """
    gangs = facts.get("gangs_on_several_nodes")
    if gangs is None:
        return None
    result: dict[str, Any] = {"gangs": int(gangs)}
    for level in ("domain", "rack"):
        if f"gangs_in_one_{level}" in facts and gangs:
            result[f"in_one_{level}"] = facts[f"gangs_in_one_{level}"] / gangs
            result[f"{level}s_per_gang"] = facts[f"{level}s_of_these_gangs"] / gangs
    return result


def _deadlines(jobs: Jobs, ledger: JobLedger) -> dict[str, Any] | None:
    """Of the jobs with a deadline that have ended, are rejected, or whose deadline is past; None if no job has one.

    `hopeless` counts jobs whose limit passes the deadline even if they start when they are submitted.
    """
    has = jobs.deadline_s != NONE
    if not has.any():
        return None
    end_s, due_s = ledger.outcomes.end_s[has], jobs.deadline_s[has]
    decided = (end_s != NEVER) | ledger.outcomes.rejected[has] | (due_s <= ledger.horizon_s)
    late_s = np.maximum(np.where(end_s == NEVER, ledger.horizon_s, end_s) - due_s, 0.0)[decided]
    met = ((end_s != NEVER) & (end_s <= due_s))[decided]
    return {
        "jobs": int(decided.sum()),
        "met": int(met.sum()),
        "missed_share": float((~met).mean()) if decided.any() else None,
        "mean_tardiness_s": float(late_s.mean()) if decided.any() else None,
        "hopeless": int((jobs.submit_s + jobs.limit_s > jobs.deadline_s)[has].sum()),
    }


def in_whole_seconds(jobs: Jobs, checkpoints: Checkpoints | None) -> list[dict[str, Any]]:
    """The finding on times of checkpoints that a cluster of a fixed size, which counts whole seconds, takes for clearly
    others.
    """
    saved = {} if checkpoints is None else asdict(checkpoints)
    told = [
        f"{name} {format_seconds(value)} as {format_seconds(_whole_s(value, name))}"
        for name, value in saved.items()
        if abs(_whole_s(value, name) - value) > _ROUNDED * value
    ]
    for name in CHECKPOINTS:
        known = getattr(jobs, name)
        if known is not None and (count := int((np.abs(np.rint(known) - known) > _ROUNDED * known).sum())):
            told.append(f"{name} of {plural(count, 'job')}")
    message = f"times of checkpoints are counted in whole seconds: {', '.join(told)}"
    return [{"kind": "whole_seconds", "count": len(jobs), "message": message}] if told else []


def _whole_s(value_s: float, name: str) -> int:
    return max(round(value_s), 1 if name == "interval" else 0)
