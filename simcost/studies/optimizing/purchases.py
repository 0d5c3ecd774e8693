"""Commitments as purchases of a search: each plan is bought as costs least, by its own bill.

Until all replications of a plan are simulated, its cost is the least that it can be: all its compute at the lowest
rate. Then commitments are chosen for the nodes that it had in all replications, and it costs what the bill says under
them. They are chosen on the seeds of the search, and billed again on those of the confirmation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from simcost.billing.bill import Costs
from simcost.compare.scores import RunScore
from simcost.scenario.inputs.variations import Variation
from simcost.scenario.runs.bills import costs_of
from simcost.scenario.runs.commitment_choice import CommitmentChoice, held_by, on_demand, with_commitments
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.runs.tasks import Key
from simcost.studies.optimizing.settings import Document
from simcost.studies.optimizing.written_plans import written_plan


class PurchaseSearch:
    """Scores of runs under the commitments that suit their plans.

    Args:
        choice: what may be bought.
        searched: simulations of the search.
        plans: the plans by name; with commitments they take the place of those without.
    """

    def __init__(self, choice: CommitmentChoice, searched: Simulations, plans: dict[str, Variation]) -> None:
        self._choice, self._searched, self._plans = choice, searched, plans
        self._settled: set[str] = set()

    def __call__(self, asked: Sequence[Key]) -> Mapping[Key, RunScore]:
        """The scores of runs; of a plan whose last replication is among them, of all its replications."""
        scores = dict(self._searched(asked))
        seeds = self._searched.question.seeds
        for name in dict.fromkeys(name for name, _ in asked):
            keys = [(name, replication) for replication in range(seeds)]
            if all(key in self._searched.results for key in keys):
                self.settle(name)
                scores |= dict(zip(keys, self._searched.all_of(name), strict=True))
            else:
                scores |= {key: self._least(key, scores[key]) for key in scores if key[0] == name}
        return scores

    def settle(self, name: str) -> None:
        """Buy for a plan what costs least; its results are billed again."""
        variation = self._plans[name]
        if name in self._settled or self._choice.least_share(variation.plan) >= 1.0:
            return
        self._settled.add(name)
        held = self._choice.best(variation.plan, self._searched.nodes(name))
        plain = variation.node.plain()
        if not held or not isinstance(plain, dict):
            return
        made = written_plan(self._searched.question.loaded, with_commitments(plain, held))
        if made is not None:
            self._plans[name] = replace(made, plan=replace(made.plan, name=name))
            self._searched.add(self._plans[name].plan)

    def document(self, name: str | None, confirmed: Simulations) -> Document:
        """Number of the commitments that were offered, what the best plan holds of them, and what it costs without."""
        held = [] if name is None else held_by(self._plans[name].plan)
        usd = None
        if name is not None:
            catalog, results = confirmed.question.loaded.catalog, confirmed.results
            nodes = [costs_of(list(map(on_demand, node)), catalog) for node in confirmed.nodes(name)]
            usd = fmean(costs.per_month_usd + _tokens_usd(results[name, i].bill) for i, costs in enumerate(nodes))
        return {"offered": len(self._choice.offers), "bought": held, "on_demand_usd_per_month": usd}

    def _least(self, key: Key, score: RunScore) -> RunScore:
        """The score with the least cost under any commitments."""
        bill = self._searched.results[key].bill
        compute = bill.by_category_usd().get("compute", 0.0) / bill.months
        saved = compute - self._choice.least_compute_usd(self._plans[key[0]].plan, compute)
        return replace(score, usd=score.usd - saved)


def _tokens_usd(bill: Costs) -> float:
    """Payment to an API a month, which no commitment changes."""
    return bill.by_category_usd().get("tokens", 0.0) / bill.months
