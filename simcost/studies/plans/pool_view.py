"""Pools of plans: what each took of the requests and of the bill; and what an API answered."""

from math import fsum

from simcost.present.chart_style import Document
from simcost.present.format import count, share, usd
from simcost.present.parts import Table
from simcost.studies.plans.contents import counted
from simcost.studies.plans.service_view import one_by_one
from simcost.units import Formatted

_CENT = 0.01


def table(document: Document) -> Table:
    """One row per pool and plan; none where no plan has several."""
    return [
        {
            "Plan": plan["name"],
            "Pool": pool["name"],
            "Requests": count(pool["requests"]),
            "GPU-hours of the run": Formatted(f"{pool['accelerator_hours']:,.1f}", pool["accelerator_hours"]),
            "Utilisation": share(pool["utilisation"]),
            "$/month": usd(pool["cost_usd"]["per_month"]),
        }
        for plan in one_by_one(document)["plans"]
        for pool in plan.get("pools", ())
    ]


def overflow(document: Document) -> list[str]:
    """One sentence for each plan with an API that answers what would be rejected."""
    return [
        f"{plan['name']}: of {count(plan['requests']['arrived'])} requests an API answered "
        f"{count(plan['overflow']['requests'])} that would have been rejected, for "
        f"{usd(plan['overflow']['per_month_usd'])} a month."
        for plan in one_by_one(document)["plans"]
        if "overflow" in plan
    ]


def notes(document: Document) -> list[str]:
    """A note on what is counted in which replication, where there is anything to count."""
    return counted(document) if table(document) or overflow(document) else []


def unused(document: Document) -> list[str]:
    """One sentence for each plan of several pools with commitments that none of them used."""
    return [
        f"{plan['name']}: no pool held {usd(unused_usd)} of unused commitments a month"
        for plan in one_by_one(document)["plans"]
        if (unused_usd := _unused_usd(plan)) >= _CENT
    ]


def _unused_usd(plan: Document) -> float:
    """USD a month that are in the cost of no pool; 0 for a plan of one pool, whose cost has it."""
    if not plan.get("pools"):
        return 0.0
    unused_usd = float(plan["allocation_usd_per_month"].get("unused_commitment", 0.0))
    parts = [pool["cost_usd"]["per_month"] for pool in plan["pools"]]
    parts += [plan["overflow"]["per_month_usd"]] if "overflow" in plan else []
    return min(unused_usd, float(plan["cost_usd"]["per_month"]) - fsum(parts))
