"""Plans of the front of a race: those with all their results, and further ones that are simulated for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from simcost.billing import OnDemand, Spot
from simcost.compare.racing import Race
from simcost.compare.scores import holds
from simcost.errors import CatalogError
from simcost.scenario.inputs.variations import Variation
from simcost.scenario.runs.candidates import Candidates
from simcost.scenario.runs.simulations import Simulations
from simcost.studies.optimizing.confirmed import UNCONFIRMED
from simcost.studies.optimizing.front_plans import front_plan
from simcost.studies.optimizing.frontier import Frontier
from simcost.studies.optimizing.purchases import PlanPurchases
from simcost.studies.optimizing.settings import OBJECTIVES, SearchSettings

FREE = 50
"""Plans on the front that need no simulation of their own, at most."""


class FrontOfRace:
    """The front of a race that has ended.

    Args:
        race: the race.
        searched: its simulations.
        purchases: makes them, each plan bought as costs least.
        plans: all plans by name.
        settings: objectives, and how many plans are simulated for the front alone.
    """

    def __init__(
        self,
        race: Race,
        searched: Simulations,
        purchases: PlanPurchases,
        plans: Mapping[str, Variation],
        settings: SearchSettings,
    ) -> None:
        self._race, self._searched, self._purchases = race, searched, purchases
        self._plans, self._settings = plans, settings

    def frontier(self, candidates: Candidates, mixed: Mapping[str, bool]) -> Frontier:
        """The front of all plans with all their results.

        Args:
            candidates: the plans of the space.
            mixed: fleets of several kinds of replicas, and if they hold, in the search and on fresh seeds.
        """
        tried = [name for name in mixed if not self._searched.missing([name])]
        names = [name for name in self._race.simulated() if len(self._race.scores(name)) == self._searched.seeds]
        names += self._more(candidates, names)
        level, qualities = self._searched.level, self._searched.qualities([*names, *tried])
        plans = [
            front_plan(
                self._searched.summary(name),
                qualities.get(name),
                level,
                met=holds(self._searched.all_of(name), level),
                unconfirmed=not mixed[name] if name in mixed else self._race.reason(name) == UNCONFIRMED,
            )
            for name in [*names, *tried]
        ]
        return Frontier(plans, level, self._settings.objectives)

    def _more(self, candidates: Candidates, names: Sequence[str]) -> list[str]:
        """Further plans for the front, the least possible cost first: those with less carbon that are simulated already
        but for their purchase, and so many more.
        """
        known, cleanest = set(names), dict[str, float]()
        for variation in (self._plans[name] for name in names):
            key = variation.without("buy")
            cleanest[key] = min(cleanest.get(key, inf), self._grams(variation))
        free, more = list[str](), list[str]()
        for candidate in sorted(candidates.found, key=lambda candidate: candidate.entrant.bound_usd):
            name, key = candidate.name, candidate.variation.without("buy")
            if name in known:
                continue
            if key in cleanest and self._searched.is_stored(name):
                if self._grams(candidate.variation) < cleanest[key] < inf and len(free) < FREE:
                    free.append(name)
                    cleanest[key] = self._grams(candidate.variation)
            elif len(more) < self._settings.front and self._is_open(name):
                more.append(name)
                self._purchases(self._searched.missing([name]))
                cleanest[key] = min(cleanest.get(key, inf), self._grams(candidate.variation))
        more += missed_plans(self._race, self._settings.front - len(more))
        for name in (*free, *more):
            self._purchases(self._searched.missing([name]))
        return [*free, *more]

    def _is_open(self, name: str) -> bool:
        """True if a plan may hold; the race left it without all its results, since it costs more."""
        return not self._race.reason(name)

    def _grams(self, variation: Variation) -> float:
        """Carbon of a kWh of the machines of a plan, in g CO2e; infinite where it is not known or no objective."""
        buy, catalog = variation.plan.buy, self._searched.question.loaded.catalog
        if not isinstance(buy, OnDemand | Spot) or "carbon" not in (self._settings.objectives or OBJECTIVES):
            return inf
        try:
            offer = catalog.offer(buy.offer, buy.region)
            return catalog.pue(offer.provider).pue * catalog.grid(offer.provider, offer.region).g_per_kwh
        except CatalogError:
            return inf


def missed_plans(race: Race, most: int) -> list[str]:
    """Plans of a race that no plan has won, which left it with some of their replications: so many at most, those with
    the least possible cost first, to be simulated for the front alone.
    """
    if race.holding():
        return []
    left = filter(race.reason, race.simulated())
    found = [name for name in left if len(race.scores(name)) < len(race.entrant(name).order)]
    return sorted(found, key=lambda name: race.entrant(name).bound_usd)[: max(most, 0)]
