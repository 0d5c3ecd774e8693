"""Number of GPUs that a queue needs."""

from textwrap import fill
from typing import Any

from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.scheduling import size_charts
from simcost.units import format_count, format_seconds, format_share, format_usd

Document = dict[str, Any]
WIDTH = 100
_NONE = "-"


def text(document: Document) -> str:
    """The document of `simcost train size`: the verdict, the policies, the curve of each, mixes with spot."""
    blocks = [fill(document["verdict"], WIDTH)]
    for part in parts(document):
        body = [table_of(part.rows, left=1 if "policy" in part.rows[0] else 0)] if part.rows else []
        body += [fill(line, WIDTH) for line in part.said]
        if body:
            blocks.append("\n".join([part.title, *body] if part.titled else body))
    return "\n\n".join(blocks)


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    offered = f"offered load: {document['offered_gpus']:,.1f} GPUs on average"
    curves = [Part(title=one["policy"], rows=curve(document, one)) for one in document["policies"]]
    found = [f"note: {finding['message']}" for finding in document.get("findings", ())]
    return [
        Part(title="Policies", titled=False, rows=policies(document), said=[offered]),
        *([Part(title="The sizes asked for", rows=asked(document))] if asked(document) else []),
        Part(title="Waiting against size", chart=lambda: size_charts.curves(document)),
        *(_mix(document["mix"]) if "mix" in document else []),
        *curves,
        Part(title="Notes", titled=False, said=found),
    ]


def _mix(mix: Document) -> list[Part]:
    drawn = [Part(title="Reserved and spot", chart=lambda: size_charts.mixes(mix))]
    title = "Reserved GPUs combined with spot"
    return [
        Part(title=title, rows=mixes(mix), said=mix["notes"]),
        *(drawn if mix["best"]["usd_per_month"] is not None else []),
    ]


def policies(document: Document) -> Table:
    """One row a policy: the smallest cluster that keeps the target."""
    return [{"policy": one["policy"], **_cells(document, one)} for one in document["policies"]]


def asked(document: Document) -> Table:
    """One row per size asked for and policy."""
    return [{"policy": one["policy"], **_cells(document, point)} for one in document["policies"] for point in one["at"]]


def curve(document: Document, one: Document) -> Table:
    """One row a size."""
    return [_cells(document, point) for point in one["curve"]]


def mixes(mix: Document) -> Table:
    """One row per number of reserved GPUs."""
    return [
        {
            "reserved": f"{row['base_gpus']:,}",
            "spot, at most": "not enough" if row["spot_gpus"] is None else f"{row['spot_gpus']:,}",
            "$/month": _usd(row["usd_per_month"]),
            "target wait": _NONE if row["wait_s"] is None else format_seconds(row["wait_s"]["target"]),
            "spot GPU-h/month": _count(row["spot_gpu_hours_per_month"]),
            "preemptions": _count(row["preemptions"]),
            "redone": _NONE if row["redone_share"] is None else format_share(row["redone_share"]),
        }
        for row in mix["mixes"]
    ]


def _cells(document: Document, point: Document) -> dict[str, str]:
    target = f"P{100 * document['target']['percentile']:g} wait"
    return {
        "GPUs": f"{point['gpus']:,}",
        "$/month": _usd(point["usd_per_month"]),
        target: format_seconds(point["wait_s"]["target"]),
        "mean wait": format_seconds(point["wait_s"]["mean"]),
        "utilisation": format_share(point["utilisation"]),
    }


def _usd(value: float | None) -> str:
    return _NONE if value is None else format_usd(value)


def _count(value: float | None) -> str:
    return _NONE if value is None else format_count(value)
