"""Allocation of one account to those who use it: money by the use of each, and what stays unused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

from simcost.billing.bill import Charge, Costs
from simcost.ledger.requests import LedgerUsage

Kind = tuple[str, str, str, bool]
"""Provider, SKU and region of nodes, and whether they are on spot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedNodes:
    """Nodes of one kind that somebody used."""

    usage: LedgerUsage
    usd_per_h: float
    """Price of a node without commitments, which weighs its hours where no charge names its kind."""
    kind: Kind | None = None
    """Its kind, as charges name it; None = they name none."""


def allocated(account: Costs, nodes: Sequence[UsedNodes], users: Sequence[Sequence[UsedNodes]]) -> list[Costs]:
    """The costs of an account by user: commitments spread over all use of what they cover, what is unused on none.

    Compute is shared by hours of nodes of each kind, so that each pays the same for an hour of it, at what these cost
    on average, and where they have several prices without commitments, in proportion to these; disks by what is kept
    over time; transfer by what leaves. Purchases, unused commitments and nodes, or parts of them, that no user holds
    stay with the account: with these the parts add up to its effective cost.

    Args:
        account: its charges.
        nodes: all nodes of the account.
        users: what each user holds of them, as time of whole nodes.
    """
    paid = _paid_per_h(account)
    usual = _usual_prices(nodes)
    named = {one.kind for one in nodes}
    by_kind: dict[Kind | None, list[float]] = {
        kind: _hours(nodes, users, kind, usual) for kind in paid if kind in named
    }
    nodes, users = _at_prices(nodes, paid, usual), [_at_prices(user, paid, usual) for user in users]
    shares = _shares(nodes, users)
    total_s = _priced_seconds(nodes)
    result = []
    for number, user in enumerate(users):
        own_s = _priced_seconds(user)
        states = {
            state: usd * (own_s.get(state, 0.0) / total_s[state] if total_s.get(state) else shares["compute"][number])
            for state, usd in account.compute_by_state_usd.items()
            if state != "unused_commitment"
        }
        charges = [
            _scaled(charge, by_kind.get(_kind(charge), shares[charge.service])[number])
            for charge in account.charges
            if is_used(charge)
        ]
        result.append(
            Costs(
                charges=tuple(charges),
                compute_by_state_usd=states,
                horizon_s=account.horizon_s,
                notes=account.notes,
            )
        )
    return result


def is_used(charge: Charge) -> bool:
    """True if a charge is of something that somebody used."""
    unused = "Unused" in (charge.commitment_status, charge.capacity_reservation_status)
    return charge.charge_category == "Usage" and not unused


def _kind(charge: Charge) -> Kind | None:
    """Kind of the nodes that are charged; None for other charges."""
    if charge.service != "compute" or not is_used(charge):
        return None
    return charge.provider, charge.sku, charge.region, charge.pricing_category == "Dynamic"


def _paid_per_h(account: Costs) -> dict[Kind, float]:
    """Mean cost of an hour of the nodes of each kind, with what commitments cover of them."""
    charged: dict[Kind, list[Charge]] = {}
    for charge in account.charges:
        if (kind := _kind(charge)) is not None:
            charged.setdefault(kind, []).append(charge)
    return {
        kind: fsum(charge.effective_cost_usd for charge in of_kind) / hours
        for kind, of_kind in charged.items()
        if (hours := fsum(charge.consumed_quantity for charge in of_kind)) > 0
    }


def _usual_prices(nodes: Sequence[UsedNodes]) -> dict[Kind, float]:
    """Mean price without commitments of an hour of each kind of nodes that has several."""
    alike: dict[Kind, list[UsedNodes]] = {}
    for one in nodes:
        if one.kind is not None:
            alike.setdefault(one.kind, []).append(one)
    return {
        kind: fsum(one.usage.node_hours() * one.usd_per_h for one in of_kind) / hours
        for kind, of_kind in alike.items()
        if len({one.usd_per_h for one in of_kind}) > 1
        and (hours := fsum(one.usage.node_hours() for one in of_kind)) > 0
    }


def _relative(one: UsedNodes, usual: Mapping[Kind, float]) -> float:
    """Price of nodes as a part of the usual one of their kind."""
    mean = None if one.kind is None else usual.get(one.kind)
    return one.usd_per_h / mean if mean else 1.0


def _at_prices(nodes: Sequence[UsedNodes], paid: Mapping[Kind, float], usual: Mapping[Kind, float]) -> list[UsedNodes]:
    """The nodes at what an hour of their kind costs, at their price."""
    each = [(one, None if one.kind is None else paid.get(one.kind)) for one in nodes]
    return [one if usd is None else replace(one, usd_per_h=usd * _relative(one, usual)) for one, usd in each]


def _hours(
    nodes: Sequence[UsedNodes], users: Sequence[Sequence[UsedNodes]], kind: Kind, usual: Mapping[Kind, float]
) -> list[float]:
    """Shares of the users of the hours of a kind, at the prices of these."""
    return _parts(nodes, users, lambda one: one.usage.node_hours() * _relative(one, usual) if one.kind == kind else 0.0)


def _shares(nodes: Sequence[UsedNodes], users: Sequence[Sequence[UsedNodes]]) -> dict[str, list[float]]:
    """Shares of the users by what is charged."""
    compute = _parts(nodes, users, lambda one: one.usage.node_hours() * one.usd_per_h)
    return {
        "compute": compute,
        "tokens": compute,
        "storage": _parts(nodes, users, lambda one: one.usage.node_hours() * one.usage.disk_gb_per_node),
        "transfer": _parts(nodes, users, lambda one: one.usage.gb_out),
    }


def _parts(
    nodes: Sequence[UsedNodes], users: Sequence[Sequence[UsedNodes]], size: Callable[[UsedNodes], float]
) -> list[float]:
    """Parts of the whole; nothing where there is nothing."""
    whole = fsum(map(size, nodes))
    return [fsum(map(size, user)) / whole if whole else 0.0 for user in users]


def _priced_seconds(nodes: Sequence[UsedNodes]) -> dict[str, float]:
    """Node-seconds by state at their prices."""
    result: dict[str, float] = {}
    for node in nodes:
        for state, slot_s in node.usage.slot_seconds.items():
            result[state] = result.get(state, 0.0) + slot_s / node.usage.slots_per_node * node.usd_per_h
    return result


def _scaled(charge: Charge, share: float) -> Charge:
    """A part of a charge."""
    return replace(
        charge,
        consumed_quantity=share * charge.consumed_quantity,
        list_cost_usd=share * charge.list_cost_usd,
        contracted_cost_usd=share * charge.contracted_cost_usd,
        effective_cost_usd=share * charge.effective_cost_usd,
        billed_cost_usd=share * charge.billed_cost_usd,
        discount_usd=share * charge.discount_usd,
    )
