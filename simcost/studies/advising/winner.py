"""The cheapest plan of a kind of action that holds on fresh seeds too, and what it is worth."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from simcost.compare.racing import Race, run_race
from simcost.compare.scores import Simulate
from simcost.errors import InputError
from simcost.studies.advising.result import Saving
from simcost.units import format_usd

TRIES, TRIES_TO_MEND = 3, 10
"""Winners of a kind that may fail on fresh seeds; the second where the plan itself misses its SLO."""
NONE_KEEPS, NONE_KEEPS_IT_AGAIN = "none keeps the SLO", "none keeps the SLO on fresh seeds"
TOO_LITTLE = "none that keeps the SLO saves enough"
NOT_BELOW_SIZES = "none that keeps the SLO costs less than another size alone"
NOT_GOOD = "the model is not as good as asked for, or not known to be"
UNCONFIRMED = "meets the SLO in the search, not on fresh seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """Result of the search among the plans of a kind of action."""

    name: str | None = None
    """Of the plan; None = none is worth it."""
    outcome: str
    untried: int = 0
    """Plans that may keep the SLO, left after so many cheaper ones had missed it on fresh seeds."""


def find_winner(
    race: Race,
    simulate: Simulate,
    limit: float,
    *,
    usd: Callable[[str], float],
    confirmed_usd: Callable[[str], float | None],
    saving: Callable[[str], Saving],
    too_little: str = TOO_LITTLE,
) -> Winner:
    """The cheapest plan that holds on fresh seeds too, and what came of the search.

    Args:
        race: of the plans.
        simulate: on the seeds of the search.
        limit: cost (USD a month) that it has to stay below; infinite where it need not save.
        usd: cost a month of a plan, in the search.
        confirmed_usd: on fresh seeds; None where it misses the SLO there.
        saving: of a plan on fresh seeds.
        too_little: outcome where none that holds stays below the limit.
    """
    failed, tries = 0, TRIES if limit < inf else TRIES_TO_MEND
    try:
        while failed < tries:
            run_race(race, simulate)
            leader = race.leader
            if leader is None:
                return Winner(outcome=NONE_KEEPS_IT_AGAIN if failed else NONE_KEEPS)
            if usd(leader) >= limit:
                return Winner(outcome=too_little)
            if (cost := confirmed_usd(leader)) is not None:
                worth, outcome = _worth(saving(leader), cost, limit, too_little)
                return Winner(name=leader if worth else None, outcome=outcome)
            race.drop(leader, UNCONFIRMED)
            failed += 1
    except InputError as error:
        return Winner(outcome=f"cannot be simulated: {error}")
    untried = sum(least < limit for least in race.open_usd().values())
    return Winner(
        outcome=f"the {failed} cheapest miss it on fresh seeds" if untried else NONE_KEEPS_IT_AGAIN, untried=untried
    )


def _worth(saving: Saving, usd: float, limit: float, too_little: str) -> tuple[bool, str]:
    """True if a plan saves enough on fresh seeds, and more than the noise."""
    if usd >= limit:
        return False, too_little
    if limit < inf and saving.lo is not None and saving.lo <= 0 < saving.mean:
        return False, "does not save significantly"
    if not saving.mean:
        return True, "costs the same"
    return True, f"saves {format_usd(saving.mean)}" if saving.mean > 0 else f"costs {format_usd(-saving.mean)} more"
