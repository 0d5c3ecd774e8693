"""An import of jobs, and the description of a job trace, as parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from simcost.present.format import amount, count, moment, seconds, share
from simcost.present.parts import Part, Table, notes
from simcost.studies.traces import charts
from simcost.units import plural

Document = Mapping[str, Any]
_SIZES = 12
_GROUPS = {"outcome": "outcomes", "pool": "pools", "user": "users"}


def parts(document: Document) -> list[Part]:
    """The parts of `trace import` or `trace describe` of jobs."""
    described = _described(document) if "gpu_hours" in document else []
    return [Part(title="Jobs", titled=False, said=list(_title(document))), *described, notes(document)]


def verdict(document: Document) -> str:
    """Sentence on the number of jobs and their time."""
    start = f", from {moment(document['start_utc'])}" if document.get("start_utc") else ""
    return f"{document['file']}: {plural(document['jobs'], 'job')} in {seconds(document['span_s'])}{start}"


def _title(document: Document) -> Iterator[str]:
    if "verdict" not in document:
        yield verdict(document)
    if "dropped" in document:
        yield f"kept out {count(document['dropped'])}, repaired {count(document['repaired'])}"


def _described(document: Document) -> list[Part]:
    groups = [(title, document[key]) for title, key in _GROUPS.items() if len(document[key]) > 1]
    return [
        Part(title="Load", titled=False, said=list(_load(document)), chart=_over_time(document)),
        Part(title="Times", titled=False, rows=times(document)),
        Part(title="Sizes", titled=False, rows=sizes(document["sizes"]), left=0, most=_SIZES),
        *(Part(title=f"By {title}", titled=False, rows=by_group(title, found)) for title, found in groups),
    ]


def _over_time(document: Document) -> Callable[[], Any] | None:
    """The chart of busy GPUs; None where a log has no two steps."""
    return (lambda: charts.gpus_over_time(document)) if len(document["over_time"]["gpus"]) > 1 else None


def _load(document: Document) -> Iterator[str]:
    offered = document["offered_gpus"]
    busy = "" if offered is None else f", {count(offered)} GPUs busy on average if none waited"
    yield f"work {count(document['gpu_hours'])} GPU-hours{busy}"
    spread = [
        f"{name} CV {amount(document[key])}"
        for name, key in (("submissions per hour", "hourly_cv"), ("interarrival", "cv"))
        if document[key] is not None
    ]
    if spread:
        yield f"{', '.join(spread)} (interarrivals of a Poisson process: 1)"
    counted = {
        "jobs on a part of a GPU": document["fractional_jobs"],
        "elastic jobs": document["elastic_jobs"],
        "jobs that never started": document["never_started"],
    }
    yield from (f"{name}: {count(jobs)}" for name, jobs in counted.items() if jobs)


def times(document: Document) -> Table:
    """Durations and recorded waits: mean, percentiles, the longest."""
    kinds = {"duration": document["duration_s"], "recorded wait": document["wait_s"]}
    names = ("mean", "p50", "p95", "p99", "max")
    return [
        {"time": title, **{name: seconds(found[name]) for name in names}} for title, found in kinds.items() if found
    ]


def sizes(found: Sequence[Document]) -> Table:
    """Jobs by their number of GPUs."""
    return [{"GPUs": count(one["gpus"]), "jobs": count(one["jobs"]), "share": share(one["share"])} for one in found]


def by_group(title: str, groups: Sequence[Document]) -> Table:
    """Jobs and GPU-hours of each outcome, pool or user."""
    return [
        {
            title: group["name"] or "(none)",
            "jobs": count(group["jobs"]),
            "GPU-hours": count(group["gpu_hours"]),
            "share": share(group["share"]),
        }
        for group in groups
    ]
