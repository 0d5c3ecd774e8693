"""Replays of job traces in the terminal."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from simcost.present.text_table import table
from simcost.units import format_seconds, format_share

Document = Mapping[str, Any]
WIDTH = 100
QUANTILES = ("mean", "p50", "p95", "p99", "max")
BUCKET_TITLES = {
    "useful": "useful work",
    "checkpoint": "writing checkpoints",
    "lost": "work lost and redone",
    "restart": "restarting",
    "idle_blocked": "idle while jobs wait",
    "idle_free": "idle, no job waits",
    "down": "down",
}


def text(document: Document) -> str:
    """The document of `simcost train replay`: one policy in full, or several side by side."""
    if "policies" in document:
        parts = [fill(document["verdict"], WIDTH), comparison(document["policies"])]
    else:
        parts = [_verdict(document), _times(document), _buckets(document)]
        if document["deadlines"]:
            parts.append(_deadlines(document["deadlines"]))
        if len(document["pools"]) > 1:
            parts.append(_pools(document["pools"]))
    parts += [fill(f"note: {finding['message']}", WIDTH) for finding in document.get("findings", ())]
    return "\n\n".join(parts)


def comparison(documents: Sequence[Document]) -> str:
    """Several policies on one trace and cluster, a row each."""
    header = ["policy", "mean wait", "P95 wait", "mean JCT", "slowdown", "preemptions", "utilisation"]
    return table(header, [_policy(one) for one in documents])


def _name(document: Document) -> str:
    """As the command line takes it."""
    plain = {name: value for name, value in document["parameters"].items() if not isinstance(value, Mapping)}
    fields = ",".join(f"{name}={_word(value)}" for name, value in plain.items())
    return f"{document['policy']}:{fields}" if fields else str(document["policy"])


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_word, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _policy(document: Document) -> list[str]:
    wait_s, jct_s = document["wait_s"], document["jct_s"]
    return [
        _name(document),
        _time(wait_s["mean"]),
        _time(wait_s["p95"]),
        _time(jct_s["mean"]),
        _number(document["bounded_slowdown"]),
        f"{document['preemptions']:,}",
        _share(document["utilisation"]),
    ]


def _verdict(document: Document) -> str:
    rejected = document["rejected"]
    wider = f"; {rejected:,} wider than their pool, rejected" if rejected else ""
    return (
        f"{_name(document)} on {document['gpus']:,} GPUs: {document['completed']:,} of {document['jobs']:,} jobs "
        f"completed, mean wait {_time(document['wait_s']['mean'])}, "
        f"{_share(document['utilisation'])} of the GPU time allocated{wider}."
    )


def _times(document: Document) -> str:
    rows = [
        [title, *(_time(document[name][quantile]) for quantile in QUANTILES)]
        for name, title in (("wait_s", "wait"), ("jct_s", "completion (JCT)"))
    ]
    below = (
        f"bounded slowdown {_number(document['bounded_slowdown'])}, makespan {_time(document['makespan_s'])}, "
        f"{document['preemptions']:,} preemptions"
    )
    if document["failures"]:
        below += f", {document['failures']:,} failures"
    fragmented = document["fragmentation"]
    if fragmented is not None:
        below += f", {_share(fragmented)} of the idle GPU time fragmented"
    found = document["topology"] or {}
    for level in ("domain", "rack"):
        if f"in_one_{level}" in found:
            below += (
                f"\n{_share(found[f'in_one_{level}'])} of {found['gangs']:,} gangs on several nodes lay in one "
                f"{level}, the average in {found[f'{level}s_per_gang']:.2f}"
            )
    return f"{table(['time', 'mean', 'P50', 'P95', 'P99', 'max'], rows)}\n{below}"


def _buckets(document: Document) -> str:
    hours = document["gpu_hours"]
    rows = [[title, f"{hours[name]:,.0f}"] for name, title in BUCKET_TITLES.items() if hours[name]]
    return table(["GPU time", "GPU-hours"], rows or [["none", "0"]])


def _deadlines(found: Document) -> str:
    return (
        f"Deadlines: {found['met']:,} of {found['jobs']:,} met, mean tardiness {_time(found['mean_tardiness_s'])}; "
        f"{found['hopeless']:,} could not be met by their limits even without a queue."
    )


def _pools(pools: Mapping[str, Document]) -> str:
    rows = []
    for name, one in pools.items():
        wait_s = one["wait_s"]
        rows.append(
            [
                name,
                f"{one['jobs']:,}",
                _time(wait_s["mean"]),
                _time(wait_s["p95"]),
                _time(one["jct_s"]["mean"]),
            ]
        )
    return table(["pool", "jobs", "mean wait", "P95 wait", "mean JCT"], rows)


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else format_seconds(seconds)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _share(share: float | None) -> str:
    return "-" if share is None else format_share(share)
