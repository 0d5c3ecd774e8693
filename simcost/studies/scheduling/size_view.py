"""Number of GPUs that a queue needs."""

from typing import Any

from simcost.present.format import amount, count, percentile, seconds, share, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.scheduling import size_charts

Document = dict[str, Any]


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    offered = f"offered load: {amount(document['offered_gpus'])} GPUs on average"
    curves = [Part(title=one["policy"], rows=curve(document, one), left=0) for one in document["policies"]]
    return [
        Part(title="Policies", titled=False, rows=policies(document), said=[offered]),
        *([Part(title="The sizes asked for", rows=asked(document))] if asked(document) else []),
        Part(title="Waiting against size", chart=lambda: size_charts.curves(document)),
        *(_mix(document["mix"]) if "mix" in document else []),
        *curves,
        notes(document),
    ]


def _mix(mix: Document) -> list[Part]:
    drawn = [Part(title="Reserved and spot", chart=lambda: size_charts.mixes(mix))]
    title = "Reserved GPUs combined with spot"
    return [
        Part(title=title, rows=mixes(mix), said=mix["notes"], left=0),
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
            "reserved": count(row["base_gpus"]),
            "spot, at most": "not enough" if row["spot_gpus"] is None else count(row["spot_gpus"]),
            "$/month": usd(row["usd_per_month"]),
            "target wait": seconds(row["wait_s"] and row["wait_s"]["target"]),
            "spot GPU-h/month": count(row["spot_gpu_hours_per_month"]),
            "preemptions": count(row["preemptions"]),
            "redone": share(row["redone_share"]),
        }
        for row in mix["mixes"]
    ]


def _cells(document: Document, point: Document) -> dict[str, str]:
    target = f"{percentile(document['target']['percentile'])} wait"
    return {
        "GPUs": count(point["gpus"]),
        "$/month": usd(point["usd_per_month"]),
        target: seconds(point["wait_s"]["target"]),
        "mean wait": seconds(point["wait_s"]["mean"]),
        "utilisation": share(point["utilisation"]),
    }
