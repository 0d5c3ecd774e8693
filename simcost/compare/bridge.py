"""Bridges between two costs: effects of prices, quantities, mix and commitments, or of any causes, that add up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb, fsum

Effects = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BillItem:
    """So much of one SKU; only items of one unit are a mix."""

    quantity: float
    list_usd: float
    """List price of a unit."""
    rate: float
    """Paid share of the list price: discounts, spot, commitments."""
    unit: str

    @property
    def paid_usd(self) -> float:
        """Price paid for a unit."""
        return self.list_usd * self.rate

    @property
    def usd(self) -> float:
        """Cost of all of it."""
        return self.quantity * self.paid_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class BillSide:
    """One of two bills."""

    items: Mapping[str, BillItem]
    unused_usd: Mapping[str, float] = field(default_factory=dict)
    """Cost of what nothing used, by commitment."""
    other_usd: Mapping[str, float] = field(default_factory=dict)
    """Costs without a quantity, by name: taxes, credits, purchases."""

    @property
    def usd(self) -> float:
        """The whole bill."""
        return fsum([*(item.usd for item in self.items.values()), *self.unused_usd.values(), *self.other_usd.values()])


def bill_bridge(before: BillSide, after: BillSide) -> dict[str, Effects]:
    """Effects on the cost in the order quantity, mix, list price, rate, new, gone, unused commitment, other, each with
    its parts by item or unit; all parts add up to the difference of the bills.

    Of the items of one unit that both bills have, with Q their quantity and p the price paid, 0 before and 1 after:
    quantity = (Q1 - Q0) mean p0, mix = Q1 sum((share1 - share0) p0), list price = sum(q1 (list1 - list0) rate0), and
    rate = sum(q1 list1 (rate1 - rate0)).

    >>> one = BillSide(items={"l4": BillItem(quantity=10, list_usd=2, rate=1, unit="h")})
    >>> two = BillSide(items={"l4": BillItem(quantity=12, list_usd=2, rate=0.5, unit="h")})
    >>> {name: sum(parts.values()) for name, parts in bill_bridge(one, two).items() if parts}
    {'quantity': 4.0, 'mix': 0.0, 'list price': 0, 'rate': -12.0}
    """
    found: dict[str, Effects] = {name: {} for name in ("quantity", "mix", "list price", "rate", "new", "gone")}
    both = [name for name in before.items if name in after.items and _alike(before.items[name], after.items[name])]
    for unit in dict.fromkeys(before.items[name].unit for name in both):
        names = [name for name in both if before.items[name].unit == unit]
        _add_unit(found, unit, {name: (before.items[name], after.items[name]) for name in names})
    found["new"] = {name: item.usd for name, item in after.items.items() if name not in both}
    found["gone"] = {name: -item.usd for name, item in before.items.items() if name not in both}
    return found | {
        "unused commitment": _changes(before.unused_usd, after.unused_usd),
        "other": _changes(before.other_usd, after.other_usd),
    }


def _changes(before: Mapping[str, float], after: Mapping[str, float]) -> Effects:
    changes = {name: after.get(name, 0.0) - before.get(name, 0.0) for name in {**before, **after}}
    return {name: usd for name, usd in changes.items() if usd}


def _alike(one: BillItem, other: BillItem) -> bool:
    return one.unit == other.unit and one.quantity > 0 and other.quantity > 0


def _add_unit(found: dict[str, Effects], unit: str, pairs: Mapping[str, tuple[BillItem, BillItem]]) -> None:
    """Effects of the items of one unit."""
    total = [fsum(pair[side].quantity for pair in pairs.values()) for side in (0, 1)]
    mean_usd = fsum(old.quantity / total[0] * old.paid_usd for old, _ in pairs.values())
    found["quantity"][unit] = (total[1] - total[0]) * mean_usd
    for name, (old, new) in pairs.items():
        share = new.quantity / total[1] - old.quantity / total[0]
        found["mix"][name] = total[1] * share * (old.paid_usd - mean_usd)
        found["list price"][name] = new.quantity * (new.list_usd - old.list_usd) * old.rate
        found["rate"][name] = new.quantity * new.list_usd * (new.rate - old.rate)


def ordered(causes: Sequence[str], usd: Callable[[frozenset[str]], float]) -> Effects:
    """Effects of causes that change one after the other; `usd` gives the cost once a set of them has changed."""
    sets = [frozenset(causes[:count]) for count in range(len(causes) + 1)]
    return {cause: usd(sets[i + 1]) - usd(sets[i]) for i, cause in enumerate(causes)}


def shapley(causes: Sequence[str], usd: Callable[[frozenset[str]], float]) -> Effects:
    """Effects of causes whatever their order: the mean over all orders of `ordered`, by 2^n costs.

    >>> shapley(["quantity", "price"], product({"quantity": 100, "price": 10}, {"quantity": 120, "price": 9}))
    {'quantity': 190.0, 'price': -110.0}
    """
    cost = {
        subset: usd(subset) for size in range(len(causes) + 1) for subset in map(frozenset, combinations(causes, size))
    }
    n = len(causes)
    return {
        cause: fsum(
            (cost[subset | {cause}] - cost[subset]) / (n * comb(n - 1, len(subset)))
            for subset in cost
            if cause not in subset
        )
        for cause in causes
    }


def factor_effects(before: Mapping[str, float], after: Mapping[str, float]) -> Effects:
    """Effects of two factors, none below 0, on their product. Where both rise or both fall they are those of `shapley`;
    where one falls as the other rises, each change counts at the least of the other. So a factor that falls saves at
    most the cost before, and one that rises adds at most the cost after; by `shapley` a hundredth of the requests at a
    hundred times the cost of each would save fifty times the whole cost.

    >>> factor_effects({"requests": 100, "hours": 10}, {"requests": 1, "hours": 1000})
    {'requests': -990, 'hours': 990}
    """
    one, other = before
    changes = {name: after[name] - before[name] for name in before}
    if (changes[one] > 0) == (changes[other] > 0):
        return shapley([one, other], product(before, after))
    least = {name: min(before[name], after[name]) for name in before}
    return {one: changes[one] * least[other], other: changes[other] * least[one]}


def product(before: Mapping[str, float], after: Mapping[str, float]) -> Callable[[frozenset[str]], float]:
    """Cost that is the product of its factors, of which a set has changed."""

    def usd(changed: frozenset[str]) -> float:
        result = 1.0
        for name, value in before.items():
            result *= after[name] if name in changed else value
        return result

    return usd
