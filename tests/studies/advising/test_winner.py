"""Winners of a kind of action that fail on fresh seeds: what is left after some is told."""

from collections.abc import Mapping, Sequence
from math import inf

import pytest

from simcost.compare.entrants import Entrant
from simcost.compare.racing import Race
from simcost.compare.scores import RunScore
from simcost.slo import Check
from simcost.studies.advising.result import Saving
from simcost.studies.advising.winner import NOT_BELOW_SIZES, Winner, find_winner

GOOD = (Check.of("attainment", 1.0, 0.9),)


def winner(plans: int, holds: int, limit: float, **words: str) -> Winner:
    """Of plans that cost 1, 2, ... and hold in the search, those from a place on hold on fresh seeds."""
    entrants = [Entrant(name=str(usd), bound_usd=usd, order=(0,)) for usd in range(1, plans + 1)]

    def simulate(asked: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
        return {key: RunScore(usd=float(key[0]), checks=GOOD) for key in asked}

    return find_winner(
        Race(entrants, 0.95),
        simulate,
        limit,
        usd=float,
        confirmed_usd=lambda name: float(name) if int(name) >= holds else None,
        saving=lambda _: Saving(mean=1.0, lo=0.5, hi=1.5),
        **words,
    )


@pytest.mark.parametrize(
    ("plans", "holds", "limit", "found"),
    [
        (20, 3, 15.0, Winner(name="3", outcome="saves $1.00")),
        (20, 4, 15.0, Winner(outcome="the 3 cheapest miss it on fresh seeds", untried=11)),
        (20, 4, inf, Winner(name="4", outcome="saves $1.00")),
        (20, 11, inf, Winner(outcome="the 10 cheapest miss it on fresh seeds", untried=10)),
        (2, 4, 15.0, Winner(outcome="none keeps the SLO on fresh seeds")),
        (3, 4, inf, Winner(outcome="none keeps the SLO on fresh seeds")),
    ],
)
def test_what_is_left_when_winners_fail_on_fresh_seeds(plans: int, holds: int, limit: float, found: Winner) -> None:
    """A plan that misses its SLO was said to be mended by none of 1,464 changes, of which most had not been tried."""
    assert winner(plans, holds, limit) == found


def test_a_kind_that_another_size_beats_is_not_said_to_save_too_little() -> None:
    """Hardware that would save $2,400 a month was said not to save enough, beside a size that saves $2,749."""
    assert winner(3, 1, 0.5).outcome == "none that keeps the SLO saves enough"
    assert winner(3, 1, 0.5, too_little=NOT_BELOW_SIZES).outcome == NOT_BELOW_SIZES
