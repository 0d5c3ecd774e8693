"""Waste of our own runs: the buckets of a simulated cluster of jobs, or of a serving pool."""

from typing import Any

from simcost.catalog.facts import Offer
from simcost.compare.waste.document import summary
from simcost.compare.waste.price import price_of
from simcost.job_ledger import JobLedger
from simcost.ledger import Ledger

_JOBS = {"useful": "useful", "checkpoint": "checkpoint", "lost": "lost", "restart": "restart",
         "idle_blocked": "blocked_in_pool", "idle_free": "free_idle", "down": "down"}  # fmt: skip
_SERVING = {"serving": "useful", "idle": "allocated_idle", "starting": "restart", "draining": "restart",
            "unallocated": "free_idle"}  # fmt: skip


def waste_of_jobs(
    ledger: JobLedger, *, price_usd_per_h: float | None = None, offer: Offer | None = None
) -> dict[str, Any]:
    """The document of `waste` for a run of jobs on one cluster, without what only samples can tell.

    `fragmentation` is the idle GPU-time that no typical job could use / idle, None without topology.
    """
    totals = _renamed(ledger.gpu_seconds, _JOBS)
    idle = totals["blocked_in_pool"] + totals["free_idle"]
    lost = ledger.fragmented_gpu_seconds
    return _document(totals, ledger.horizon_s, price_usd_per_h, offer) | {
        "fragmentation": None if lost is None or not idle else lost / idle
    }


def waste_of_serving(
    ledger: Ledger, *, price_usd_per_h: float | None = None, offer: Offer | None = None
) -> dict[str, Any]:
    """The document of `waste` for a run of one serving pool: useful = ready with at least one request."""
    totals = _renamed(ledger.slot_seconds(), _SERVING)
    scaled = {name: seconds * ledger.accelerators_per_replica for name, seconds in totals.items()}
    return _document(scaled, ledger.horizon_s, price_usd_per_h, offer) | {"fragmentation": None}


def _renamed(seconds: dict[str, float], names: dict[str, str]) -> dict[str, float]:
    totals = dict.fromkeys(names.values(), 0.0)
    for theirs, value in seconds.items():
        totals[names[theirs]] += value
    return totals


def _document(
    totals: dict[str, float], span_s: float, usd_per_h: float | None, offer: Offer | None
) -> dict[str, Any]:
    rows = [(name, "all", seconds) for name, seconds in totals.items() if name != "useful"]
    document = summary(totals, rows, [], price_of(usd_per_h, offer), [])
    return {"file": "", "span_s": span_s} | document | {"blocked": None, "outcomes": None}
