"""Winner and runner-up of a race that hold on fresh seeds too."""

from __future__ import annotations

from collections.abc import Callable

from simcost.compare.racing import Race, Simulate, run_race

TRIES = 5
"""Plans that are tried as the runner-up."""
UNCONFIRMED = "meets the SLO in the search, not on fresh seeds"


class ConfirmedRace:
    """A race whose first two are confirmed; one that fails there leaves, and the race goes on.

    Args:
        race: the race.
        simulate: makes its runs.
        holds: True if a plan meets the SLO on fresh seeds, at its confidence bound.
    """

    def __init__(self, race: Race, simulate: Simulate, holds: Callable[[str], bool]) -> None:
        self._race, self._simulate, self._holds = race, simulate, holds

    def first_two(self) -> tuple[str | None, str | None]:
        """The winner and the runner-up; None = no plan holds, or no other."""
        best = self._winner()
        second = self._runner_up(best) if best else None
        if second and self._race.leader != best:
            best = self._winner()
            second = next((name for name in self._race.holding()[1:] if self._holds(name)), None) if best else None
        return best, second

    def _winner(self) -> str | None:
        """The leader of the race that holds on fresh seeds too; None = none does."""
        run_race(self._race, self._simulate)
        while (leader := self._race.leader) is not None and not self._holds(leader):
            self._race.drop(leader, UNCONFIRMED)
            run_race(self._race, self._simulate)
        return leader

    def _runner_up(self, best: str) -> str | None:
        """The next cheapest plan that holds, in the search and on fresh seeds. Plans that may be cheaper than one that
        holds are simulated first, so many of them.
        """
        race = self._race
        for _ in range(TRIES):
            second, open_ = next((name for name in race.holding() if name != best), None), race.next_best()
            if open_ is not None and (second is None or race.usd(open_) < race.usd(second)):
                self._complete(open_)
            elif second is None or self._holds(second):
                return second
            else:
                race.drop(second, UNCONFIRMED)
        return next((name for name in race.holding() if name != best and self._holds(name)), None)

    def _complete(self, name: str) -> None:
        """Simulate a plan, its most telling replication first, which may show that it misses."""
        missing = self._race.missing(name)
        if not self._race.scores(name):
            self._race.tell(self._simulate(missing[:1]))
            missing = [] if self._race.reason(name) else missing[1:]
        if missing:
            self._race.tell(self._simulate(missing))
