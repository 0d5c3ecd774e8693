"""Over-provisioning of plans: paid and needed replica-hours, and the attainment that they bought."""

from typing import Any

from simcost.present.format import attained, count, share, usd
from simcost.present.parts import Table
from simcost.studies.plans.contents import serves, trains
from simcost.units import Formatted

Document = dict[str, Any]
MEANING = (
    "over-provisioned: paid for replicas beyond those that demand needs minute by minute, a month, and as share of the "
    "replica-hours paid"
)
NOTE = (
    "needed: the fewest replicas, minute by minute, that carry the arrivals at 80 % of what saturates them, or at less "
    "where the time per token asks for it; all that was paid in hours that missed the SLO"
)
_BESIDE_JOBS = (
    "over-provisioned counts replicas, and nodes for services alone that none of them holds; it does not count what "
    "jobs leave idle, on a cluster of their own or on nodes that they share with services"
)
"""Of services and jobs."""
_UNALLOCATED = (
    "over-provisioned of a plan counts, beside the replicas of its services, accelerators of paid nodes that none of "
    "them holds"
)
"""Of several services alone: it is more than the sum of theirs."""
_COMMITMENT, _CENT = "unused_commitment", 0.01
_BESIDE_UNUSED = "neither paid nor over-provisioned counts owned nodes and commitments that nothing used"
_FIXED = (
    "owned nodes and commitments are paid for, used or not: of the regret, fewer replicas save only what is beyond them"
)


def legend(document: Document) -> str:
    """Of the column in a comparison of plans."""
    return f"{MEANING}, without owned nodes and commitments that nothing used" if _unused(document) else MEANING


def meaning(document: Document) -> list[str]:
    """Of the columns; nothing without requests."""
    if not serves(document):
        return []
    notes = [NOTE]
    if "services" in document["plans"][0]:
        if trains(document):
            notes.append(_BESIDE_JOBS)
        elif any(plan["replica_hours"]["unallocated"] for plan in document["plans"]):
            notes.append(_UNALLOCATED)
    return [*notes, *_unused(document)]


def _unused(document: Document) -> list[str]:
    """A sentence on owned nodes and commitments that are paid for and not used, where a plan has some."""
    unused = [
        f"{plan['name']} {usd(usd_per_month)}"
        for plan in document["plans"]
        if (usd_per_month := plan["cost_usd"]["per_month_by_part"].get(_COMMITMENT, 0.0)) >= _CENT
    ]
    return [f"{_BESIDE_UNUSED}, a month: {'; '.join(unused)}"] if unused else []


def table(document: Document) -> Table:
    """One row per plan, hours and money a month; none without requests."""
    return [_row(plan) for plan in document["plans"]] if serves(document) else []


def cell(plan: Document) -> Formatted:
    """`$5,098 (62.5 %)`: the money of a month and its share of the hours paid."""
    over = plan["over_provisioned"]
    paid = over["per_month"]["usd"]
    return Formatted(f"{usd(paid)} ({share(over['share'])})", paid)


def _row(plan: Document) -> dict[str, str]:
    over, slo = plan["over_provisioned"], plan["slo"]
    month = over["per_month"]
    return {
        "Plan": plan["name"],
        "Attainment": attained(slo["attainment"], slo.get("target")),
        "Utilisation": share(plan["utilisation"]),
        "Paid": count(month["paid_replica_hours"]),
        "Needed": count(month["needed_replica_hours"]),
        "Over-provisioned": Formatted(
            f"{count(month['replica_hours'])} ({share(over['share'])})", month["replica_hours"]
        ),
        "USD": usd(month["usd"]),
    }


BOUND = (
    "bound: no autoscaler that keeps the SLO needs less, however well it knows the demand: the least engine time of as "
    "many requests as must be good, in the fullest batches, from replicas that come and go at any moment; one that "
    "needs as little may not exist. Cold starts: what those add at least where each takes as long as in the run. "
    "Schedule: whole replicas that follow the demand of five minutes, no bound. Regret: paid - bound; below 0 only "
    "where the SLO is missed"
)


def regrets(document: Document) -> Table:
    """One row per plan against a perfect autoscaler, USD a month; none without requests."""
    return [_regret(plan) for plan in document["plans"] if plan.get("regret")]


def fixed(document: Document) -> list[str]:
    """A sentence on the plans whose bill does not follow their replicas; none without one."""
    plans = [plan["name"] for plan in document["plans"] if _COMMITMENT in plan["cost_usd"]["per_month_by_part"]]
    return [f"{', '.join(plans)}: {_FIXED}"] if plans else []


def without_bound(document: Document) -> list[str]:
    """One sentence for each plan whose requests no bound of one kind of replica covers."""
    reasons = {
        "overflow": "an API answers some of its requests",
        "pools": "its pools have unlike replicas",
        "disaggregation": "its replicas prefill or decode",
    }
    return [
        f"{plan['name']} has no row: {reason}, and the bound is of replicas that are alike and answer all requests"
        for plan in document["plans"]
        if "regret" in plan and plan["regret"] is None
        for reason in [next((said for key, said in reasons.items() if key in plan), "")]
        if reason
    ]


def _regret(plan: Document) -> dict[str, str]:
    found, month = plan["regret"], plan["regret"]["per_month"]
    return {
        "Plan": plan["name"],
        "Paid": usd(month["paid_usd"]),
        "Bound": usd(month["bound_usd"]),
        "Cold starts": usd(month["with_cold_start_usd"] - month["bound_usd"]),
        "Schedule": usd(month["schedule_usd"]),
        "Regret": Formatted(f"{usd(month['regret_usd'])} ({share(found['regret_share'])})", month["regret_usd"]),
    }
