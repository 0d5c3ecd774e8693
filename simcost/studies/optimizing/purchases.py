"""Commitments as purchases of a search: each plan is bought as costs least, by its own bill.

Until all replications of a plan are simulated, its cost is the least that it can be: all its compute at the lowest
rate. Then commitments are chosen for the nodes that it had in all replications, and it costs what the bill says under
them. They are chosen on the seeds of the search, and billed again on those of the confirmation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, Generic, TypeVar

from simcost.billing.bill import Costs
from simcost.compare.scores import RunScore
from simcost.scenario.files.nodes import placed
from simcost.scenario.inputs.variations import Variation
from simcost.scenario.inputs.whole_variations import WholePlan, with_plan
from simcost.scenario.runs.bills import costs_of
from simcost.scenario.runs.commitment_choice import (
    CommitmentChoice,
    Held,
    Purchaser,
    held_by,
    on_demand,
    with_commitments,
)
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.runs.tasks import Key
from simcost.scenario.runs.whole_plans import WholePlans
from simcost.studies.optimizing.nearest import most_of
from simcost.studies.optimizing.settings import Document
from simcost.studies.optimizing.written_plans import written_plan

RunsT = TypeVar("RunsT", bound=Simulations | WholePlans)
PlanT = TypeVar("PlanT", bound=Variation | WholePlan)


class PurchaseSearch(ABC, Generic[RunsT, PlanT]):
    """Scores of runs under the commitments that suit their plans.

    Args:
        choice: what may be bought.
        searched: simulations of the search.
        plans: the plans by name; with commitments they take the place of those without.
    """

    def __init__(self, choice: CommitmentChoice, searched: RunsT, plans: dict[str, PlanT]) -> None:
        self.choice, self._runs, self._plans = choice, searched, plans
        self._settled: set[str] = set()

    def __call__(self, asked: Sequence[Key]) -> Mapping[Key, RunScore]:
        """The scores of runs; of a plan whose last replication is among them, of all its replications."""
        scores = dict(self._runs(asked))
        if not self.choice.offers:
            return scores
        for name in dict.fromkeys(name for name, _ in asked):
            keys = [(name, replication) for replication in range(self._runs.seeds)]
            if all(key in self._runs.results for key in keys):
                self.settle(name)
                scores |= dict(zip(keys, self._runs.all_of(name), strict=True))
            else:
                scores |= {key: self._least(key, scores[key]) for key in scores if key[0] == name}
        return scores

    def settle(self, name: str) -> None:
        """Buy for a plan what costs least; its results are billed again."""
        plan = self.of(name)
        if name in self._settled or self.choice.least_share(plan) >= 1.0:
            return
        self._settled.add(name)
        if held := self.choice.best(plan, self._runs.nodes(name)):
            self.buy(name, held)

    def within(
        self, names: Iterable[str], usd: float, value: Callable[[str], Any], complete: Callable[[str], object]
    ) -> list[str]:
        """Simulated plans that cost no more a month than that under the commitments that suit them, those of the
        largest value first; as `most_of`.
        """
        inside = [name for name in names if self.usd(name) <= usd]
        while True:
            likely = most_of(inside, value, complete)
            above = [name for name in likely if self.usd(name) > usd]
            if not above:
                return likely
            inside = [name for name in inside if name not in above]

    def usd(self, name: str) -> float:
        """Mean cost a month of the replications that there are; of a plan without some of them the least."""
        return fmean(score.usd for score in self([key for key in self._runs.results if key[0] == name]).values())

    @abstractmethod
    def of(self, name: str) -> Purchaser:
        """The plan, as it is bought."""

    @abstractmethod
    def buy(self, name: str, held: Sequence[Held]) -> None:
        """Take the plan with commitments in place of that without, where the checks accept it."""

    def document(self, name: str | None, confirmed: Simulations | WholePlans, plans: Iterable[Purchaser]) -> Document:
        """Number of the commitments that were offered, what the best plan holds of them, and what it costs without;
        those that cover nodes of none of the plans.
        """
        held = [] if name is None else held_by(self.of(name))
        usd = None
        if name is not None:
            nodes = [costs_of(list(map(on_demand, node)), self.choice.catalog) for node in confirmed.nodes(name)]
            bills = [confirmed.results[name, i].bill for i in range(len(nodes))]
            usd = fmean(costs.per_month_usd + _tokens_usd(bill) for costs, bill in zip(nodes, bills, strict=True))
        unused = self.choice.of_no_plan(plans)
        found = {"offered": len(self.choice.offers), "bought": held, "on_demand_usd_per_month": usd}
        return found | {"of_no_plan": unused}

    def _least(self, key: Key, score: RunScore) -> RunScore:
        """The score with the least cost under any commitments."""
        bill = self._runs.results[key].bill
        compute = bill.by_category_usd().get("compute", 0.0) / bill.months
        saved = compute - self.choice.least_compute_usd(self.of(key[0]), compute)
        return replace(score, usd=score.usd - saved)


class PlanPurchases(PurchaseSearch[Simulations, Variation]):
    """Of plans of requests."""

    def of(self, name: str) -> Purchaser:
        """The plan, as it is bought."""
        return self._plans[name].plan

    def buy(self, name: str, held: Sequence[Held]) -> None:
        """Take the plan with commitments in place of that without, where the checks accept it."""
        plain: Any = self._plans[name].node.plain()
        made = written_plan(self._runs.question.loaded, with_commitments(plain, held))
        if made is not None:
            self._plans[name] = replace(made, plan=replace(made.plan, name=name))
            self._runs.add(self._plans[name].plan)


class WholePurchases(PurchaseSearch[WholePlans, WholePlan]):
    """Of whole plans, whose services, pools and jobs are one account."""

    def of(self, name: str) -> Purchaser:
        """The scenario with the plan alone, as it is bought."""
        return self._plans[name].loaded

    def buy(self, name: str, held: Sequence[Held]) -> None:
        """Take the plan with commitments in place of that without."""
        plan = self._plans[name]
        plain: Any = plan.node.plain()
        node = placed(with_commitments(plain, held), plan.node, ())
        self._plans[name] = replace(plan, loaded=with_plan(plan.loaded, node), node=node)
        self._runs.add(name, self._plans[name].loaded)


def _tokens_usd(bill: Costs) -> float:
    """Payment to an API a month, which no commitment changes."""
    return bill.by_category_usd().get("tokens", 0.0) / bill.months
