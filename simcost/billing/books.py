"""From the hourly books of an account to the lines of its bill."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import fsum
from typing import Literal

import numpy as np

from simcost.billing.bill import Charge
from simcost.billing.commitment.bound import Agreed, CommitmentUse, CommittedUnits, Floats, paid_share
from simcost.billing.metering import Line
from simcost.billing.settlement import Settlement, sustained_percent


def compute_charges(settled: Settlement) -> Iterator[Charge]:
    """The charges of a settlement, summed over its hours: uncovered usage, then each commitment."""
    for i, line in enumerate(settled.account.lines):
        hours = settled.rest_h[:, i]
        if hours.any():
            yield _usage(settled, line, hours, settled.rest_usd[:, i])
    for one in settled.bought:
        for i, hours in sorted(one.covered_h.items()):
            charge = _usage(settled, settled.account.lines[i], hours, one.covered_usd[i], one)
            yield from by_contract(charge, one.bound.agreed)
        for charge in _bought(settled, one):
            yield from by_contract(charge, one.bound.agreed)


def by_contract(charge: Charge, agreed: Sequence[Agreed]) -> Iterator[Charge]:
    """A charge as its parts by the contract that holds; its costs are after the discounts."""
    left = paid_share(agreed)
    for one in agreed or (Agreed("", 1.0, 0.0),):
        paid = one.part * (1 - one.discount) / left
        effective = paid * charge.effective_cost_usd
        yield replace(
            charge,
            consumed_quantity=one.part * charge.consumed_quantity,
            list_cost_usd=one.part * charge.list_cost_usd,
            contracted_cost_usd=paid * charge.contracted_cost_usd,
            effective_cost_usd=effective,
            billed_cost_usd=paid * charge.billed_cost_usd,
            contract=one.contract,
            discount_usd=effective * one.discount / (1 - one.discount),
        )


def _usage(settled: Settlement, line: Line, hours: Floats, usd: Floats, by: CommitmentUse | None = None) -> Charge:
    quantity, cost = float(hours.sum()), float(usd.sum())
    reduced = by is not None or sustained_percent(line) is not None
    return Charge(
        charge_category="Usage",
        pricing_category="Committed" if by else "Dynamic" if line.pricing == "spot" else "Standard",
        service="compute",
        provider=line.provider,
        sku=line.sku,
        region=line.region,
        service_name=line.service,
        zone=line.zone,
        account=line.account,
        tags=line.tags,
        charge_period_start_s=settled.start_s,
        charge_period_end_s=settled.end_s,
        consumed_quantity=quantity,
        consumed_unit="h",
        contract=line.contract,
        discount_usd=cost * (line.list_usd / line.contracted_usd - 1) if line.contract and line.contracted_usd else 0.0,
        list_unit_price_usd=line.list_usd,
        list_cost_usd=quantity * line.list_usd,
        contracted_cost_usd=quantity * line.contracted_usd if reduced else cost,
        effective_cost_usd=cost,
        billed_cost_usd=0.0 if by else cost,
        price_as_of=line.as_of,
        price_quality=line.quality,
        price_source=line.source,
        commitment=by.bound.name if by else "",
        commitment_status="Used" if by else "",
        capacity_reservation_status="Unused" if line.reserved_idle else "",
    )


def _bought(settled: Settlement, commitment_use: CommitmentUse) -> Iterator[Charge]:
    """Unused part of a commitment, and its payments."""
    unused = float(commitment_use.unused_usd.sum())
    if unused > 0:
        whole = _commitment(settled, commitment_use, unused)
        yield replace(whole, pricing_category="Committed", commitment_status="Unused", effective_cost_usd=unused)
    payments: tuple[tuple[Literal["One-Time", "Recurring"], Floats], ...] = (
        ("One-Time", commitment_use.one_time_usd),
        ("Recurring", commitment_use.recurring_usd),
    )
    for frequency, paid in payments:
        usd = float(paid.sum())
        if usd:
            whole = _commitment(settled, commitment_use, usd)
            yield replace(
                whole,
                charge_category="Purchase",
                charge_frequency=frequency,
                list_cost_usd=usd / paid_share(commitment_use.bound.agreed),
                contracted_cost_usd=usd,
                billed_cost_usd=usd,
            )


def _commitment(settled: Settlement, commitment_use: CommitmentUse, usd: float) -> Charge:
    """So much of a commitment, at no cost yet."""
    bound = commitment_use.bound
    return Charge(
        charge_category="Usage",
        pricing_category="Standard",
        service="compute",
        provider=bound.provider,
        sku=bound.sku if isinstance(bound, CommittedUnits) else bound.kind,
        region=bound.region or "any",
        account=bound.account,
        charge_period_start_s=settled.start_s,
        charge_period_end_s=settled.end_s,
        consumed_quantity=usd,
        consumed_unit="USD",
        list_unit_price_usd=1.0,
        list_cost_usd=0.0,
        contracted_cost_usd=0.0,
        effective_cost_usd=0.0,
        billed_cost_usd=0.0,
        price_as_of="",
        price_quality="given",
        commitment=bound.name,
    )


def coverage(settled: Settlement, commitment_use: CommitmentUse) -> float | None:
    """Share of the usage that a commitment may cover, at list prices, that it does; None where there is none."""
    bound = commitment_use.bound
    reach = bound.takes if isinstance(bound, CommittedUnits) else bound.rates
    prices = np.array([line.list_usd for line in settled.account.lines], np.float64)
    eligible = float(settled.account.hours[:, reach > 0].sum(axis=0) @ prices[reach > 0])
    covered = fsum(float(hours.sum()) * prices[i] for i, hours in commitment_use.covered_h.items())
    return covered / eligible if eligible else None
