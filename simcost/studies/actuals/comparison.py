"""The document of `simcost focus compare`: what was paid against what was simulated, SKU by SKU.

The difference of a SKU is split as Bennet (1920) does, exactly and without a remainder:
p1 q1 - p0 q0 = (q1 - q0) (p0 + p1) / 2 + (p1 - p0) (q0 + q1) / 2.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from difflib import get_close_matches
from math import fsum
from typing import Any

from simcost.compare.words import percent
from simcost.errors import InputError
from simcost.studies.actuals.sides import Amount, Basis, Key, Side
from simcost.units import format_usd

Document = dict[str, Any]
_DIGITS = 9  # of USD: what rounding leaves is no effect
_NAMED_ALIKE = 10  # to look for names that are alike takes time


def effects(simulated: Amount, actual: Amount) -> tuple[float, float]:
    """What the other quantity and what the other price make of the difference.

    >>> effects(Amount(10.0, 20.0), Amount(12.0, 18.0))
    (3.5, -5.5)
    """
    p0, p1 = simulated.usd_per_unit, actual.usd_per_unit
    quantity = (actual.quantity - simulated.quantity) * (p0 + p1) / 2
    price = (p1 - p0) * (actual.quantity + simulated.quantity) / 2
    return round(quantity, _DIGITS) + 0.0, round(price, _DIGITS) + 0.0


def against(actual: Side, simulated: Side, basis: Basis, *, per_month: bool = False) -> Document:
    """What was paid against what was simulated; differences are actual less simulated.

    Args:
        actual: what was paid.
        simulated: what was expected.
        basis: which cost.
        per_month: scale both to a month of 730 h, rather than compare calendar months that both have. A run of a
            scenario has no calendar and is always compared so.

    Returns:
        `verdict`, `actual_usd`, `simulated_usd`, `difference_usd`, `effects_usd` (they add up to the difference),
        `skus[]` that both have, `only_actual[]`, `only_simulated[]`, `others[]` (costs without a quantity), `months`,
        `left_out_months`.

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
                "say --per-month to compare means of a month"
            )
        actual, simulated = actual.in_months(both), simulated.in_months(both)
    pairs, only_actual, only_simulated = _matched(actual.amounts, simulated.amounts)
    document = {
        "cost": basis, "months": sorted(actual.months | simulated.months), "left_out_months": left,
        "skus": sorted((_pair(*pair) for pair in pairs), key=_size),
        "only_actual": _alone(only_actual, only_simulated), "only_simulated": _alone(only_simulated, only_actual),
        "others": _others(actual, simulated),
    }  # fmt: skip
    document |= _totals(actual, simulated, document)
    return {"verdict": verdict(document), **document}


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
    found: dict[tuple[str, ...], list[Key]] = {}
    for key in keys:
        found.setdefault((*key[:2], *key[3:]), []).append(key)
    return found


def _named(key: Key) -> Document:
    return dict(zip(("month", "provider", "region", "sku", "unit"), key, strict=True))


def _amount(one: Amount) -> Document:
    return asdict(one) | {"usd_per_unit": one.usd_per_unit}


def _size(row: Document) -> tuple[float, float]:
    """The largest difference first, then the largest cost."""
    return -abs(row["difference_usd"]), -abs(row["actual"]["usd"])


def _pair(key: Key, actual: Amount, simulated: Amount) -> Document:
    quantity, price = effects(simulated, actual)
    return _named(key) | {
        "actual": _amount(actual), "simulated": _amount(simulated), "difference_usd": actual.usd - simulated.usd,
        "quantity_effect_usd": quantity, "price_effect_usd": price,
    }  # fmt: skip


def _alone(mine: Mapping[Key, Amount], theirs: Mapping[Key, Amount]) -> list[Document]:
    """What one side alone has, the costliest first; and, of the first of them, what the other has that is alike."""
    ranked = sorted(mine.items(), key=lambda item: -abs(item[1].usd))
    return [
        _named(key) | _amount(one) | {"like": _like(key, theirs) if place < _NAMED_ALIKE else None}
        for place, (key, one) in enumerate(ranked)
    ]


def _like(key: Key, others: Iterable[Key]) -> str | None:
    """The nearest name of the other side: the same SKU elsewhere or in another unit, else one that is spelled alike."""
    names = {f"{other[1]}/{other[3]}": other for other in others if other[0] == key[0]}
    near = get_close_matches(f"{key[1]}/{key[3]}", names, n=1, cutoff=0.6)
    if not near:
        return None
    _, _, region, _, unit = names[near[0]]
    return f"{near[0]} {region} ({unit})".replace("  ", " ")


def _others(actual: Side, simulated: Side) -> list[Document]:
    keys = sorted(set(actual.others) | set(simulated.others))
    return [
        {"month": key[0], "what": key[1], "actual_usd": actual.others.get(key, 0.0),
         "simulated_usd": simulated.others.get(key, 0.0),
         "difference_usd": actual.others.get(key, 0.0) - simulated.others.get(key, 0.0)} for key in keys
    ]  # fmt: skip


def _totals(actual: Side, simulated: Side, document: Document) -> Document:
    """The sums, and what makes up their difference."""
    paid, expected = (
        fsum([*(one.usd for one in side.amounts.values()), *side.others.values()])
        for side in (actual, simulated)
    )
    parts = {
        "quantity": fsum(row["quantity_effect_usd"] for row in document["skus"]),
        "price": fsum(row["price_effect_usd"] for row in document["skus"]),
        "only_actual": fsum(row["usd"] for row in document["only_actual"]),
        "only_simulated": -fsum(row["usd"] for row in document["only_simulated"]),
        "other": fsum(row["difference_usd"] for row in document["others"]),
    }
    return {
        "actual_usd": paid,
        "simulated_usd": expected,
        "difference_usd": paid - expected,
        "effects_usd": parts,
    }


def verdict(document: Document) -> str:
    """How far off it was, and what the most of it is."""
    paid, expected, gap = (document[f"{name}_usd"] for name in ("actual", "simulated", "difference"))
    size = f" ({percent(abs(gap) / abs(expected))})" if expected else ""
    way = "above" if gap >= 0 else "below"
    parts = sorted(document["effects_usd"].items(), key=lambda part: -abs(part[1]))
    said = ", ".join(f"{_SAID[name]} {signed(usd)}" for name, usd in parts if round(usd, 2))
    when = _list(document["months"])
    first = f"Actual {document['cost']} cost of {when} is {format_usd(abs(gap))}{size} {way} the simulated"
    return (
        f"{first} {format_usd(expected)}: {said}."
        if said
        else f"Actual and simulated agree: {format_usd(paid)}."
    )


_SAID = {"quantity": "other quantities", "price": "other prices", "only_actual": "SKUs not simulated",
         "only_simulated": "SKUs not paid for", "other": "purchases, unused, taxes and credits"}  # fmt: skip


def signed(usd: float) -> str:
    """An amount with its sign."""
    return f"+{format_usd(usd)}" if usd > 0 else format_usd(usd)


def _list(months: Iterable[str]) -> str:
    known = sorted(months)
    return known[0] if len(known) == 1 else f"{known[0]} to {known[-1]}" if known else "no month"
