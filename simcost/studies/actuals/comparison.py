"""Comparison of costs: actual against simulated cost, SKU by SKU.

The difference of a SKU is split as Bennet (1920) does, exactly and without a remainder:
p1 q1 - p0 q0 = (q1 - q0) (p0 + p1) / 2 + (p1 - p0) (q0 + q1) / 2.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import fsum, isclose
from typing import Any

from simcost.compare.verdict import percent_change
from simcost.documents import values
from simcost.errors import InputError
from simcost.present.format import usd_change
from simcost.studies.actuals.result import (
    Basis,
    CostComparison,
    Effect,
    OtherDifference,
    PricedAmount,
    SkuDifference,
    UnmatchedSku,
)
from simcost.studies.actuals.study import is_, month, priced_quantity, summed
from simcost.trace.focus.reader import Actuals
from simcost.trace.series.resample import finding
from simcost.units import HOURS_PER_MONTH, difference_usd, format_usd

Key = tuple[str, str, str, str, str]
"""Month, provider, region, SKU, unit."""
Other = tuple[str, str]
"""Month, and what it is: purchase, unused, tax, credit, ..."""
ANY_MONTH = "a month"


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of a SKU."""

    quantity: float
    usd: float

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.quantity + other.quantity, self.usd + other.usd)

    @property
    def usd_per_unit(self) -> float:
        """Its price."""
        return self.usd / self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two that are compared."""

    amounts: Mapping[Key, Amount]
    others: Mapping[Other, float]
    span_h: float
    """Duration, hours."""
    calendar: bool = True
    """True if its months are those of a calendar."""
    told: tuple[tuple[str, str], ...] = ()
    """Kind and sentence of what its costs rest on."""

    @property
    def months(self) -> set[str]:
        """The months of which it knows something."""
        return {key[0] for key in self.amounts} | {key[0] for key in self.others}

    def in_months(self, months: Iterable[str]) -> "Side":
        """Rows of some months."""
        kept = set(months)
        return replace(
            self,
            amounts={key: value for key, value in self.amounts.items() if key[0] in kept},
            others={key: value for key, value in self.others.items() if key[0] in kept},
        )

    def per_month(self) -> "Side":
        """All of it as one month of 730 h.

        Raises:
            InputError: it has no usage, so it is unknown how long it is.
        """
        if not self.span_h > 0:
            raise InputError("a side without usage has no length, and cannot be scaled to a month")
        factor = HOURS_PER_MONTH / self.span_h
        amounts: dict[Key, Amount] = {}
        for key, amount in self.amounts.items():
            whole = (ANY_MONTH, *key[1:])
            scaled = Amount(amount.quantity * factor, amount.usd * factor)
            amounts[whole] = amounts[whole] + scaled if whole in amounts else scaled
        others: dict[Other, float] = {}
        for (_, what), usd in self.others.items():
            others[ANY_MONTH, what] = others.get((ANY_MONTH, what), 0.0) + usd * factor
        return replace(self, amounts=amounts, others=others)


def side_of_file(actuals: Actuals, basis: Basis) -> Side:
    """A cost file; usage without a quantity stands with the other costs."""
    lines, cost = month(actuals.lines), f"{basis}_usd"
    used = is_(lines, "kind", "usage")
    amounts: dict[Key, Amount] = {}
    others: dict[Other, float] = {}
    for row in summed(used, ["month", "provider", "region", "sku", "unit"]):
        key = (row["month"], row["provider"], row["region"], row["sku"], row["unit"])
        quantity = priced_quantity(row, basis)
        if quantity:
            amounts[key] = Amount(quantity, row[cost])
        elif row[cost]:
            others[row["month"], "usage"] = others.get((row["month"], "usage"), 0.0) + row[cost]
    for row in summed(lines, ["month", "kind"]):
        if row["kind"] != "usage" and row[cost]:
            others[row["month"], row["kind"]] = row[cost]
    return Side(amounts=amounts, others=others, span_h=actuals.span_h, told=tuple(actuals.told(basis)))


def side_of_charges(charges: Sequence[Mapping[str, Any]], basis: Basis, span_h: float) -> Side:
    """The charges of a plan of a run. Simulated time has no calendar."""
    amounts: dict[Key, Amount] = {}
    others: dict[Other, float] = {}
    for charge in charges:
        usd = charge[f"{basis}_cost_usd"]
        what = _kind(charge)
        if what == "usage" and charge["consumed_quantity"]:
            region = "" if charge["region"] == "any" else charge["region"]
            key = (ANY_MONTH, charge["provider"], region, charge["sku"], charge["consumed_unit"])
            one = Amount(charge["consumed_quantity"], usd)
            amounts[key] = amounts[key] + one if key in amounts else one
        elif usd:
            others[ANY_MONTH, what] = others.get((ANY_MONTH, what), 0.0) + usd
    return Side(amounts=amounts, others=others, span_h=span_h, calendar=False)


def _kind(charge: Mapping[str, Any]) -> str:
    if charge["charge_category"] == "Purchase":
        return "purchase"
    if charge.get("capacity_reservation_status"):
        return "unused_capacity"
    return "unused" if charge["commitment_status"] == "Unused" else "usage"


_DIGITS = 9  # of USD: what rounding leaves is not an effect
_NAMED_ALIKE = 10  # to look for names that are alike takes time


def effects(simulated: Amount, actual: Amount) -> tuple[float, float]:
    """Effects of the other quantity and of the other price on the difference.

    >>> effects(Amount(10.0, 20.0), Amount(12.0, 18.0)), effects(Amount(3.0, 3480.0), Amount(3.0, 3480.000000008))
    ((3.5, -5.5), (0.0, 0.0))
    """
    p0, p1 = simulated.usd_per_unit, actual.usd_per_unit
    quantity = (actual.quantity - simulated.quantity) * (p0 + p1) / 2
    price = (p1 - p0) * (actual.quantity + simulated.quantity) / 2
    whole = max(abs(simulated.usd), abs(actual.usd))
    seen = [effect if difference_usd(whole + effect, whole) else 0.0 for effect in (quantity, price)]
    return round(seen[0], _DIGITS) + 0.0, round(seen[1], _DIGITS) + 0.0


def against(actual: Side, simulated: Side, basis: Basis, *, per_month: bool = False) -> CostComparison:
    """Actual against simulated cost; differences are actual less simulated.

    Args:
        actual: what was paid.
        simulated: what was expected.
        basis: which cost.
        per_month: scale both to a month of 730 h, rather than compare calendar months that both have. A run of a
            scenario has no calendar and is always compared so.

    Raises:
        InputError: no month in common.
    """
    if per_month or not simulated.calendar:
        actual, simulated, left = actual.per_month(), simulated.per_month(), []
    else:
        both = actual.months & simulated.months
        left = sorted(actual.months ^ simulated.months)
        if not both:
            raise InputError(
                f"no month in common: actual {_list(actual.months)}, simulated {_list(simulated.months)}; "
                "pass --per-month to compare means of a month"
            )
        actual, simulated = actual.in_months(both), simulated.in_months(both)
    pairs, only_actual, only_simulated = _matched(actual.amounts, simulated.amounts)
    skus = tuple(sorted((_pair(*pair) for pair in pairs), key=_size))
    others = _others(actual, simulated)
    mine, theirs = _alone(only_actual, only_simulated), _alone(only_simulated, only_actual)
    paid, expected = _total(actual), _total(simulated)
    found = CostComparison(
        verdict="",
        cost=basis,
        months=tuple(sorted(actual.months | simulated.months)),
        left_out_months=tuple(left),
        skus=skus,
        only_actual=mine,
        only_simulated=theirs,
        others=others,
        actual_usd=paid,
        simulated_usd=expected,
        difference_usd=difference_usd(paid, expected),
        effects_usd={
            "quantity": fsum(row.quantity_effect_usd for row in skus),
            "price": fsum(row.price_effect_usd for row in skus),
            "only_actual": fsum(row.usd for row in mine),
            "only_simulated": -fsum(row.usd for row in theirs),
            "other": fsum(row.difference_usd for row in others),
        },
    )
    return replace(found, verdict=verdict(found))


def length_findings(actual: Side, simulated: Side, found: CostComparison) -> list[dict[str, Any]]:
    """A finding where the files are of the same months, and one covers less of them, so that quantities differ."""
    scaled = found.months == (ANY_MONTH,)
    if scaled or found.left_out_months or isclose(actual.span_h, simulated.span_h, rel_tol=0.01):
        return []
    message = (
        f"from its first hour of usage to its last the actual file covers {actual.span_h:,.4g} h, the simulated one "
        f"{simulated.span_h:,.4g} h: part of the difference is their length; pass --per-month to compare months"
    )
    return [finding("other-length", "", 1, message)]


def file_findings(actual: Side, simulated: Side) -> list[dict[str, Any]]:
    """Findings on what the costs of both files rest on, which a part of the difference may be."""
    return [
        finding(kind, "", 1, f"{name} file: {message}")
        for name, side in (("actual", actual), ("simulated", simulated))
        for kind, message in side.told
    ]


def _total(side: Side) -> float:
    return fsum([*(amount.usd for amount in side.amounts.values()), *side.others.values()])


def _matched(
    actual: Mapping[Key, Amount], simulated: Mapping[Key, Amount]
) -> tuple[list[tuple[Key, Amount, Amount]], dict[Key, Amount], dict[Key, Amount]]:
    """Pairs of one SKU; where one side names no region, it is the only one that the other has."""
    pairs = [(key, actual[key], simulated[key]) for key in actual if key in simulated]
    ours = {key: one for key, one in actual.items() if key not in simulated}
    theirs = {key: one for key, one in simulated.items() if key not in actual}
    mine, yours = _by_sku(ours), _by_sku(theirs)
    for sku in mine:
        if len(mine[sku]) == len(yours.get(sku, ())) == 1 and "" in (mine[sku][0][2], yours[sku][0][2]):
            [here], [there] = mine[sku], yours[sku]
            pairs.append((here if here[2] else there, ours.pop(here), theirs.pop(there)))
    return pairs, ours, theirs


def _by_sku(keys: Iterable[Key]) -> dict[tuple[str, ...], list[Key]]:
    """The keys of each SKU, whatever their region."""
    result: dict[tuple[str, ...], list[Key]] = {}
    for key in keys:
        result.setdefault((*key[:2], *key[3:]), []).append(key)
    return result


def _named(key: Key) -> dict[str, Any]:
    return dict(zip(("month", "provider", "region", "sku", "unit"), key, strict=True))


def _priced(one: Amount) -> PricedAmount:
    return PricedAmount(quantity=one.quantity, usd=one.usd, usd_per_unit=one.usd_per_unit)


def _size(row: SkuDifference) -> tuple[float, float]:
    """The largest difference first, then the largest cost."""
    return -abs(row.difference_usd), -abs(row.actual.usd)


def _pair(key: Key, actual: Amount, simulated: Amount) -> SkuDifference:
    quantity, price = effects(simulated, actual)
    return SkuDifference(
        **_named(key),
        actual=_priced(actual),
        simulated=_priced(simulated),
        difference_usd=difference_usd(actual.usd, simulated.usd),
        quantity_effect_usd=quantity,
        price_effect_usd=price,
    )


def _alone(mine: Mapping[Key, Amount], theirs: Mapping[Key, Amount]) -> tuple[UnmatchedSku, ...]:
    """Items of one side alone, the most expensive first; and, of the first of them, similar items of the other."""
    ranked = sorted(mine.items(), key=lambda item: -abs(item[1].usd))
    return tuple(
        UnmatchedSku(**_named(key), **values(_priced(one)), like=_like(key, theirs) if place < _NAMED_ALIKE else None)
        for place, (key, one) in enumerate(ranked)
    )


def _like(key: Key, others: Iterable[Key]) -> str | None:
    """The nearest name of the other side: the same SKU elsewhere or in another unit, else one that is spelled alike."""
    names = {f"{other[1]}/{other[3]}": other for other in others if other[0] == key[0]}
    near = get_close_matches(f"{key[1]}/{key[3]}", names, n=1, cutoff=0.6)
    if not near:
        return None
    _, _, region, _, unit = names[near[0]]
    return f"{near[0]} {region} ({unit})".replace("  ", " ")


def _others(actual: Side, simulated: Side) -> tuple[OtherDifference, ...]:
    keys = sorted(set(actual.others) | set(simulated.others))
    return tuple(
        OtherDifference(
            month=key[0],
            what=key[1],
            actual_usd=actual.others.get(key, 0.0),
            simulated_usd=simulated.others.get(key, 0.0),
            difference_usd=difference_usd(actual.others.get(key, 0.0), simulated.others.get(key, 0.0)),
        )
        for key in keys
    )


def verdict(result: CostComparison) -> str:
    """Difference in total, and its largest part."""
    paid, expected, gap = result.actual_usd, result.simulated_usd, result.difference_usd
    size = f" ({percent_change(abs(gap) / abs(expected))})" if expected else ""
    way = "above" if gap >= 0 else "below"
    parts = sorted(result.effects_usd.items(), key=lambda part: -abs(part[1]))
    said = ", ".join(f"{_SAID[name]} {usd_change(usd)}" for name, usd in parts if round(usd, 2))
    first = f"Actual {result.cost} cost of {_list(result.months)} is {format_usd(abs(gap))}{size} {way} the simulated"
    return f"{first} {format_usd(expected)}: {said}." if said else f"Actual and simulated agree: {format_usd(paid)}."


_SAID: dict[Effect, str] = {
    "quantity": "other quantities",
    "price": "other prices",
    "only_actual": "SKUs not simulated",
    "only_simulated": "SKUs not paid for",
    "other": "purchases, unused, taxes and credits",
}


def _list(months: Iterable[str]) -> str:
    known = sorted(months)
    return known[0] if len(known) == 1 else f"{known[0]} to {known[-1]}" if known else "no month"
