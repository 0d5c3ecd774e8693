"""Result of an import of jobs, and the description of a job trace: in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.present.text_table import table
from simcost.units import format_count, format_seconds, format_share

_SIZES = 12


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `trace import` or `trace describe` of jobs."""
    start = f", from {document['start_utc']}" if document.get("start_utc") else ""
    jobs, span = format_count(document["jobs"]), format_seconds(document["span_s"])
    parts = [f"{document['file']}: {jobs} jobs in {span}{start}"]
    if "dropped" in document:
        parts.append(f"kept out {format_count(document['dropped'])}, repaired {format_count(document['repaired'])}")
    if "gpu_hours" in document:
        parts += [_load(document), _times(document), _sizes(document["sizes"])]
        kinds = (("outcome", "outcomes"), ("pool", "pools"), ("user", "users"))
        parts += [_groups(title, document[key]) for title, key in kinds if len(document[key]) > 1]
    parts += [f"note: {finding['message']}" for finding in document.get("findings", ())]
    return "\n".join(part for part in parts if part)


def _load(document: Mapping[str, Any]) -> str:
    offered = document["offered_gpus"]
    busy = "" if offered is None else f", {format_count(round(offered))} GPUs busy on average if none waited"
    lines = [f"work {document['gpu_hours']:,.0f} GPU-hours{busy}"]
    spread = [
        f"{name} CV {document[key]:.3g}"
        for name, key in (("submissions per hour", "hourly_cv"), ("interarrival", "cv"))
        if document[key] is not None
    ]
    if spread:
        lines.append(f"{', '.join(spread)} (interarrivals of a Poisson process: 1)")
    if document["fractional_jobs"]:
        lines.append(f"jobs on a part of a GPU: {format_count(document['fractional_jobs'])}")
    if document["elastic_jobs"]:
        lines.append(f"elastic jobs: {format_count(document['elastic_jobs'])}")
    if document["never_started"]:
        lines.append(f"jobs that never started: {format_count(document['never_started'])}")
    return "\n".join(lines)


def _times(document: Mapping[str, Any]) -> str:
    kinds = [("duration", document["duration_s"]), ("recorded wait", document["wait_s"])]
    names = ("mean", "p50", "p95", "p99", "max")
    rows = [[title, *(format_seconds(found[name]) for name in names)] for title, found in kinds if found]
    return "\n" + table(["time", *names], rows) + "\n"


def _sizes(sizes: Sequence[Mapping[str, Any]]) -> str:
    rows = [[format_count(size["gpus"]), format_count(size["jobs"]), format_share(size["share"])] for size in sizes]
    more = f"\n... and {len(rows) - _SIZES} sizes more" if len(rows) > _SIZES else ""
    return table(["GPUs", "jobs", "share"], rows[:_SIZES], left=0) + more + "\n"


def _groups(title: str, groups: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            group["name"] or "(none)",
            format_count(group["jobs"]),
            f"{group['gpu_hours']:,.1f}",
            format_share(group["share"]),
        ]
        for group in groups
    ]
    return table([title, "jobs", "GPU-hours", "share"], rows) + "\n"
