"""Plans of a race that cost the same: of those that hold, the one that serves best wins, of equal ones the one whose
weights have most bits.

The race is for the least cost, and stops there. Two plans cost the same where no replication tells them apart by more
than is negligible: the same nodes under another precision, or more replicas on nodes that are paid anyway.
"""

from collections.abc import Sequence
from dataclasses import replace

from simcost.compare.entrants import Entrant, costs_no_less, is_no_stronger
from simcost.compare.racing import Race
from simcost.compare.scores import RunScore, lower_bounds
from simcost.compare.significance import negligible_usd
from simcost.slo import Check, is_to_reach


def same_cost(scores: Sequence[RunScore], others: Sequence[RunScore]) -> bool:
    """True if two plans cost the same in every replication."""
    return all(abs(one.usd - other.usd) <= negligible_usd(other.usd) for one, other in zip(scores, others, strict=True))


def budgets_used(scores: Sequence[RunScore], level: float) -> tuple[float, ...]:
    """Used part of what each target of a plan that holds allows, at its confidence bound, the largest first.

    Of a share of good, the misses over those allowed, (1 - bound) / (1 - target); of something bad, bound / target. A
    plan serves better where its list is smaller: 0 = nothing is missed.
    """
    bare = [replace(score, judged=()) for score in scores]
    return tuple(sorted(map(_used, lower_bounds(bare, level)), reverse=True))


def _used(check: Check) -> float:
    found, allowed = check.measured or 0.0, check.target
    if is_to_reach(check.name):
        found, allowed = 1 - found, 1 - allowed
    return found / allowed if allowed > 0 else 0.0


class EqualCost:
    """Plans that cost as much as the cheapest one that holds.

    Args:
        race: that has ended, but for plans of the same cost.
    """

    def __init__(self, race: Race) -> None:
        self._race = race

    def plans(self, without: str | None = None) -> list[str]:
        """Plans that hold and cost the least, the one that serves best first, of equal ones that with the most bytes of
        weights, then in the order of the race.

        Args:
            without: a plan that is left out, so that those of the next cost are told.
        """
        holding = [name for name in self._race.holding() if name != without]
        if not holding:
            return []
        least = self._scores(holding[0])
        alike = [name for name in holding if same_cost(self._scores(name), least)]
        return sorted(
            alike,
            key=lambda name: (budgets_used(self._scores(name), self._race.level), -self._weights_bytes(name)),
        )

    def untried(self) -> list[str]:
        """Plans not simulated to the end that may cost the same and serve better than the first, those first that are
        known to be at least as strong. None where that one misses nothing, and none that is the first or costs more,
        since it has the same nodes at all times and each further replica takes a node of its own.
        """
        plans = self.plans()
        if not plans or not any(budgets_used(self._scores(plans[0]), self._race.level)):
            return []
        least, first = self._race.usd(self._race.holding()[0]), self._race.entrant(plans[0])
        most = least + negligible_usd(least)
        found = [
            entrant
            for entrant in self._race.unfinished(most)
            if not is_no_stronger(entrant, first) and (entrant.shares_nodes or not costs_no_less(entrant, first))
        ]
        strongest = [one for one in found if not any(_is_weaker(one, other) for other in found)]
        return [one.name for one in sorted(strongest, key=lambda one: not is_no_stronger(first, one))]

    def _weights_bytes(self, name: str) -> float:
        return self._race.entrant(name).weights_bytes

    def _scores(self, name: str) -> list[RunScore]:
        return [score for _, score in sorted(self._race.scores(name).items())]


def _is_weaker(entrant: Entrant, other: Entrant) -> bool:
    return is_no_stronger(entrant, other) and not is_no_stronger(other, entrant)
