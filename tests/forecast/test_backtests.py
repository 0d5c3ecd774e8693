"""Rolling origins: where they lie, that they see no future, what they say."""

import numpy as np
import pytest

from simcost.forecast.backtest import backtest, horizon_of, origins
from simcost.forecast.cleaning import History
from simcost.forecast.models.combination import Combination, Picked
from simcost.forecast.models.members import Flat, SeasonalNaive
from simcost.forecast.models.selection import best_of_last_days, default_model, selection
from simcost.forecast.refits import Refits
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

HOURLY = Season(24, 168)


def history(values: Floats, season: Season = HOURLY) -> Refits:
    return Refits(History(raw=values, season=season))


def rhythm(steps: int, noise: float = 0.05) -> Floats:
    t = np.arange(steps)
    spread = np.random.default_rng(1).normal(0, noise, steps)
    return 100 * np.exp(np.sin(2 * np.pi * t / 24) + spread)


def test_origins_lie_a_day_apart_with_enough_before_them() -> None:
    assert origins(700, 48, 24) == [652, 628, 604, 580, 556]
    assert origins(168, 24, 24) == [144, 120, 96]
    assert origins(100, 48, 24) == []


@pytest.mark.parametrize(
    ("steps", "asked", "span"), [(700, 48, 48), (336, 168, 168), (300, 168, 144), (120, 48, 24), (100, 48, 0)]
)
def test_a_horizon_that_history_cannot_test_is_shortened(steps: int, asked: int, span: int) -> None:
    assert horizon_of(steps, asked, 24) == span
    found = backtest(history(rhythm(steps)), Combination(), asked)
    assert (found.horizon if found else 0) == span
    assert (found.shortened is None) == (span == asked) if found else True


def test_the_future_is_not_seen() -> None:
    """What comes after an origin changes what is scored there, not what is forecast."""
    y = rhythm(700)
    changed = y.copy()
    changed[-48:] *= 3
    first, second = (backtest(history(values), Combination(), 48) for values in (y, changed))
    assert first is not None
    assert second is not None
    assert second.scores[0].wape > 5 * first.scores[0].wape
    assert second.scores[0].bias < -0.2
    assert second.level_error > first.level_error


def test_scores_and_coverage_of_a_regular_series() -> None:
    found = backtest(history(rhythm(700)), Combination(), 48)
    assert found is not None
    names = [score.name for score in found.scores]
    assert names[:2] == ["combination", "seasonal-naive"]
    assert len(names) == len(set(names)) == 10
    assert found.beats_seasonal_naive
    assert found.relative_mase == pytest.approx(found.scores[0].mase / found.scores[1].mase)
    assert found.scores[0].pinball < found.scores[1].pinball
    assert [level.level for level in found.coverage] == [80, 95]
    assert found.coverage[0].steps == pytest.approx(0.8, abs=0.15)
    assert {found.coverage[0].totals * 5 % 1, found.coverage[0].peaks * 5 % 1} == {0.0}


def test_steps_of_a_stated_event_do_not_count() -> None:
    y = rhythm(700)
    y[-30:-20] *= 9
    mask = np.zeros(700, bool)
    mask[-30:-20] = True
    known, unknown = (
        backtest(Refits(History(raw=y, season=HOURLY, masked=m)), Combination(), 48) for m in (mask, None)
    )
    assert known.scores[0].wape < 0.1 < unknown.scores[0].wape


def test_repeating_the_last_season_is_not_beaten_by_itself() -> None:
    found = backtest(history(rhythm(300)), SeasonalNaive(), 24)
    assert (found.relative_mase, found.beats_seasonal_naive) == (1.0, False)
    assert found.best != "seasonal-naive"


def test_a_constant_series_has_errors_but_no_ratios() -> None:
    found = backtest(history(np.full(400, 5.0)), Combination(), 24)
    assert (found.relative_mase, found.beats_seasonal_naive, found.best) == (None, None, None)
    assert found.scores[0].wape == pytest.approx(0, abs=1e-9)
    assert found.level_error == pytest.approx(0, abs=1e-9)


def test_selection_takes_a_rival_only_when_it_is_clearly_better() -> None:
    assert best_of_last_days(history(rhythm(300))).model == Combination()
    t = np.arange(190)
    exact = np.where(t < 100, np.random.default_rng(1).gamma(3, 10, 190), np.resize(rhythm(24, 0.5), 190))
    chosen = best_of_last_days(history(exact))
    assert isinstance(chosen.model, Picked)
    assert chosen.model.name.startswith("seasonal-naive")
    assert chosen.errors[chosen.model.name] < 0.9 * chosen.errors["combination"]


def test_selection_looks_at_five_days_of_short_histories_and_at_one_of_long_ones() -> None:
    assert selection(history(rhythm(336)), 24).origins == 1
    assert selection(history(rhythm(335)), 24).origins == 5
    assert selection(history(rhythm(100)), 24).origins == 0


def test_a_week_ahead_is_judged_by_past_weeks() -> None:
    """The last week's level was another: the days say nothing of it, the weeks do."""
    week = np.repeat([1.0, 5, 2, 8, 1, 3, 9], 24)
    exact = np.random.default_rng(1).permutation(np.resize(week, 84)).tolist() + np.resize(week, 420).tolist()
    found = selection(history(np.array(exact)), 168)
    assert found.model.name == "seasonal-naive-week"
    assert found.origins == 3


def test_a_level_rather_than_a_rhythm_is_repeated() -> None:
    """GPUs in use: nearly all, but for some hours; no profile or recursion says more than yesterday does."""
    rng = np.random.default_rng(3)
    used = np.full(800, 8.0)
    used[:416] = rng.integers(0, 3, 416)
    used[[100, 250, 420, 530]] = 0
    used[700:] = 7.0
    found = selection(history(used), 24)
    assert isinstance(found.model, SeasonalNaive)
    assert found.errors[found.model.name] < 0.6 * found.errors["combination"]
    assert found.origins == 5


@pytest.mark.parametrize(("steps", "model"), [(23, Flat()), (24, SeasonalNaive()), (72, Combination())])
def test_what_suits_a_length(steps: int, model: object) -> None:
    assert default_model(history(rhythm(steps)).seen(steps)) == model
