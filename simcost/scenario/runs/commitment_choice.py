"""Commitments for the nodes of a plan that cost least under its own bill, over all its replications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil, fsum, prod
from typing import Any

import numpy as np

from simcost.billing import OnDemand, Spot
from simcost.billing.commitment.amounts import Amounts, least_cost
from simcost.billing.commitment.base import HourlyPrice
from simcost.billing.commitment.bound import Floats
from simcost.billing.commitment.offered import Offered, Option, bought, options_of, written
from simcost.billing.metering import Line, idle_hour
from simcost.catalog import Catalog
from simcost.errors import CatalogError, InputError
from simcost.scenario.inputs.changes import plans_of
from simcost.scenario.runs.bills import PurchasedNodes, costs_of
from simcost.scenario.schema.loaded_scenario import AnyScenario
from simcost.scenario.schema.scenario import Plan
from simcost.units import HOURS_PER_MONTH

Purchaser = Plan | AnyScenario
"""A plan of one pool, or a scenario with one plan alone, of which all parts are one account."""

Held = tuple[OnDemand, tuple[Offered, ...]]
"""A purchase of a plan, and the commitments that are bought for it."""
_MOST_LEVELS = 5_000
"""Amounts of a commitment that are looked at, at most: of more, so many at even steps."""


class CommitmentChoice:
    """Commitments that may be bought, each up to what it states, and the best of them for a plan.

    Args:
        offers: what may be bought.
        catalog: prices of the scenario.
    """

    def __init__(self, offers: Sequence[Offered], catalog: Catalog) -> None:
        self.offers, self.catalog = tuple(offers), catalog
        self._known: dict[str, list[tuple[Offered, Option]]] = {}

    def least_share(self, plan: Purchaser, nodes: float = 0.0) -> float:
        """Share of its on-demand cost that the compute of a plan costs at least, whatever is committed.

        Args:
            plan: the plan.
            nodes: its mean number; those beyond what all offers cover together are on demand. 0 = all may be covered.
        """
        purchases, options = _purchases(plan), [option for _, option in self._options(plan)]
        usd = np.array([buy.line(self.catalog).contracted_usd for buy in purchases])
        paid = [(option.usd_per_unit_h * option.draw / usd)[option.draw > 0] for option in options]
        least = float(min([1.0, *(shares.min() for shares in paid)]))
        if len(purchases) != 1 or nodes <= 0:
            return least
        ranked = sorted(self._options(plan), key=_usd_per_h)
        covered = _covered(ranked, nodes, float(usd[0]), {})
        paid_usd = fsum([*map(prod, zip(covered, map(_usd_per_h, ranked), strict=True))])
        return max(least, (paid_usd / float(usd[0]) + nodes - fsum(covered)) / nodes)

    def least_compute_usd(self, plan: Purchaser, usd: float) -> float:
        """Least cost a month of compute that is so much on demand."""
        purchases = _purchases(plan)
        price = purchases[0].line(self.catalog).contracted_usd if purchases else 0.0
        return usd * self.least_share(plan, usd / (price * HOURS_PER_MONTH) if price > 0 else 0.0)

    def best(self, plan: Purchaser, nodes: Sequence[Sequence[PurchasedNodes]]) -> list[Held]:
        """Commitments of least mean cost for the nodes of a plan, by replication; none where on demand costs least."""
        options, purchases = self._options(plan), _purchases(plan)
        if not options:
            return []
        peaks = [max((_most_at_once(node, buy) for node in nodes), default=0) for buy in purchases]
        levels = [_levels(*option, peaks) for option in options]
        there = [buy for buy, peak in zip(purchases, peaks, strict=True) if peak]
        holders = [_holder(option, purchases, there) for _, option in options]

        def held(amounts: Amounts) -> list[Held]:
            units = np.array([level[i] for level, i in zip(levels, amounts, strict=True)])
            found = []
            for buy in (buy for buy in purchases if buy in holders):
                mine = [i for i, holder in enumerate(holders) if holder == buy]
                of_buy = bought([options[i][0] for i in mine], [options[i][1] for i in mine], units[mine])
                found.append((buy, tuple(of_buy)))
            return [one for one in found if one[1]]

        def cost(amounts: Amounts) -> float:
            made = held(amounts)
            billed = ([_with(one, made) for one in node] for node in nodes)
            return fsum(costs_of(one, self.catalog).per_month_usd for one in billed)

        return held(least_cost([len(level) - 1 for level in levels], cost))

    def of_no_plan(self, plans: Iterable[Purchaser]) -> list[str]:
        """Names of what may be bought and covers nodes of none of the plans, those aside that have commitments of their
        own and are bought as they say; none where all have.
        """
        open_to_all = [plan for plan in plans if not held_by(plan)]
        useful = {id(offer) for plan in open_to_all for offer, _ in self._options(plan)}
        return [offer.name for offer in self.offers if id(offer) not in useful] if open_to_all else []

    def of_fleet(self, fleet: Sequence[tuple[Plan, int]]) -> list[list[Held]]:
        """Commitments to so many nodes of each plan, which always run and are one account: at the lowest rates first,
        of each no more than may be bought in all; none where on demand costs less.
        """
        rest: dict[int, float] = {}
        return [self._of_nodes(plan, nodes, rest) for plan, nodes in fleet]

    def _of_nodes(self, plan: Plan, nodes: int, rest: dict[int, float]) -> list[Held]:
        """Commitments to the nodes of one plan; `rest` has what is left of each, and is brought up to date."""
        if self.least_share(plan) >= 1.0 or not isinstance(plan.buy, OnDemand):
            return []
        options = sorted(self._options(plan), key=_usd_per_h)
        covered = _covered(options, nodes, plan.buy.line(self.catalog).contracted_usd, rest, whole=True)
        units = np.array([n * float(option.draw[0]) for n, (_, option) in zip(covered, options, strict=True)])
        rest |= {
            id(offer): rest.get(id(offer), option.most) - taken
            for (offer, option), taken in zip(options, units, strict=True)
        }
        made = tuple(bought([offer for offer, _ in options], [option for _, option in options], units))
        return [(plan.buy, made)] if made else []

    def _options(self, plan: Purchaser) -> list[tuple[Offered, Option]]:
        """Commitments that cover nodes of a plan."""
        buys = _purchases(plan)
        key = str(buys)
        if key not in self._known:
            lines = [buy.line(self.catalog) for buy in buys]
            prices = self.catalog
            for buy in buys:
                prices = buy.prices(prices) if isinstance(buy, OnDemand) else prices
            found = [self._option(offer, lines, prices) for offer in self.offers] if lines else []
            self._known[key] = [one for one in found if one is not None]
        return self._known[key]

    def _option(self, offer: Offered, lines: Sequence[Line], prices: Catalog) -> tuple[Offered, Option] | None:
        """None where it covers none of the lines, or no rate of it is known."""
        try:
            [option] = options_of([offer], idle_hour(lines), prices)
        except CatalogError:
            return None
        return (offer, option) if (option.draw > 0).any() else None


def with_commitments(plan: Mapping[str, Any], held: Sequence[Held]) -> dict[str, Any]:
    """A plan as it is written, with commitments in the first purchase of the offer that they are held by: that of a
    part before that of the whole, which parts may not take.

    Raises:
        InputError: nothing in the plan names that offer.
    """
    found = dict(plan)
    for buy, commitments in held:
        made = _with_some(found, buy.offer, [written(commitment) for commitment in commitments])
        if made is None:
            raise InputError(
                f"commitments for {buy.offer}: nothing in the plan names this offer; write it in its `buy`"
            )
        found = made
    return found


def _with_some(plan: Mapping[str, Any], offer: str, commitments: list[dict[str, Any]]) -> dict[str, Any] | None:
    """None where nothing in the plan buys the offer."""
    for key in ("services", "pools"):
        parts = plan.get(key) or {}
        each = dict(parts) if isinstance(parts, Mapping) else dict(enumerate(parts))
        for name, part in each.items():
            if part and (made := _with_some(part, offer, commitments)):
                each[name] = made
                return {**plan, key: each if isinstance(parts, Mapping) else list(each.values())}
    side = plan.get("disaggregation")
    if isinstance(side, Mapping) and (made := _with_some(side, offer, commitments)):
        return {**plan, "disaggregation": made}
    for key in ("training_buy", "buy"):
        if _is_on_demand(plan.get(key), offer):
            return {**plan, key: {**plan[key], "commitments": commitments}}
    return None


def _is_on_demand(buy: Any, offer: str) -> bool:
    """True of a purchase of an offer on demand, as it is written."""
    return isinstance(buy, Mapping) and buy.get("offer") == offer and buy.get("kind", "on-demand") == "on-demand"


def on_demand(nodes: PurchasedNodes) -> PurchasedNodes:
    """The same nodes without commitments, with those whose account they shared."""
    account, buy = nodes.account, nodes.buy
    return replace(
        nodes,
        buy=replace(buy, commitments=()) if isinstance(buy, OnDemand) else buy,
        account=replace(account, commitments=()) if isinstance(account, OnDemand) else account,
    )


def held_by(plan: Purchaser) -> list[dict[str, Any]]:
    """Commitments of a plan as they are written, those of all its parts."""
    parts = plan.by_pool() if isinstance(plan, Plan) else [part for part, _ in plans_of(plan)]
    buys: list[OnDemand] = []
    for part in parts:
        side = None if part.disaggregation is None else part.disaggregation.buy
        for buy in (part.buy, side, part.training_buy):
            if isinstance(buy, OnDemand) and buy not in buys:
                buys.append(buy)
    return [written(one) for buy in buys for one in buy.commitments if isinstance(one, Offered)]


def _purchases(plan: Purchaser) -> list[OnDemand]:
    """Purchases of a plan whose nodes commitments may be chosen for, which are on demand, of one kind of nodes and
    without any; none where a part has some.
    """
    return _of_plan(plan) if isinstance(plan, Plan) else _of_whole(plan)


def _of_whole(loaded: AnyScenario) -> list[OnDemand]:
    """Those of all services, pools and jobs of a plan."""
    found: list[OnDemand] = []
    for plan, _ in plans_of(loaded):
        side = None if plan.disaggregation is None else plan.disaggregation.buy
        for buy in (plan.buy, *plan.or_buy, side, plan.training_buy):
            if isinstance(buy, OnDemand) and buy not in found:
                found.append(buy)
        if plan.or_buy or any(buy.commitments for buy in found):
            return []
    return found


def _of_plan(plan: Plan) -> list[OnDemand]:
    """That of a plan of one pool, and that of its prefill side."""
    side = None if plan.disaggregation is None else plan.disaggregation.buy
    buys = [plan.buy, *([] if side in (None, plan.buy) or isinstance(side, Spot) else [side])]
    found = [buy for buy in buys if isinstance(buy, OnDemand) and not buy.commitments]
    return found if len(found) == len(buys) and not plan.or_buy and not plan.pools else []


def _levels(offer: Offered, option: Option, peaks: Sequence[int]) -> Floats:
    """Amounts that may be best, up to what may be bought: counts of a reservation up to what the nodes can use, else
    what so many nodes of each purchase draw.
    """
    draws = [(float(draw), peak) for draw, peak in zip(option.draw, peaks, strict=True) if draw > 0]
    used = fsum(draw * peak for draw, peak in draws)
    if isinstance(offer, HourlyPrice) and option.whole:
        most = min(ceil(used / option.whole - 1e-9), round(option.most / option.whole))
        counts: Floats = np.arange(most + 1, dtype=np.float64) * option.whole
        return counts
    sums = np.zeros(1)
    for draw, peak in draws:
        sums = np.unique(np.around((sums[:, None] + draw * np.arange(peak + 1)).ravel(), 9))
        sums = sums[sums < option.most]
        if len(sums) > _MOST_LEVELS:
            sums = sums[np.linspace(0, len(sums) - 1, _MOST_LEVELS).round().astype(np.int64)]
    below: Floats = sums
    return np.append(below, option.most) if used >= option.most else below


def _holder(option: Option, purchases: Sequence[OnDemand], there: Sequence[OnDemand]) -> OnDemand:
    """The first purchase of the cloud whose nodes it covers, of those with nodes that are `there`: they are one
    account.
    """
    covered = purchases[int(np.flatnonzero(option.draw > 0)[0])]
    return next((buy for buy in there if buy.provider == covered.provider), covered)


def _usd_per_h(one: tuple[Offered, Option]) -> float:
    """Cost of an hour of a node under a commitment."""
    _, option = one
    return option.usd_per_unit_h * float(option.draw[0])


def _covered(
    ranked: Sequence[tuple[Offered, Option]],
    nodes: float,
    usd_per_h: float,
    rest: Mapping[int, float],
    *,
    whole: bool = False,
) -> list[float]:
    """Nodes that each commitment covers, at the lowest rates first, of those below the price on demand.

    Args:
        ranked: by rate.
        nodes: how many there are, all on the first line.
        usd_per_h: price on demand.
        rest: units that are left, by identity of the offer; those that it lacks are whole.
        whole: count reservations by whole instances.
    """
    found, left = [], float(nodes)
    for offer, option in ranked:
        draw = float(option.draw[0])
        units = 0.0
        if draw > 0 and _usd_per_h((offer, option)) < usd_per_h:
            units = min(left * draw, rest.get(id(offer), option.most))
        if whole and isinstance(offer, HourlyPrice) and option.whole:
            units = int(units / option.whole + 1e-9) * option.whole
        found.append(units / draw if draw > 0 else 0.0)
        left -= found[-1]
    return found


def _most_at_once(nodes: Sequence[PurchasedNodes], buy: OnDemand) -> int:
    """Nodes of a purchase that are there at the same time, at most; of both sides of a plan each."""
    return sum(_at_once(one) for one in nodes if one.buy == buy)


def _at_once(nodes: PurchasedNodes) -> int:
    start, end = (np.sort(nodes.usage.nodes[name].to_numpy()) for name in ("start_s", "end_s"))
    there = np.arange(1, len(start) + 1) - np.searchsorted(end, start, side="right")
    return int(there.max(initial=0))


def _with(nodes: PurchasedNodes, held: Sequence[Held]) -> PurchasedNodes:
    """Nodes of a plan, whose purchases have these commitments; those on its account share them."""
    for buy, commitments in held:
        made = replace(buy, commitments=tuple(commitments))
        nodes = replace(
            nodes,
            buy=made if nodes.buy == buy else nodes.buy,
            account=made if nodes.account == buy else nodes.account,
        )
    return nodes
