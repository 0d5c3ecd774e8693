"""Winner and runner-up of a race that hold on fresh seeds too."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, inf

from simcost.compare.equal_cost import EqualCost
from simcost.compare.racing import Race, run_race
from simcost.compare.scores import Simulate
from simcost.studies.optimizing.settings import Document

TRIES = 5
"""Plans that are tried as the runner-up."""
CLOSE = 0.001
"""Part of the cost of a runner-up that holds by which another plan is to be cheaper to be simulated in its place,
where each takes several runs."""
TIES = 3
"""Plans that are simulated since they may cost as much as the winner and serve better, at most."""
UNCONFIRMED = "meets the SLO in the search, not on fresh seeds"


class ConfirmedRace:
    """A race whose first two are confirmed; one that fails there leaves, and the race goes on.

    Of plans that cost the same, the one that serves best is the winner.

    Args:
        race: the race.
        simulate: makes its runs.
        holds: True if a plan meets the SLO on fresh seeds, at its confidence bound.
    """

    def __init__(self, race: Race, simulate: Simulate, holds: Callable[[str], bool]) -> None:
        self._race, self._simulate, self._confirm = race, simulate, holds
        self._ties = EqualCost(race)
        self._tried: set[str] = set()
        self._proved = set[str]()

    def first_two(self) -> tuple[str | None, str | None]:
        """The winner and the runner-up; None = no plan holds, or no other."""
        best = self._winner()
        second = self._runner_up(best) if best else None
        if second and self._ties.plans()[:1] != [best]:
            best = self._winner()
            others = [*self._ties.plans(without=best), *(name for name in self._race.holding() if name != best)]
            second = next((name for name in others if self._holds(name)), None) if best else None
        return best, second

    def equal_cost(self, best: str | None) -> Document:
        """Other plans that hold in the search at the cost of the winner, and how many were not simulated that may cost
        the same and serve better.
        """
        plans = self._ties.plans()
        found = best in plans
        return {
            "plans": [name for name in plans if name != best] if found else [],
            "not_simulated": len(self._ties.untried()) if found else 0,
        }

    def is_proved(self, name: str) -> bool:
        """True if a plan holds, in the race and on fresh seeds."""
        return name in self._proved

    def prove(self, name: str) -> bool:
        """Simulate a plan to its end, and on fresh seeds; one that does not hold leaves."""
        self._complete(name)
        if self._race.reason(name):
            return False
        if not self._holds(name):
            self._race.drop(name, UNCONFIRMED)
        return self.is_proved(name)

    def _holds(self, name: str) -> bool:
        """True if a plan of the race that holds does so on fresh seeds too."""
        if name not in self._proved and self._confirm(name):
            self._proved.add(name)
        return name in self._proved

    def _winner(self) -> str | None:
        """The cheapest plan that holds on fresh seeds too, of equal ones the one that serves best; None = none does."""
        confirmed: str | None = None
        while True:
            run_race(self._race, self._simulate)
            first = next(iter(self._ties.plans()), None)
            if first is None:
                return None
            if first != confirmed and not self._holds(first):
                self._race.drop(first, UNCONFIRMED)
                continue
            confirmed = first
            if not self._try_tie():
                return first

    def _try_tie(self) -> bool:
        """Simulate a plan that may cost the same and serve better, its most telling replication first; False = none."""
        open_ = self._ties.untried()
        name = next((one for one in open_ if one in self._tried), None)
        if name is None:
            name = next(iter(open_), None) if len(self._tried) < TIES else None
        if name is None:
            return False
        self._tried.add(name)
        self._race.tell(self._simulate(self._race.next_runs(name)))
        return True

    def _runner_up(self, best: str) -> str | None:
        """The next cheapest plan that holds, in the search and on fresh seeds, of equal ones the one that serves best.
        Plans that may be cheaper than one that holds are simulated first, with as many runs as so many plans take.
        """
        race, made, seeds = self._race, 0, len(self._race.scores(best))
        close = CLOSE if seeds > 1 else 0.0
        while made < TRIES * seeds:
            second = next(iter(self._ties.plans(without=best)), None)
            open_ = race.next_best(inf if second is None else (1 - close) * race.usd(second))
            if open_ is not None:
                runs = race.next_runs(open_)
                runs = runs[: ceil(len(runs) / 2)]
                race.tell(self._simulate(runs))
                made += len(runs)
            elif second is None or self._holds(second):
                return second
            else:
                race.drop(second, UNCONFIRMED)
        return next((name for name in race.holding() if name != best and self._holds(name)), None)

    def _complete(self, name: str) -> None:
        """Simulate a plan, its most telling replications first, which may show that it misses."""
        while runs := self._race.next_runs(name):
            self._race.tell(self._simulate(runs))
