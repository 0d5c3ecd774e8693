"""The charge for nodes, and the same money by what the nodes were used for."""

from simcost.billing.charges import Charge, UnitPrice, usage_charge
from simcost.billing.usage import billed_seconds, run_seconds
from simcost.catalog.facts import BillingRule, Offer
from simcost.ledger import Usage
from simcost.units import SECONDS_PER_HOUR


def compute_charge(
    usage: Usage, offer: Offer, rule: BillingRule, own_usd_per_h: float | None = None
) -> tuple[Charge, dict[str, float]]:
    """The charge, and its cost by state of the slots, in USD.

    A node's price is shared equally by its slots. `rounding` is what granularity and minimum add to the
    seconds that ran; all states together are the billed cost.

    Raises:
        RunError: the ledger contradicts itself.
    """
    run_s, still_running = run_seconds(usage)
    billed_s = billed_seconds(run_s, still_running, rule)
    used_s = {state: slot_s / usage.slots_per_node for state, slot_s in usage.slot_seconds.items()}
    used_s["rounding"] = float((billed_s - run_s).sum())
    price = _price(offer, own_usd_per_h)
    by_state = {state: seconds / SECONDS_PER_HOUR * price.paid_usd for state, seconds in used_s.items()}
    hours = float(billed_s.sum()) / SECONDS_PER_HOUR
    return usage_charge(offer, "compute", offer.sku, hours, "h", price, usage.horizon_s), by_state


def _price(offer: Offer, own_usd_per_h: float | None) -> UnitPrice:
    usd = offer.on_demand_usd_per_h
    if own_usd_per_h is not None:
        return UnitPrice.own(own_usd_per_h, list_usd=usd)
    return UnitPrice(list_usd=usd, paid_usd=usd, as_of=offer.as_of, quality=offer.quality)
