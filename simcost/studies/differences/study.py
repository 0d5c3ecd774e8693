"""Document of `simcost diff`: the difference of two costs, effect by effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import fsum, isclose
from typing import Any

from simcost.compare.bridge import BillSide, bill_bridge, factor_effects
from simcost.compare.confidence import apart, paired
from simcost.compare.verdict import percent_change
from simcost.errors import InputError
from simcost.present.format import amount, usd_change
from simcost.studies.differences.sides import CostSide, has_tiers
from simcost.units import HOURS_PER_MONTH, format_usd

Document = dict[str, Any]
_SAID = {
    "demand": "more or fewer requests",
    "policy": "accelerator-hours per request",
    "quantity": "other quantities",
    "mix": "another mix",
    "list price": "list prices",
    "tiers": "mean prices of disks and traffic",
    "rate": "discounts, own prices, spot and coverage",
    "new": "new",
    "gone": "gone",
    "unused commitment": "unused commitments",
    "other": "other costs",
}
_HOURS = "accelerator-h"
_BOTH = ("usd", "quantity")
_SAME_DEMAND = 0.02
"""Share by which draws of the same demand may differ."""
_SMALLEST = 0.005
"""USD: what is less is rounding."""


def difference(before: CostSide, after: CostSide, *, per_month: bool) -> Document:
    """After less before.

    Args:
        before: the first cost.
        after: the second cost.
        per_month: scale both to a month of 730 h; without it they stand as they are.

    Returns:
        `verdict`, `before`, `after` (`name`, `usd`, `hours`), `basis`, `difference_usd`, its `interval` between runs
        of several replications, and `effects[]` with `effect`, `usd` and its `parts[]`, which add up to the
        difference; `items[]` with `usd` and `quantity` of both, by which they changed, the largest change first.

    Raises:
        InputError: a cost without usage cannot be scaled.
    """
    if before.is_cost_file or after.is_cost_file:
        before, after = before.with_tokens_together(), after.with_tokens_together()
    bills = [_scaled(side) if per_month else side.bill for side in (before, after)]
    effects = _with_causes(
        _with_tiers(bill_bridge(*bills), bills), bills, [side.requests_per_month for side in (before, after)]
    )
    rows = [{"effect": name, "usd": fsum(parts.values()), "parts": _parts(parts)} for name, parts in effects.items()]
    found = {
        "basis": "month of 730 h" if per_month else "as they are",
        **{
            word: {"name": side.name, "usd": bill.usd, "hours": side.hours}
            for word, side, bill in zip(("before", "after"), (before, after), bills, strict=True)
        },
        "difference_usd": bills[1].usd - bills[0].usd,
        "interval": _interval(before, after) if per_month else None,
        "effects": rows,
        "items": _changes(*bills),
        "findings": [
            *before.findings,
            *(one for one in after.findings if one not in before.findings),
            *_findings(before, after, per_month),
            *([] if "demand" in effects else _other_demand((before, after), bills)),
        ],
    }
    return {"verdict": verdict(found), **found}


def _interval(before: CostSide, after: CostSide) -> Document | None:
    """`lo`, `hi`, `level` of the difference of two runs, `paired` where they have the same seed; None where it is not
    known, or nothing is random.
    """
    first, second = before.replications, after.replications
    if first is None or second is None or min(len(first.usd_per_month), len(second.usd_per_month)) < 2:
        return None
    pairs = first.seed == second.seed and len(first.usd_per_month) == len(second.usd_per_month)
    found = (paired if pairs else apart)(second.usd_per_month, first.usd_per_month, first.level)
    return {"lo": found.lo, "hi": found.hi, "level": found.level, "paired": pairs}


def _scaled(side: CostSide) -> BillSide:
    if not side.hours > 0:
        raise InputError(f"{side.name}: has no usage, so its length is not known; leave --per-month out")
    return side.times(HOURS_PER_MONTH / side.hours)


def _with_tiers(effects: dict[str, dict[str, float]], bills: Sequence[BillSide]) -> dict[str, dict[str, float]]:
    """The effect of other list prices without that of disks and traffic, whose mean price changes with their volume
    too: bills do not say by which of the two.
    """
    tiers = {name: usd for name, usd in effects["list price"].items() if has_tiers(bills[1].items[name].unit)}
    prices = {name: usd for name, usd in effects["list price"].items() if name not in tiers}
    found: dict[str, dict[str, float]] = {}
    for effect, parts in effects.items():
        found |= {"list price": prices, "tiers": tiers} if effect == "list price" else {effect: parts}
    return found


def _with_causes(
    effects: dict[str, dict[str, float]], bills: Sequence[BillSide], requests: Sequence[float | None]
) -> dict[str, dict[str, float]]:
    """The effect of other accelerator-hours split into that of the demand and that of the policy, where both costs
    are runs that served requests: hours are requests x hours per request.
    """
    both = [name for name in bills[0].items if name in bills[1].items and bills[0].items[name].unit == _HOURS]
    hours = [fsum(bill.items[name].quantity for name in both) for bill in bills]
    if _HOURS not in effects["quantity"] or None in requests or not hours[0]:
        return effects
    factors = [{"demand": count, "policy": used / count} for count, used in zip(requests, hours, strict=True) if count]
    usd_per_h = fsum(bills[0].items[name].usd for name in both) / hours[0]
    split = {name: {_HOURS: usd_per_h * change} for name, change in factor_effects(*factors).items()}
    rest = {unit: usd for unit, usd in effects["quantity"].items() if unit != _HOURS}
    return {**split, **effects, "quantity": rest}


def _parts(parts: Mapping[str, float]) -> list[Document]:
    ranked = sorted(parts.items(), key=lambda part: (-abs(part[1]), part[0]))
    return [{"item": name, "usd": usd} for name, usd in ranked if usd]


def _changes(before: BillSide, after: BillSide) -> list[Document]:
    """Cost and quantity of each item on both sides; those of one side alone have 0 on the other."""
    found = []
    for name in {**before.items, **after.items}:
        sides = [bill.items.get(name) for bill in (before, after)]
        usd, quantity = ([0.0 if one is None else float(getattr(one, key)) for one in sides] for key in _BOTH)
        unit = next(one.unit for one in sides if one is not None)
        found.append({"item": name, "unit": unit, "change_usd": usd[1] - usd[0], "usd": usd, "quantity": quantity})
    return sorted(found, key=lambda one: (-abs(one["change_usd"]), one["item"]))


def _findings(before: CostSide, after: CostSide, per_month: bool) -> list[Document]:
    if per_month:
        return [
            *_other_work(before, after),
            *_other_engine(before, after),
            *_scaled_files(before, after),
            *_without_interval(before, after),
        ]
    if isclose(before.hours, after.hours, rel_tol=0.01):
        return []
    message = (
        f"{before.name} covers {before.hours:,.4g} h and {after.name} {after.hours:,.4g} h: part of the difference is "
        "their length; pass --per-month to compare months of 730 h"
    )
    return [{"kind": "other-length", "message": message}]


def _other_work(before: CostSide, after: CostSide) -> Iterator[Document]:
    """Runs that do not do the same."""
    if before.work and after.work and before.work != after.work:
        message = f"{before.name} has {before.work}, {after.name} has {after.work}: they do not do the same"
        yield {"kind": "other-work", "message": message}


def _other_engine(before: CostSide, after: CostSide) -> Iterator[Document]:
    """Runs that were simulated by different engines."""
    if before.versions is None or after.versions is None or before.versions[1] == after.versions[1]:
        return
    first, second = (
        f"{version or 'of an unknown version'} (engine {engine or 'not stated'})"
        for version, engine in (before.versions, after.versions)
    )
    message = (
        f"{before.name} was simulated by simcost {first}, {after.name} by {second}: part of the difference may be what "
        "changed between them; run the older one again"
    )
    yield {"kind": "other-engine", "message": message}


def _other_demand(sides: Sequence[CostSide], bills: Sequence[BillSide]) -> Iterator[Document]:
    """Runs with more or fewer requests, of which no effect tells: they are on other instances."""
    first, second = (side.requests_per_month for side in sides)
    if first is None or second is None or isclose(first, second, rel_tol=_SAME_DEMAND):
        return
    each = [
        f"{amount(count)} requests a month to {side.name} at {format_usd(1000 * bill.usd / count)} per 1,000"
        for side, bill, count in zip(sides, bills, (first, second), strict=True)
    ]
    message = f"the demand differs, and no effect says what that costs: {', '.join(each)}"
    yield {"kind": "other-demand", "message": message}


def _scaled_files(*sides: CostSide) -> Iterator[Document]:
    """Cost files and bills: their length is that of the usage in them, which may be less than the time that they are
    of.
    """
    for side in sides:
        if side.versions is None:
            message = (
                f"{side.name}: from its first hour of usage to its last are {side.hours:,.4g} h, and costs are "
                f"{HOURS_PER_MONTH / side.hours:.4g} times those of the file"
            )
            yield {"kind": "scaled", "message": message}


def _without_interval(before: CostSide, after: CostSide) -> Iterator[Document]:
    """Runs of one replication, whose difference may be one of the draws."""
    first, second = before.replications, after.replications
    if first is None or second is None:
        return
    if first.seed != second.seed and min(len(first.usd_per_month), len(second.usd_per_month)) < 2:
        message = "the runs have different seeds and one replication: other draws alone may differ by as much"
        yield {"kind": "no-interval", "message": message}


def verdict(document: Mapping[str, Any]) -> str:
    """The difference, and its largest effects."""
    before, after, usd = document["before"], document["after"], document["difference_usd"]
    month = " a month" if document["basis"].startswith("month") else ""
    ranked = sorted(document["effects"], key=lambda row: -abs(row["usd"]))
    causes = any(row["effect"] in ("demand", "policy") for row in ranked)
    said = ", ".join(_phrase(row, causes=causes) for row in ranked[:4] if abs(row["usd"]) >= _SMALLEST)
    if abs(usd) < _SMALLEST:
        same = f"{after['name']} costs as much as {before['name']}: {format_usd(before['usd'])}{month}"
        return f"{same}; what differs cancels: {said}." if said else f"{same}."
    share = f" ({percent_change(abs(usd) / abs(before['usd']))})" if before["usd"] else ""
    way = "more" if usd >= 0 else "less"
    return (
        f"{after['name']} costs {format_usd(abs(usd))}{month}{share} {way} than {before['name']} at "
        f"{format_usd(before['usd'])}{_sure(document)}: {said}."
    )


def _sure(document: Mapping[str, Any]) -> str:
    """Interval of the difference, and whether it is significant."""
    found = document["interval"]
    if found is None:
        return ""
    lo, hi = (usd_change(found[bound]) for bound in ("lo", "hi"))
    text = f"{100 * found['level']:g} % interval {lo} to {hi}" if lo != hi else ""
    if found["lo"] <= 0 <= found["hi"]:
        return f" (not significantly different: {text})" if text else ""
    return f" ({text})" if text else ""


def _phrase(row: Document, *, causes: bool) -> str:
    """`new aws/p5.4xlarge us-east-1 +$1,020`; of hours whose causes are known the others are quantities too."""
    if row["effect"] == "quantity" and not causes:
        return f"quantities {usd_change(row['usd'])}"
    item = f" {row['parts'][0]['item']}" if row["effect"] in ("new", "gone") and row["parts"] else ""
    more = f" and {len(row['parts']) - 1} more" if item and len(row["parts"]) > 1 else ""
    return f"{_SAID[row['effect']]}{item}{more} {usd_change(row['usd'])}"
