"""One fleet for serving and training against two, in the terminal."""

from textwrap import fill
from typing import Any

from simcost.present.text_table import table
from simcost.units import format_count, format_seconds, format_share, format_usd

Document = dict[str, Any]
WIDTH = 100


def text(document: Document) -> str:
    """The document of `simcost train share`: the verdict, both ways side by side, where the GPU time went."""
    apart, jobs = document["separate"], document["jobs"]
    rows = [
        ["one fleet", *_cells(document)],
        ["two fleets", *_cells(apart)],
    ]
    serving = document["serving"]
    held = (
        f"serving ({document['plan']}) holds {serving['mean_gpus']:.1f} GPUs on average, {serving['peak_gpus']} at "
        f"its peak; of two fleets, serving has {apart['serving_gpus']:,} GPUs and training {apart['training_gpus']:,}"
    )
    done = (
        f"jobs: {jobs['submitted']:,} submitted, {jobs['completed']:,} completed, {jobs['in_system']:,} not "
        f"finished, {jobs['failed']:,} too wide; {document['preemptions']:,} preemptions by serving"
    )
    parts = [
        fill(document["verdict"], WIDTH),
        *_rounded(document),
        table(["", "GPUs", "$/month", "P95 wait"], rows),
        fill(held, WIDTH),
        fill(done, WIDTH),
        _hours(document["gpu_hours"]),
        *(fill(f"note: {finding['message']}", WIDTH) for finding in document.get("findings", ())),
    ]
    return "\n\n".join(parts)


def _rounded(document: Document) -> list[str]:
    """Notes where the requested fleet is not a whole number of nodes."""
    if document["requested_gpus"] == document["gpus"]:
        return []
    said = (
        f"{document['requested_gpus']:,} GPUs are rounded up to {document['gpus']:,}, as the other two fleets are: "
        f"nodes of {document['node_gpus']:,} GPUs (--node)"
    )
    return [fill(said, WIDTH)]


def _cells(side: Document) -> list[str]:
    usd = side["usd_per_month"]
    return [
        f"{side['gpus']:,}",
        "-" if usd is None else format_usd(usd),
        format_seconds(side["wait_s"]["p95"]),
    ]


def _hours(hours: dict[str, float]) -> str:
    """GPU time of the shared fleet by use."""
    total = sum(hours.values())
    names = {"down": "serving", "idle_blocked": "idle, a job waits", "idle_free": "idle, no job waits"}
    rows = [
        [names.get(name, name), format_count(value), format_share(value / total)]
        for name, value in hours.items()
        if value > 0
    ]
    return table(["GPU time", "GPU-hours", "share"], rows)
