"""Share of a cluster that placements allocate, for people."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import count, share
from simcost.present.parts import Part, Table, notes

Document = Mapping[str, Any]
SHOWN = ("50", "80", "90", "100")


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen: a row for each placement."""
    times = f"mean of {document['orders']} orders of arrival" if document["orders"] > 1 else "one order of arrival"
    return [
        Part(title=f"GPUs allocated when so many have been requested ({times})", rows=allocated(document)),
        Part(title="Idle GPUs that no typical job could use, and GPUs refused", rows=fragmented(document)),
        notes(document),
    ]


def allocated(document: Document) -> Table:
    """Share of the GPUs that each placement allocates."""
    return [
        {
            "placement": one["placement"],
            **_levels(document, one["allocated"]),
            "at the end": _spread(one["allocated_at_end"]),
        }
        for one in document["placements"]
    ]


def fragmented(document: Document) -> Table:
    """Share of the GPUs that lie idle in pieces too small."""
    return [
        {
            "placement": one["placement"],
            **_levels(document, one["fragmented"]),
            "GPUs refused": count(one["refused_gpus"]),
        }
        for one in document["placements"]
    ]


def _levels(document: Document, spreads: Document) -> dict[str, str]:
    known = [at for at in SHOWN if all(at in one["allocated"] for one in document["placements"])]
    return {f"at {at} %": _spread(spreads[at]) for at in known}


def _spread(of: Document) -> str:
    return f"{share(of['mean'])} ± {share(of['sd'])}" if of["sd"] else share(of["mean"])
