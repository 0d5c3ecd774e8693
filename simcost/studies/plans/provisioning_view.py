"""Over-provisioning of plans: paid and needed replica-hours, and the attainment that they bought."""

from typing import Any

from simcost.studies.plans.contents import serves
from simcost.units import Formatted, format_count, format_share, format_usd

Document = dict[str, Any]
MEANING = (
    "over-provisioned: paid for replicas beyond those that demand needs minute by minute, a month, and as share of the "
    "replica-hours paid"
)
NOTE = (
    "needed: the fewest replicas, minute by minute, that carry the arrivals at 80 % of what saturates them, or at less "
    "where the time per token asks for it; all that was paid in hours that missed the SLO"
)


def table(document: Document) -> list[dict[str, str]]:
    """One row per plan, hours and money a month; none without requests."""
    return [_row(plan) for plan in document["plans"]] if serves(document) else []


def notes(document: Document) -> list[str]:
    """Definitions of the columns; empty where there are none."""
    return [NOTE] if serves(document) else []


def cell(plan: Document) -> Formatted:
    """`$5,098 (62.5 %)`: the money of a month and its share of the hours paid."""
    over = plan["over_provisioned"]
    usd = over["per_month"]["usd"]
    return Formatted(f"{format_usd(usd)} ({format_share(over['share'])})", usd)


def _row(plan: Document) -> dict[str, str]:
    over, attainment = plan["over_provisioned"], plan["slo"]["attainment"]
    month = over["per_month"]
    return {
        "Plan": plan["name"],
        "Attainment": "\N{EN DASH}" if attainment is None else format_share(attainment),
        "Utilisation": format_share(plan["utilisation"]),
        "Paid": format_count(month["paid_replica_hours"]),
        "Needed": format_count(month["needed_replica_hours"]),
        "Over-provisioned": Formatted(
            f"{format_count(month['replica_hours'])} ({format_share(over['share'])})", month["replica_hours"]
        ),
        "USD": format_usd(month["usd"]),
    }
