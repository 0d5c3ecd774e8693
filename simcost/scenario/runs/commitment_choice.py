"""Commitments for the nodes of a plan that cost least under its own bill, over all its replications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil, fsum
from typing import Any

import numpy as np

from simcost.billing import OnDemand
from simcost.billing.commitment.amounts import Amounts, least_cost
from simcost.billing.commitment.base import HourlyPrice
from simcost.billing.commitment.offered import Offered, Option, bought, options_of, written
from simcost.billing.metering import Line, idle_hour
from simcost.catalog import Catalog
from simcost.errors import CatalogError
from simcost.scenario.runs.bills import PurchasedNodes, costs_of
from simcost.scenario.schema.scenario import Plan


class CommitmentChoice:
    """Commitments that may be bought, each up to what it states, and the best of them for a plan.

    Args:
        offers: what may be bought.
        catalog: prices of the scenario.
    """

    def __init__(self, offers: Sequence[Offered], catalog: Catalog) -> None:
        self.offers, self._catalog = tuple(offers), catalog
        self._known: dict[str, list[tuple[Offered, Option]]] = {}

    def least_share(self, plan: Plan) -> float:
        """Share of its on-demand cost that the compute of a plan costs at least, whatever is committed."""
        options = self._options(plan)
        if not options or not isinstance(plan.buy, OnDemand):
            return 1.0
        usd = plan.buy.line(self._catalog).contracted_usd
        return min([1.0, *(_usd_per_h(option) / usd for _, option in options)])

    def best(self, plan: Plan, nodes: Sequence[Sequence[PurchasedNodes]]) -> tuple[Offered, ...]:
        """Commitments of least mean cost for the nodes of a plan, by replication; none where on demand costs least."""
        options = self._options(plan)
        if not options:
            return ()
        peak = max((_most_at_once(one) for node in nodes for one in node), default=0)
        most = [_most_steps(*option, peak) for option in options]

        def cost(amounts: Amounts) -> float:
            held = _bought(options, amounts)
            return fsum(costs_of([_with(one, held) for one in node], self._catalog).per_month_usd for node in nodes)

        return _bought(options, least_cost(most, cost))

    def of_no_plan(self, plans: Iterable[Plan]) -> list[str]:
        """Names of what may be bought and covers nodes of none of the plans."""
        useful = {id(offer) for plan in plans for offer, _ in self._options(plan)}
        return [offer.name for offer in self.offers if id(offer) not in useful]

    def of_all(self, plan: Plan, nodes: int) -> tuple[Offered, ...]:
        """Commitments to so many nodes that always run, at the lowest rates first; none where on demand costs less."""
        if self.least_share(plan) >= 1.0 or not isinstance(plan.buy, OnDemand):
            return ()
        usd = plan.buy.line(self._catalog).contracted_usd
        options = sorted(self._options(plan), key=lambda option: _usd_per_h(option[1]))
        amounts, left = [0] * len(options), nodes
        for i, option in enumerate(options):
            if left > 0 and _usd_per_h(option[1]) < usd:
                amounts[i] = _most_steps(*option, left)
                left -= int(amounts[i] * _step(*option) / float(option[1].draw[0]) + 1e-9)
        return _bought(options, tuple(amounts))

    def _options(self, plan: Plan) -> list[tuple[Offered, Option]]:
        """Commitments that cover the nodes of a plan, which must be on demand, of one kind, and without any."""
        buy = plan.buy
        if not isinstance(buy, OnDemand) or buy.commitments or plan.or_buy or plan.pools:
            return []
        key = str(buy)
        if key not in self._known:
            line = buy.line(self._catalog)
            self._known[key] = [found for offer in self.offers if (found := self._option(offer, line)) is not None]
        return self._known[key]

    def _option(self, offer: Offered, line: Line) -> tuple[Offered, Option] | None:
        """None where it does not cover the line, or no rate of it is known."""
        try:
            [option] = options_of([offer], idle_hour([line]), self._catalog)
        except CatalogError:
            return None
        return (offer, option) if option.draw[0] > 0 else None


def with_commitments(plan: Mapping[str, Any], commitments: Sequence[Offered]) -> dict[str, Any]:
    """A plan as it is written, with commitments."""
    return {**plan, "buy": {**plan["buy"], "commitments": [written(commitment) for commitment in commitments]}}


def on_demand(nodes: PurchasedNodes) -> PurchasedNodes:
    """The same nodes without commitments."""
    if not isinstance(nodes.buy, OnDemand):
        return nodes
    return replace(_with(nodes, ()), account=None)


def held_by(plan: Plan) -> list[dict[str, Any]]:
    """Commitments of a plan as it is written, those of all its pools."""
    bought = [
        commitment for pool in plan.by_pool() if isinstance(pool.buy, OnDemand) for commitment in pool.buy.commitments
    ]
    return [written(one) for one in bought if isinstance(one, Offered)]


def _bought(options: Sequence[tuple[Offered, Option]], amounts: Amounts) -> tuple[Offered, ...]:
    units = np.array([steps * _step(*one) for one, steps in zip(options, amounts, strict=True)])
    return tuple(bought([one for one, _ in options], [option for _, option in options], units))


def _step(offer: Offered, option: Option) -> float:
    """Units, or USD an hour, of a step: of an instance of it, or of what a node draws."""
    return option.whole if isinstance(offer, HourlyPrice) and option.whole else float(option.draw[0])


def _most_steps(offer: Offered, option: Option, nodes: int) -> int:
    """Steps that so many nodes can use, at most as many as may be bought."""
    step = _step(offer, option)
    return min(ceil(nodes * float(option.draw[0]) / step - 1e-9), int(option.most / step + 1e-9))


def _usd_per_h(option: Option) -> float:
    """Cost of an hour of a node under it."""
    return option.usd_per_unit_h * float(option.draw[0])


def _most_at_once(nodes: PurchasedNodes) -> int:
    """Nodes that are there at the same time, at most."""
    start, end = (np.sort(nodes.usage.nodes[name].to_numpy()) for name in ("start_s", "end_s"))
    there = np.arange(1, len(start) + 1) - np.searchsorted(end, start, side="right")
    return int(there.max(initial=0))


def _with(nodes: PurchasedNodes, commitments: Sequence[Offered]) -> PurchasedNodes:
    return replace(nodes, buy=replace(nodes.buy, commitments=tuple(commitments)))  # type: ignore[arg-type]
