"""Replays of job traces, as parts."""

from collections.abc import Iterator, Mapping
from typing import Any

from simcost.present.format import amount, count, seconds, share
from simcost.present.parts import Part, Table, notes
from simcost.units import plural

Document = Mapping[str, Any]
QUANTILES = {"mean": "mean", "p50": "P50", "p95": "P95", "p99": "P99", "max": "max"}
BUCKETS = {
    "useful": "useful work",
    "checkpoint": "writing checkpoints",
    "lost": "work lost and redone",
    "restart": "restarting",
    "idle_blocked": "idle while jobs wait",
    "idle_free": "idle, no job waits",
    "down": "down",
}


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen: several policies side by side, or one in full."""
    if "policies" in document:
        return [Part(title="Policies", titled=False, rows=policies(document)), notes(document, *_of_waits(document))]
    return [
        Part(title="Replay", titled=False, said=[_headline(document)]),
        Part(title="Times", titled=False, rows=times(document), said=list(_below_times(document))),
        Part(title="GPU time", titled=False, rows=gpu_time(document)),
        Part(title="Deadlines", titled=False, said=_deadlines(document["deadlines"])),
        Part(title="Pools", titled=False, rows=groups(document["pools"], "pool")),
        Part(title="Users", titled=False, rows=groups(document["users"], "user")),
        notes(document),
    ]


def policies(document: Document) -> Table:
    """Several policies on one trace and cluster, a row each."""
    return [
        {
            "policy": _name(policy),
            "mean wait": seconds(policy["wait_s"]["mean"]),
            "P95 wait": seconds(policy["wait_s"]["p95"]),
            "mean JCT": seconds(policy["jct_s"]["mean"]),
            "slowdown": amount(policy["bounded_slowdown"]),
            "preemptions": count(policy["preemptions"]),
            "utilisation": share(policy["utilisation"]),
        }
        for policy in document["policies"]
    ]


def _of_waits(document: Document) -> Iterator[str]:
    """Sentences on the waits of the log, and of policies that stop jobs, which begin at once and wait again."""
    if recorded := document["policies"][0]["recorded_wait_s"]:
        yield f"waits in the log: {seconds(recorded['mean'])} on average, P95 {seconds(recorded['p95'])}"
    again = [_name(policy) for policy in document["policies"] if policy["queue_s"] != policy["wait_s"]]
    if again:
        yield (
            "a wait ends with the first start: what jobs wait after they were stopped is in the JCT of "
            f"{', '.join(again)} alone"
        )


def _name(document: Document) -> str:
    """As the command line takes it."""
    plain = {name: value for name, value in document["parameters"].items() if not isinstance(value, Mapping)}
    fields = ",".join(f"{name}={_word(value)}" for name, value in plain.items())
    return f"{document['policy']}:{fields}" if fields else str(document["policy"])


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_word, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


def _headline(document: Document) -> str:
    rejected = document["rejected"]
    wider = f"; {count(rejected)} wider than their pool, rejected" if rejected else ""
    left_out = _left_out(document)
    others = f"; {count(left_out)} more of the log left out" if left_out else ""
    return (
        f"{_name(document)} on {count(document['gpus'])} GPUs: {count(document['completed'])} of "
        f"{count(document['jobs'])} jobs completed, mean wait {seconds(document['queue_s']['mean'])}, "
        f"{share(document['utilisation'])} of the GPU time allocated{wider}{others}."
    )


def _left_out(document: Document) -> int:
    """Jobs of the log that no policy saw; those that are wider than their pool are counted with the others."""
    found: list[Document] = document.get("findings", [])
    return sum(said["count"] for said in found if said.get("dropped") and said["kind"] != "rejected")


def times(document: Document) -> Table:
    """Waiting, also after jobs were stopped where some were, as the log recorded it, and completion: mean, percentiles,
    the longest.
    """
    stopped = document["queue_s"] != document["wait_s"]
    again = {"queue_s": "wait, also after stops"} if stopped else {}
    recorded = {"recorded_wait_s": "wait in the log"} if document["recorded_wait_s"] else {}
    first = {"wait_s": "wait to the first start" if stopped else "wait"}
    shown = {**first, **again, **recorded, "jct_s": "completion (JCT)"}
    return [
        {"time": title, **{head: seconds(document[name][quantile]) for quantile, head in QUANTILES.items()}}
        for name, title in shown.items()
    ]


def _below_times(document: Document) -> Iterator[str]:
    below = (
        f"bounded slowdown {amount(document['bounded_slowdown'])}, makespan {seconds(document['makespan_s'])}, "
        f"{plural(document['preemptions'], 'preemption')}"
    )
    if document["failures"]:
        below += f", {plural(document['failures'], 'failure')}"
    if document["fragmentation"] is not None:
        below += f", {share(document['fragmentation'])} of the idle GPU time fragmented"
    yield below
    submitting = document["utilisation_while_submitted"]
    if submitting is not None and any(said["kind"] == "after_last_submission" for said in document.get("findings", ())):
        yield f"{share(submitting)} of the GPU time allocated while jobs were submitted"
    found = document["topology"] or {}
    for level in ("domain", "rack"):
        if f"in_one_{level}" in found:
            yield (
                f"{share(found[f'in_one_{level}'])} of {count(found['gangs'])} gangs on several nodes lay in one "
                f"{level}, the average in {amount(found[f'{level}s_per_gang'])}"
            )


def gpu_time(document: Document) -> Table:
    """Use of the GPU time."""
    spent = {title: document["gpu_hours"][name] for name, title in BUCKETS.items() if document["gpu_hours"][name]}
    return [{"GPU time": title, "GPU-hours": count(hours)} for title, hours in (spent or {"none": 0}).items()]


def _deadlines(found: Document | None) -> list[str]:
    if not found:
        return []
    said = (
        f"Deadlines: {count(found['met'])} of {count(found['jobs'])} met, mean tardiness "
        f"{seconds(found['mean_tardiness_s'])}; {count(found['hopeless'])} could not be met by their limits even "
        "without a queue."
    )
    return [said]


def groups(found: Mapping[str, Document], what: str) -> Table:
    """One row per pool or user, where there are several."""
    if len(found) < 2:
        return []
    return [
        {
            what: name,
            "jobs": count(group["jobs"]),
            **({"GPU-hours": count(group["gpu_hours"])} if "gpu_hours" in group else {}),
            "mean wait": seconds(group["wait_s"]["mean"]),
            "P95 wait": seconds(group["wait_s"]["p95"]),
            "mean JCT": seconds(group["jct_s"]["mean"]),
        }
        for name, group in found.items()
    ]
