"""Several scheduling policies on one job log, in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.units import format_seconds

Document = Mapping[str, Any]


def policies_verdict(names: Sequence[str], documents: Sequence[Document]) -> str:
    """Under which policy jobs complete soonest on average, and how the first one does. Waits would not do: those of
    policies that preempt leave out what follows a preemption.

    Args:
        names: of the policies.
        documents: of `sim.jobs.summary.replay_document`, in the same order.
    """
    known = [(one["jct_s"]["mean"], name, one) for name, one in zip(names, documents, strict=True)
             if one["jct_s"]["mean"] is not None]  # fmt: skip
    if not known:
        return "No job completes on this cluster, under any of the policies."
    _, best, found = min(known, key=lambda each: float(each[0]))
    stops = f", with {found['preemptions']:,} preemptions" if found["preemptions"] else ""
    said = f"Jobs complete soonest under {best}: {_jct(found)} after submission on average{stops}"
    if best == names[0] or documents[0]["jct_s"]["mean"] is None:
        return f"{said}."
    return f"{said}; under {names[0]} {_jct(documents[0])}."


def _jct(document: Document) -> str:
    return format_seconds(document["jct_s"]["mean"])
