"""A bill as the JSON document of `simcost bill`: totals, charges, commitments, and showback by tag."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import fsum
from typing import Any

import numpy as np

from simcost.billing.allocation import is_used
from simcost.billing.bill import Bill, Charge
from simcost.billing.books import coverage
from simcost.billing.commitment.bound import CommitmentUse
from simcost.billing.price_list import price_list
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR, difference_usd, format_seconds, format_share, format_usd

Document = dict[str, Any]
COSTS = ("list_cost_usd", "contracted_cost_usd", "effective_cost_usd", "billed_cost_usd")


def bill_document(bill: Bill, name: str, rests_on: str = "") -> Document:
    """All that a bill says; money in USD, shares from 0 to 1, None where there is nothing to divide by.

    Args:
        bill: the bill.
        name: of the purchasing plan.
        rests_on: said beside the total in the verdict, such as the interval around a mean.
    """
    settled = bill.settlement
    hours = bill.horizon_s / SECONDS_PER_HOUR
    commitments = [_commitment(bill, one) for one in settled.bought]
    return {
        "plan": name,
        "verdict": _verdict(bill, commitments, name, rests_on),
        "currency": "USD",
        "billed_usd": bill.billed_usd,
        "effective_usd": bill.total_usd,
        "list_usd": bill.list_usd,
        "per_month_usd": bill.total_usd / hours * HOURS_PER_MONTH,
        "start": _time(settled.account.start_s),
        "hours": hours,
        "by_category_usd": bill.by_category_usd(),
        "charges": [_charge(charge) for charge in bill.charges],
        "commitments": commitments,
        "contracts": contract_savings(bill.charges),
        "coverage": _coverage(bill),
        "unused_usd": fsum((*(commitment["unused_usd"] for commitment in commitments), _idle_usd(bill))),
        "idle_reservation_usd": _idle_usd(bill),
        "allocation": allocation(bill.charges),
        "prices": price_list(bill.charges),
        "assumptions": list(bill.notes),
    }


def _charge(charge: Charge) -> Document:
    return asdict(charge) | {"tags": dict(charge.tags)}


def _commitment(bill: Bill, commitment_use: CommitmentUse) -> Document:
    settled = bill.settlement
    lines = settled.account.lines
    at_list = fsum(float(hours.sum()) * lines[i].list_usd for i, hours in commitment_use.covered_h.items())
    committed, unused = float(commitment_use.committed_usd.sum()), float(commitment_use.unused_usd.sum())
    return {
        "name": commitment_use.bound.name,
        "kind": commitment_use.bound.kind,
        "committed_usd": committed,
        "billed_usd": float(commitment_use.one_time_usd.sum() + commitment_use.recurring_usd.sum()),
        "covered_list_usd": at_list,
        "coverage": coverage(settled, commitment_use),
        "utilisation": commitment_use.utilisation,
        "unused_usd": unused,
        "saved_usd": difference_usd(commitment_use.otherwise_usd, committed),
        "not_covered": settled.left_out(commitment_use.bound),
    }


def contract_savings(charges: Sequence[Charge]) -> list[Document]:
    """Usage that each contract covers, at the price without it and what it saves of that, in effective cost."""
    found: dict[str, list[Charge]] = {}
    for charge in charges:
        if charge.contract:
            found.setdefault(charge.contract, []).append(charge)
    return [
        {
            "contract": name,
            "covered_usd": fsum(one.effective_cost_usd + one.discount_usd for one in mine),
            "saved_usd": fsum(one.discount_usd for one in mine),
            "effective_usd": fsum(one.effective_cost_usd for one in mine),
            "covers": list(dict.fromkeys(one.commitment or f"{one.provider}/{one.sku}" for one in mine)),
        }
        for name, mine in found.items()
    ]


def _coverage(bill: Bill) -> float | None:
    """Share of the usage by the hour, at list prices, that commitments cover; spot left out."""
    settled = bill.settlement
    lines = settled.account.lines
    prices = np.array([ln.list_usd if ln.pricing == "standard" else 0.0 for ln in lines], np.float64)
    total = float(settled.account.hours.sum(axis=0) @ prices)
    rest = float(settled.rest_h.sum(axis=0) @ prices)
    return 1 - rest / total if total else None


def allocation(charges: Sequence[Charge]) -> Document:
    """Showback: charges by tag. Each sums up to the bill: tagged charges, untagged ones, unused commitments, and idle
    reserved capacity.
    """
    names = dict.fromkeys(name for charge in charges for name, _ in charge.tags)
    result: Document = {}
    for name in names:
        sums: dict[str, float] = {}
        for charge in charges:
            word = dict(charge.tags).get(name, "")
            key = word or _without_service(charge)
            sums[key] = sums.get(key, 0.0) + charge.effective_cost_usd
        result[name] = {key: usd for key, usd in sums.items() if usd}
    return result


def _without_service(charge: Charge) -> str:
    """Label of a charge without a tag."""
    if charge.commitment_status == "Unused":
        return "(unused commitment)"
    return "(idle reservation)" if charge.capacity_reservation_status else "(untagged)"


def tree(document: Document) -> Iterator[tuple[int, str, float, float, float]]:
    """Rows of the bill as a tree: depth, what, list, effective, billed."""
    charges = document["charges"]
    for service in dict.fromkeys(charge["service"] for charge in charges):
        mine = [charge for charge in charges if charge["service"] == service]
        yield 0, service, *_sums(mine)
        for place in dict.fromkeys(_place(charge) for charge in mine):
            here = [charge for charge in mine if _place(charge) == place]
            yield 1, place, *_sums(here)
            if len(here) > 1 or here[0]["commitment"]:
                for what in dict.fromkeys(_what(charge) for charge in here):
                    yield 2, what, *_sums([charge for charge in here if _what(charge) == what])
    yield 0, "total", *_sums(charges)


def _sums(charges: Sequence[Document]) -> tuple[float, float, float]:
    usage = fsum(c["list_cost_usd"] for c in charges if c["charge_category"] == "Usage")
    return usage, fsum(c["effective_cost_usd"] for c in charges), fsum(c["billed_cost_usd"] for c in charges)


def _place(charge: Document) -> str:
    if charge["commitment"] and charge["commitment_status"] != "Used":
        return f"{charge['commitment']}"
    region = "" if charge["region"] == "any" else f" {charge['region']}"
    idle = ", reserved and idle" if charge["capacity_reservation_status"] else ""
    return f"{charge['provider']}/{charge['sku']}{region}{idle}"


def _what(charge: Document) -> str:
    if charge["charge_category"] == "Purchase":
        return f"{charge['charge_frequency'].lower()} payments"
    if charge["commitment"]:
        return "unused" if charge["commitment_status"] == "Unused" else f"covered by {charge['commitment']}"
    return "spot" if charge["pricing_category"] == "Dynamic" else "on demand"


def _idle_usd(bill: Bill) -> float:
    """Effective cost of capacity that was reserved, and idle."""
    return fsum(charge.effective_cost_usd for charge in bill.charges if charge.capacity_reservation_status)


def _verdict(bill: Bill, commitments: Sequence[Document], name: str, rests_on: str) -> str:
    total, listed = bill.total_usd, bill.list_usd
    what = f"{name}: " if name else ""
    if listed <= 0:
        is_free = any(is_used(charge) and charge.consumed_quantity > 0 for charge in bill.charges)
        used = "what was used has a price of 0" if is_free else "nothing was used"
        return f"{what}{used}; commitments cost {format_usd(total)}."
    below = 1 - total / listed
    side = f"{format_share(abs(below))} {'below' if below >= 0 else 'above'}" if abs(below) > 5e-4 else "as much as"
    against = f"{side} the list price of {format_usd(listed)}"
    rests_on = f"{rests_on}; " if rests_on else ""
    text = f"{what}{format_usd(total)} ({rests_on}{format_usd(bill.billed_usd)} invoiced in this time), {against}"
    idle = _idle_usd(bill)
    held = f"; {format_usd(idle)} is for reserved capacity that was idle" if idle > 0 else ""
    if not commitments:
        return f"{text}; nothing is committed{held}."
    unused = fsum(commitment["unused_usd"] for commitment in commitments)
    share = _coverage(bill)
    covered = f"commitments cover {format_share(share)} of the usage" if share is not None else "nothing to cover"
    lost = f"{format_usd(unused)} of them unused" if unused > 0 else "all of them used"
    if not any(one.bound.payments.active(bill.settlement.account).any() for one in bill.settlement.bought):
        return f"{text}; no commitment is in effect in this time{held}."
    return f"{text}; {covered}, {lost}{held}."


def _time(start_s: float | None) -> str | None:
    return None if start_s is None else str(np.datetime64(int(start_s), "s")) + "Z"


def side_by_side(documents: Sequence[Document]) -> Document:
    """Several plans over one usage, and the saving of the cheapest against the first."""
    first, best = documents[0], min(documents, key=lambda document: document["effective_usd"])
    saved = difference_usd(first["effective_usd"], best["effective_usd"])
    cost = f"{format_usd(best['effective_usd'])} over {format_seconds(best['hours'] * SECONDS_PER_HOUR)}"
    verdict = f"{best['plan']} is the cheapest of {len(documents)} plans: {cost}"
    if best is not first and first["effective_usd"]:
        share = format_share(saved / first["effective_usd"])
        verdict += f", {format_usd(saved)} ({share}) less than {first['plan']}"
    return {"verdict": f"{verdict}.", "plans": list(documents)}
