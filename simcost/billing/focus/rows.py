"""From the hourly books of a bill to blocks of FOCUS rows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simcost.billing.bill import Charge
from simcost.billing.commitment.bound import Bound, CommitmentUse, CommittedUnits, Floats
from simcost.billing.focus.vocabulary import (
    ChargeBlock,
    commitment_words,
    named_service,
    place_words,
    priced,
    provider_words,
    service_words,
    sku_words,
    tags_text,
    unit_of,
)
from simcost.billing.metering import Ints, Line
from simcost.billing.settlement import Settlement
from simcost.catalog.facts import CloudService
from simcost.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Values that all rows of a table share, and its start."""

    settled: Settlement
    start_s: float
    """Of hour 0, since 1970."""
    common: dict[str, str]
    """Columns of every row."""
    tags: dict[str, str]
    details: dict[str, str]
    """SkuPriceDetails by `provider/sku`."""
    services: Sequence[CloudService] = ()
    """Services that usage may name."""

    def blocks(self) -> Iterator[ChargeBlock]:
        """All compute: what no commitment covers, what each covers, what of it was lost, and its payments."""
        for i in range(len(self.settled.account.lines)):
            yield from self._rest(i)
        for one in self.settled.bought:
            for i in sorted(one.covered_h):
                yield from self._covered(one, i)
            yield from self._unused(one)
            yield from self._purchases(one)

    def _rest(self, i: int) -> Iterator[ChargeBlock]:
        """Hours of a line at its own price: on demand, or spot at the price in effect."""
        line, hours = self.settled.account.lines[i], self.settled.rest_h[:, i]
        indices = np.flatnonzero(hours > 0)
        quantity, usd = hours[indices], self.settled.rest_usd[indices, i]
        spot = line.pricing == "spot"
        prices = (line.list_usd, usd / quantity if spot else line.contracted_usd)
        words = self._line_words(i) | {"PricingCategory": "Dynamic" if spot else "Standard"}
        yield from self._block(
            indices,
            words,
            priced(quantity, *prices) | {"EffectiveCost": usd, "BilledCost": usd, "ConsumedQuantity": quantity},
        )

    def _covered(self, commitment_use: CommitmentUse, i: int) -> Iterator[ChargeBlock]:
        """Hours of a line that a commitment covers: nothing is billed, what the commitment costs is effective."""
        line, hours, usd = self.settled.account.lines[i], commitment_use.covered_h[i], commitment_use.covered_usd[i]
        indices = np.flatnonzero(hours > 0)
        taken = hours * commitment_use.bound.takes[i] if isinstance(commitment_use.bound, CommittedUnits) else usd
        words = self._line_words(i) | commitment_words(commitment_use.bound)
        words |= {"PricingCategory": "Committed", "CommitmentDiscountStatus": "Used"}
        yield from self._block(
            indices,
            words,
            priced(hours[indices], line.list_usd, line.contracted_usd)
            | {
                "EffectiveCost": usd[indices],
                "BilledCost": np.zeros(len(indices)),
                "ConsumedQuantity": hours[indices],
                "CommitmentDiscountQuantity": taken[indices],
            },
        )

    def _unused(self, commitment_use: CommitmentUse) -> Iterator[ChargeBlock]:
        """Unused part of a commitment in each hour."""
        indices = np.flatnonzero(commitment_use.unused_usd > 0)
        usd = commitment_use.unused_usd[indices]
        left = usd
        if isinstance(bound := commitment_use.bound, CommittedUnits):
            available = bound.payments.active(self.settled.account) * bound.units
            left = usd / np.broadcast_to(commitment_use.usd_per_unit_h(available), len(available))[indices]
        words = self._commitment_row(commitment_use.bound) | {
            "ChargeCategory": "Usage",
            "ChargeFrequency": "Usage-Based",
            "PricingCategory": "Committed",
            "CommitmentDiscountStatus": "Unused",
            "ChargeDescription": f"{commitment_use.bound.name}, unused",
        }
        words |= {"PricingUnit": words["CommitmentDiscountUnit"]}
        yield from self._block(
            indices,
            words,
            priced(left, 0.0, 0.0)
            | {"EffectiveCost": usd, "BilledCost": np.zeros(len(indices)), "CommitmentDiscountQuantity": left},
        )

    def _purchases(self, commitment_use: CommitmentUse) -> Iterator[ChargeBlock]:
        """Payments of a commitment: in advance for its term, and hour by hour."""
        bound = commitment_use.bound
        active = bound.payments.active(self.settled.account)
        each = bound.units if isinstance(bound, CommittedUnits) else bound.usd_per_h
        begun = [(at, terms) for at, terms in bound.payments.begun(self.settled.account) if at >= 0]
        begun = [(at, terms) for at, terms in begun if terms.upfront_usd]
        once = np.array([int(at) for at, _ in begun], np.int64)
        usd = np.array([terms.upfront_usd for _, terms in begun], np.float64)
        term_h = np.array([terms.term_h for _, terms in begun], np.float64)
        words = self._commitment_row(bound) | {"ChargeCategory": "Purchase", "PricingCategory": "Standard"}
        upfront = words | {
            "ChargeFrequency": "One-Time",
            "PricingUnit": "Units",
            "ChargeDescription": f"{bound.name}, paid in advance",
        }
        yield from self._block(
            once,
            upfront,
            priced(np.ones(len(once)), usd, usd)
            | {
                "EffectiveCost": np.zeros(len(once)),
                "BilledCost": usd,
                "CommitmentDiscountQuantity": each * term_h,
            },
            term_h=term_h,
        )
        paid = np.flatnonzero(commitment_use.recurring_usd)
        rate = commitment_use.recurring_usd[paid] / active[paid]
        hourly = words | {
            "ChargeFrequency": "Recurring",
            "PricingUnit": "Hours",
            "ChargeDescription": f"{bound.name}, paid by the hour",
        }
        yield from self._block(
            paid,
            hourly,
            priced(active[paid], rate, rate)
            | {
                "EffectiveCost": np.zeros(len(paid)),
                "BilledCost": commitment_use.recurring_usd[paid],
                "CommitmentDiscountQuantity": active[paid] * each,
            },
        )

    def _block(
        self, indices: Ints, words: dict[str, str], numbers: dict[str, Floats], term_h: Floats | None = None
    ) -> Iterator[ChargeBlock]:
        """Rows for the hours of these indices, the last of which ends with the account, or of a term that begins with
        them; nothing where there are none.
        """
        if len(indices):
            start = self.start_s + indices.astype(np.float64) * SECONDS_PER_HOUR
            hours = self.settled.account.length_h[indices] if term_h is None else term_h
            yield ChargeBlock(
                start_s=start,
                end_s=start + hours * SECONDS_PER_HOUR,
                words=self.common | words,
                numbers=numbers,
            )

    def _line_words(self, i: int) -> dict[str, str]:
        line: Line = self.settled.account.lines[i]
        details = self.details.get(line.name) or json.dumps({"InstanceType": line.sku})
        words = named_service(service_words("compute"), line.provider, line.service, self.services)
        words |= provider_words(line.provider) | place_words(line.region, line.zone, line.account)
        words |= sku_words(line.sku, f"{line.region}/{line.pricing}", "Instance hours")
        words |= {
            "ChargeCategory": "Usage",
            "ChargeFrequency": "Usage-Based",
            "PricingUnit": "Hours",
            "ConsumedUnit": "Hours",
            "SkuPriceDetails": details,
            "ResourceId": f"simcost/{line.name}/{line.region}/{i}",
            "ChargeDescription": f"{line.sku}, {line.pricing}",
            "Tags": tags_text(line.tags, self.tags),
            "x_PriceAsOf": line.as_of or "given",
        }
        if line.reserved_idle:
            held = f"simcost/{line.name}/{line.region}/{line.zone or 'any'}/reserved"
            words |= {
                "CapacityReservationId": held,
                "CapacityReservationStatus": "Unused",
                "ResourceId": held,
                "ChargeDescription": f"{line.sku}, reserved and unused",
            }
        return words

    def _commitment_row(self, bound: Bound) -> dict[str, str]:
        """Columns of rows that stand for the commitment itself."""
        sku = getattr(bound, "sku", "") or bound.kind
        words = provider_words(bound.provider) | service_words("compute") | place_words(bound.region, "", bound.account)
        words |= commitment_words(bound) | sku_words(sku, f"{bound.region or 'any'}/{bound.kind}", "Commitment")
        return words | {
            "ResourceId": bound.name,
            "ResourceType": words["CommitmentDiscountType"],
            "Tags": tags_text((), self.tags),
        }

    def other(self, charge: Charge) -> Iterator[ChargeBlock]:
        """Storage, transfer, tokens, whatever is counted: a row for each calendar month, by its share of the time."""
        start, end, share = months_of(
            self.start_s + charge.charge_period_start_s - self.settled.start_s,
            charge.charge_period_end_s - charge.charge_period_start_s,
        )
        unit = unit_of(charge.consumed_unit)
        quantity = charge.consumed_quantity * share / unit.units
        words = named_service(service_words(charge.service), charge.provider, charge.service_name, self.services)
        words |= provider_words(charge.provider) | place_words(charge.region, charge.zone, charge.account)
        words |= sku_words(charge.sku, f"{charge.region}/{unit.meter}", unit.meter)
        words |= {
            "ChargeCategory": "Usage",
            "ChargeFrequency": "Usage-Based",
            "PricingUnit": unit.priced,
            "ConsumedUnit": unit.consumed,
            "PricingCategory": charge.pricing_category,
            "ResourceId": f"simcost/{charge.provider}/{charge.sku}",
            "ChargeDescription": f"{charge.sku}, {unit.meter}",
            "Tags": tags_text(charge.tags, self.tags),
            "x_PriceAsOf": charge.price_as_of or "given",
        }
        each = charge.contracted_cost_usd / charge.consumed_quantity if charge.consumed_quantity else 0.0
        prices = priced(quantity, charge.list_unit_price_usd * unit.units, each * unit.units)
        yield ChargeBlock(
            start_s=start,
            end_s=end,
            words=self.common | words,
            numbers=prices
            | {
                "EffectiveCost": charge.effective_cost_usd * share,
                "BilledCost": charge.billed_cost_usd * share,
                "ConsumedQuantity": quantity * unit.consumed_each,
            },
        )


def months_of(start_s: float, length_s: float) -> tuple[Floats, Floats, Floats]:
    """The parts of a time that lie in one calendar month each: starts, ends, shares of it."""
    first, last = (np.datetime64(round(time_s), "s") for time_s in (start_s, start_s + length_s))
    month = np.timedelta64(1, "M")
    inner = np.arange(first.astype("datetime64[M]") + month, last.astype("datetime64[M]") + month)
    cuts = inner.astype("datetime64[s]").astype(np.int64).astype(np.float64)
    edges = np.concatenate([[start_s], cuts[cuts < start_s + length_s], [start_s + length_s]])
    width = np.diff(edges)
    share = width / length_s if length_s else np.ones(len(width))
    return edges[:-1], edges[1:], share
