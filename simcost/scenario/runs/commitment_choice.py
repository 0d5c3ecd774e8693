"""Commitments for the nodes of a plan that cost least under its own bill, over all its replications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil, fsum
from typing import Any

import numpy as np

from simcost.billing import Buy, OnDemand, Spot
from simcost.billing.commitment.amounts import Amounts, least_cost
from simcost.billing.commitment.base import HourlyPrice
from simcost.billing.commitment.bound import Floats
from simcost.billing.commitment.offered import Offered, Option, bought, options_of, written
from simcost.billing.metering import Line, idle_hour
from simcost.catalog import Catalog
from simcost.errors import CatalogError
from simcost.scenario.runs.bills import PurchasedNodes, costs_of
from simcost.scenario.schema.scenario import Plan
from simcost.units import HOURS_PER_MONTH


class CommitmentChoice:
    """Commitments that may be bought, each up to what it states, and the best of them for a plan.

    Args:
        offers: what may be bought.
        catalog: prices of the scenario.
    """

    def __init__(self, offers: Sequence[Offered], catalog: Catalog) -> None:
        self.offers, self._catalog = tuple(offers), catalog
        self._known: dict[str, list[tuple[Offered, Option]]] = {}

    def least_share(self, plan: Plan, nodes: float = 0.0) -> float:
        """Share of its on-demand cost that the compute of a plan costs at least, whatever is committed.

        Args:
            plan: the plan.
            nodes: its mean number; those beyond what all offers cover together are on demand. 0 = all may be covered.
        """
        purchases, options = _purchases(plan), [option for _, option in self._options(plan)]
        usd = np.array([buy.line(self._catalog).contracted_usd for buy in purchases])
        paid = [(option.usd_per_unit_h * option.draw / usd)[option.draw > 0] for option in options]
        least = float(min([1.0, *(shares.min() for shares in paid)]))
        if len(purchases) != 1 or nodes <= 0:
            return least
        left, share = nodes, 0.0
        for option in sorted(options, key=_usd_per_h):
            covered = min(left, option.most / float(option.draw[0]))
            share += covered * min(_usd_per_h(option) / float(usd[0]), 1.0)
            left -= covered
        return max(least, (share + left) / nodes)

    def least_compute_usd(self, plan: Plan, usd: float) -> float:
        """Least cost a month of compute that is so much on demand."""
        purchases = _purchases(plan)
        price = purchases[0].line(self._catalog).contracted_usd if purchases else 0.0
        return usd * self.least_share(plan, usd / (price * HOURS_PER_MONTH) if price > 0 else 0.0)

    def best(self, plan: Plan, nodes: Sequence[Sequence[PurchasedNodes]]) -> tuple[Offered, ...]:
        """Commitments of least mean cost for the nodes of a plan, by replication; none where on demand costs least."""
        options = self._options(plan)
        if not options:
            return ()
        peaks = [max((_most_at_once(node, buy) for node in nodes), default=0) for buy in _purchases(plan)]
        levels = [_levels(*option, peaks) for option in options]

        def held(amounts: Amounts) -> tuple[Offered, ...]:
            units = np.array([level[i] for level, i in zip(levels, amounts, strict=True)])
            return tuple(bought([offer for offer, _ in options], [option for _, option in options], units))

        def cost(amounts: Amounts) -> float:
            made = held(amounts)
            billed = ([_with(one, plan.buy, made) for one in node] for node in nodes)
            return fsum(costs_of(one, self._catalog).per_month_usd for one in billed)

        return held(least_cost([len(level) - 1 for level in levels], cost))

    def of_no_plan(self, plans: Iterable[Plan]) -> list[str]:
        """Names of what may be bought and covers nodes of none of the plans."""
        useful = {id(offer) for plan in plans for offer, _ in self._options(plan)}
        return [offer.name for offer in self.offers if id(offer) not in useful]

    def of_fleet(self, fleet: Sequence[tuple[Plan, int]]) -> list[tuple[Offered, ...]]:
        """Commitments to so many nodes of each plan, which always run and are one account: at the lowest rates first,
        of each no more than may be bought in all; none where on demand costs less.
        """
        rest: dict[int, float] = {}
        return [self._of_nodes(plan, nodes, rest) for plan, nodes in fleet]

    def _of_nodes(self, plan: Plan, nodes: int, rest: dict[int, float]) -> tuple[Offered, ...]:
        """Commitments to the nodes of one plan; `rest` has what is left of each, and is brought up to date."""
        if self.least_share(plan) >= 1.0 or not isinstance(plan.buy, OnDemand):
            return ()
        usd = plan.buy.line(self._catalog).contracted_usd
        options = sorted(self._options(plan), key=lambda option: _usd_per_h(option[1]))
        units, left = np.zeros(len(options)), float(nodes)
        for i, (offer, option) in enumerate(options):
            draw, most = float(option.draw[0]), rest.get(id(offer), option.most)
            if draw <= 0 or _usd_per_h(option) >= usd:
                continue
            units[i] = min(left * draw, most)
            if isinstance(offer, HourlyPrice) and option.whole:
                units[i] = int(units[i] / option.whole + 1e-9) * option.whole
            left -= units[i] / draw
            rest[id(offer)] = most - units[i]
        return tuple(bought([offer for offer, _ in options], [option for _, option in options], units))

    def _options(self, plan: Plan) -> list[tuple[Offered, Option]]:
        """Commitments that cover nodes of a plan."""
        buys = _purchases(plan)
        key = str(buys)
        if key not in self._known:
            lines = [buy.line(self._catalog) for buy in buys]
            found = [self._option(offer, lines) for offer in self.offers] if lines else []
            self._known[key] = [one for one in found if one is not None]
        return self._known[key]

    def _option(self, offer: Offered, lines: Sequence[Line]) -> tuple[Offered, Option] | None:
        """None where it covers none of the lines, or no rate of it is known."""
        try:
            [option] = options_of([offer], idle_hour(lines), self._catalog)
        except CatalogError:
            return None
        return (offer, option) if (option.draw > 0).any() else None


def with_commitments(plan: Mapping[str, Any], commitments: Sequence[Offered]) -> dict[str, Any]:
    """A plan as it is written, with commitments."""
    return {**plan, "buy": {**plan["buy"], "commitments": [written(commitment) for commitment in commitments]}}


def on_demand(nodes: PurchasedNodes) -> PurchasedNodes:
    """The same nodes without commitments, with those whose account they shared."""
    account, buy = nodes.account, nodes.buy
    return replace(
        nodes,
        buy=replace(buy, commitments=()) if isinstance(buy, OnDemand) else buy,
        account=replace(account, commitments=()) if isinstance(account, OnDemand) else account,
    )


def held_by(plan: Plan) -> list[dict[str, Any]]:
    """Commitments of a plan as it is written, those of all its pools."""
    bought = [
        commitment for pool in plan.by_pool() if isinstance(pool.buy, OnDemand) for commitment in pool.buy.commitments
    ]
    return [written(one) for one in bought if isinstance(one, Offered)]


def _purchases(plan: Plan) -> list[OnDemand]:
    """Purchases of a plan whose nodes commitments may be chosen for: that of the plan, which is on demand, of one kind
    of nodes and without any, and that of its prefill side.
    """
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
    below: Floats = sums[sums < option.most]
    return np.append(below, option.most) if used >= option.most else below


def _usd_per_h(option: Option) -> float:
    """Cost of an hour of a node under it."""
    return option.usd_per_unit_h * float(option.draw[0])


def _most_at_once(nodes: Sequence[PurchasedNodes], buy: OnDemand) -> int:
    """Nodes of a purchase that are there at the same time, at most; of both sides of a plan each."""
    return sum(_at_once(one) for one in nodes if one.buy == buy)


def _at_once(nodes: PurchasedNodes) -> int:
    start, end = (np.sort(nodes.usage.nodes[name].to_numpy()) for name in ("start_s", "end_s"))
    there = np.arange(1, len(start) + 1) - np.searchsorted(end, start, side="right")
    return int(there.max(initial=0))


def _with(nodes: PurchasedNodes, buy: Buy, commitments: Sequence[Offered]) -> PurchasedNodes:
    """Nodes of a plan, whose purchase has these commitments; those on its account share them."""
    made = replace(buy, commitments=tuple(commitments))  # type: ignore[arg-type]
    return replace(
        nodes,
        buy=made if nodes.buy == buy else nodes.buy,
        account=made if nodes.account == buy else nodes.account,
    )
