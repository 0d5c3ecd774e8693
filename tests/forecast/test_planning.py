"""Demand over weeks to years: levels and growth by what the history can tell, and bands that widen with the horizon."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.events.schema import Growth
from simcost.forecast.forecast import forecast
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.local_level import SHARES, local_level, prior_of, variance_ratio
from simcost.forecast.models.long_horizon import WEEKS_A_MONTH, Planning
from simcost.forecast.project import ProjectionOptions, look_ahead
from simcost.forecast.season import Season
from simcost.rng import stream
from simcost.trace.series.series import Grid, Series
from simcost.units import MEAN_MONTH_S

WEEKS, MONTHS, DAYS, HOURS = Season(52), Season(12), Season(7), Season(24, 168)


def yearly(steps, period, noise=0.02):
    t = np.arange(steps)
    shape = 1 + 0.3 * np.sin(2 * np.pi * t / period)
    return 1000 * shape * np.exp(noise * stream(1, "planning").standard_normal(steps))


def walk(number, growth, steps=104, sd=0.04):
    """Weeks of a service: growth a week, a walk, and noise."""
    rng = stream(number, "walk")
    noise = 0.03 * rng.standard_normal(steps)
    return 1000 * np.exp(growth * np.arange(steps) + np.cumsum(sd * rng.standard_normal(steps)) + noise)


def seen(values, season):
    return CleanedHistory(values=np.asarray(values, float), season=season, floor=True)


def totals(values, season, horizon, count=300):
    return Planning().fit(seen(values, season), horizon).draw(count, stream(2)).sum(axis=1)


@pytest.mark.parametrize("growth", [0.0, 0.007, 0.022], ids=["none", "3 % a month", "10 % a month"])
def test_totals_of_quarters_and_years_are_covered(growth):
    for horizon in (13, 52):
        inside = []
        for number in range(40):
            y = walk(number, growth)
            lo, hi = np.quantile(totals(y[:52], WEEKS, horizon), [0.1, 0.9])
            inside.append(lo <= y[52 : 52 + horizon].sum() <= hi)
        assert 0.65 <= np.mean(inside) <= 0.98


@pytest.mark.parametrize("steps", [5, 20, 52])
def test_bands_widen_with_the_horizon_and_are_never_much_narrower_than_a_random_walk(steps):
    y = walk(3, 0.0, sd=0.08)[:steps]
    paths = np.log(Planning().paths(seen(y, WEEKS), 52, 2000, stream(1)))
    width = np.subtract(*np.quantile(paths, [0.9, 0.1], axis=0))
    assert width[0] > 0
    assert (width[[12, 25, 51]] > 1.15 * width[[0, 12, 25]]).all()
    plain = 2 * 1.2816 * np.diff(np.log(y)).std() * np.sqrt(1 + np.arange(52))
    assert (width > 0.6 * plain).all()


def test_the_variance_ratio_is_1_of_a_walk_and_1_over_the_span_of_noise():
    steps = stream(1, "steps").standard_normal((200, 53))
    walks = np.mean([variance_ratio(np.cumsum(row) + 0.5 * np.arange(53), 4) for row in steps])
    noise = np.mean([variance_ratio(row + 0.5 * np.arange(53), 4) for row in steps])
    assert (walks, noise) == pytest.approx((1, 1 / 4), abs=0.07)


def test_where_the_history_shows_no_walk_bands_are_as_wide_as_its_noise_asks_for():
    inside, widths = [], []
    for number in range(40):
        rest = 0.06 * stream(number, "line").standard_normal(78)
        y = 1000 * np.exp(0.007 * np.arange(78) + rest)
        sums = totals(y[:52], WEEKS, 26)
        lo, hi = np.quantile(sums, [0.1, 0.9])
        inside.append(lo <= y[52:].sum() <= hi)
        widths.append(np.log(hi / lo) / (2 * 1.2816) / (np.diff(np.log(y[:52])).std() * np.sqrt(26 / 3)))
        assert "no random walk" in " ".join(Planning().remarks(seen(y[:52], WEEKS)))
    assert 0.7 <= np.mean(inside) <= 0.97
    assert np.median(widths) < 0.5
    assert Planning().remarks(seen(walk(3, 0.0, sd=0.08)[:52], WEEKS)) == []


@pytest.mark.parametrize("growth", [0.0, 0.03, 0.1])
@pytest.mark.parametrize("horizon", [3, 12])
def test_sums_of_months_are_not_covered_nearly_always_without_a_walk_and_not_rarely_with_one(growth, horizon):
    for name, least, most in (("noise", 0.7, 0.95), ("walk", 0.65, 0.9)):
        inside = []
        for number in range(60):
            rng = stream(number, "months")
            rest = 0.035 * rng.standard_normal(24) if name == "noise" else days_of_a_walk(rng, 0.04)
            y = 1000 * np.exp(growth * np.arange(24) + rest)
            lo, hi = np.quantile(totals(y[:12], MONTHS, horizon), [0.1, 0.9])
            inside.append(lo <= y[12 : 12 + horizon].sum() <= hi)
        assert least <= np.mean(inside) <= most


def days_of_a_walk(rng, weekly):
    """Months of 30 days: means of a walk of so much a week."""
    return np.cumsum(weekly / np.sqrt(7) * rng.standard_normal(720)).reshape(24, 30).mean(axis=1)


@pytest.mark.parametrize("growth", [0.02, 0.0007])
def test_the_error_of_growth_is_counted_once_beside_what_shrinking_took_off(growth):
    y = 1000 * np.exp(growth * np.arange(60) + 0.05 * stream(6, "error").standard_normal(60))
    made, left_out = (Planning(growth=goes_on).fit(seen(y, WEEKS), 13) for goes_on in (True, False))
    state, kept = made.state, made.kept_in_paths
    error = state.rate_variance * state.variance * state.freedom / (state.freedom - 2)
    mean = state.weight @ (kept * state.rate)
    sd = np.sqrt(state.weight @ (error * (1 + kept * (1 - kept)) + (kept * state.rate - mean) ** 2))
    rates = state.draw(40_000, kept, stream(1)).rate
    assert (rates.mean(), rates.std()) == pytest.approx((mean, sd), rel=0.05)
    none = left_out.state.draw(40_000, left_out.kept_in_paths, stream(1)).rate
    assert none.std() == pytest.approx(np.sqrt(state.weight @ error), rel=0.05)


def test_growth_of_a_line_goes_on_in_futures_however_small_that_of_a_walk_does_not():
    """Half a percent a month, more or less, is known of a year on a line; of a year of a walk it is not."""
    time, less = np.arange(52.0), 0.005 / WEEKS_A_MONTH
    for walk, least, most in ((0.0, 0.8, 1.0), (0.06, 0.0, 0.5)):
        moved, kept = [], []
        for number in range(20):
            rng = stream(number, "small")
            rest = np.cumsum(walk * rng.standard_normal(52)) + 0.03 * rng.standard_normal(52)
            one, other = (
                Planning().fit(seen(np.exp(7 + growth * time + rest), WEEKS), 26) for growth in (-less / 2, less / 2)
            )
            ahead = [made.state.draw(400, made.kept_in_paths, stream(1)).rate.mean() for made in (one, other)]
            moved.append((ahead[1] - ahead[0]) / less)
            kept.append(one.state.weight @ one.kept_in_paths)
        assert least <= np.mean(kept) <= most
        if not walk:
            assert np.mean(moved) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("steps", "season"), [(36, MONTHS), (156, WEEKS), (208, WEEKS)])
def test_the_season_of_the_year_is_carried_on(steps, season):
    both = yearly(steps + season.short, season.short)
    expected = 1000 * (1 + 0.3 * np.sin(2 * np.pi * np.arange(steps, steps + season.short) / season.short))
    error = np.abs(Planning().point(seen(both[:steps], season), season.short) / expected - 1)
    assert error.mean() < 0.06


@pytest.mark.parametrize("amplitude", [0.0, 0.15])
@pytest.mark.parametrize("growth", [0.0, 0.03, 0.1])
@pytest.mark.parametrize(("steps", "season"), [(24, MONTHS), (36, MONTHS), (104, WEEKS), (130, WEEKS), (156, WEEKS)])
def test_growth_over_years_is_no_season_of_the_year(steps, season, growth, amplitude):
    """Two years at 10 % a month: the last half-year lies above its mean of a year, and is no high season."""
    horizon, months = season.short // 4, 1.0 if season == MONTHS else WEEKS_A_MONTH
    time = np.arange(steps + horizon)
    logs = np.log1p(growth) * time / months + amplitude * np.sin(2 * np.pi * time / season.short)
    logs += 0.02 * stream(5, "years").standard_normal(len(time))
    made = Planning().fit(seen(1000 * np.exp(logs[:steps]), season), horizon)
    assert made.point.sum() == pytest.approx(np.exp(logs[steps:]).sum() * 1000, rel=0.04)
    assert np.expm1(made.state.growth.rate * months) == pytest.approx(growth, abs=0.006)


def test_a_line_without_noise_is_measured_and_goes_on():
    y = np.exp(0.01 * np.arange(60))
    prior = prior_of(1, weekly_sd=1e-6, steps=3, rate_sd=0.02, line=0, as_weeks=True, learned=12, halved=52)
    state = local_level(np.log(y), prior, least_walk=0)
    assert state.growth.rate == pytest.approx(0.01, rel=1e-3)
    assert state.level(state.growth.rate) == pytest.approx(0.59, abs=1e-3)
    moved = local_level(np.log(y) + 7, prior, least_walk=0)
    assert (moved.growth.rate, moved.level(0.01)) == pytest.approx((state.growth.rate, state.level(0.01) + 7))


def test_the_filter_agrees_with_the_covariances_of_means_of_a_walk():
    """The level at the end, by generalised least squares from all values at once."""
    steps, share = 9, SHARES[8]
    values = stream(8, "means").standard_normal(steps)
    first, second = np.meshgrid(np.arange(steps), np.arange(steps))
    earlier = np.minimum(first, second)
    means = np.where(first == second, earlier + 1 / 3, earlier + 1 / 2)  # of a walk from 0, over each of its steps
    inverse = np.linalg.inv(share * means + (1 - share) * np.eye(steps))
    with_end = share * (np.arange(steps) + 1 / 2)
    ones = np.ones(steps)
    start = ones @ inverse @ values / (ones @ inverse @ ones)
    level = start + with_end @ inverse @ (values - start)
    left = 1 - with_end @ inverse @ ones
    variance = share * steps - with_end @ inverse @ with_end + left**2 / (ones @ inverse @ ones)
    found = local_level(
        values, prior_of(1, weekly_sd=1, steps=3, rate_sd=1, line=0, as_weeks=True, learned=12, halved=52), least_walk=0
    )
    assert (found.filtered[8], found.uncertain[8]) == pytest.approx((level, variance), rel=1e-9)


def test_the_total_of_a_walk_varies_as_its_integral():
    made = Planning(growth=False).fit(seen(np.full(60, 1000.0), WEEKS), 13)
    one = np.where(SHARES == 1, 1.0, 0.0)
    known = replace(
        made.state,
        weight=one,
        filtered=np.full(len(SHARES), np.log(1000)),
        uncertain=0 * one,
        rate=0 * one,
        rate_variance=0 * one,
        variance=np.full(len(SHARES), 1e-8),
        freedom=1e9,
        smallest_walk=0.0,
    )
    means = replace(made, state=known).draw(4000, stream(9)).mean(axis=1) / 1000
    assert means.std() == pytest.approx(np.sqrt(1e-8 * 13 / 3), rel=0.02)


@pytest.mark.parametrize("as_weeks", [True, False])
def test_what_is_usual_of_months_is_usual_of_their_weeks(as_weeks):
    made = prior_of(4, weekly_sd=0.05, steps=1, rate_sd=0.1, line=0.3, as_weeks=as_weeks, learned=12, halved=52)
    walk, noise = made.variance * SHARES / 4, made.variance * (1 - SHARES) * 4
    assert walk + noise == pytest.approx(np.full(len(SHARES), 0.05**2))
    assert made.chance.sum() == pytest.approx(1)
    assert made.chance[0] == pytest.approx(0.3)
    even = np.full(len(SHARES) - 1, 0.7 / (len(SHARES) - 1))
    assert (made.chance[1:] == pytest.approx(even)) == (not as_weeks)
    weekly = prior_of(1, weekly_sd=0.05, steps=3, rate_sd=0.1, line=0.3, as_weeks=as_weeks, learned=12, halved=52)
    assert weekly.chance[1:] == pytest.approx(even)
    assert (made.chance[1:] @ SHARES[1:] > even @ SHARES[1:]) == as_weeks


def test_of_noise_no_growth_is_made():
    flat = Planning().fit(seen(1000 * np.exp(0.1 * stream(5).standard_normal(8)), WEEKS), 52)
    assert abs(flat.growth) < 0.5 * abs(flat.state.growth.rate) + 1e-9
    assert np.abs(np.log(flat.point / flat.point[0])).max() < 0.5


@pytest.mark.parametrize(("season", "steps", "horizon"), [(WEEKS, 52, 26), (DAYS, 365, 182), (MONTHS, 14, 6)])
def test_growth_is_left_out_where_it_is_not_wanted(season, steps, horizon):
    y = np.exp(0.6 * np.arange(steps) / steps) * (1 + 0.01 * stream(4).standard_normal(steps))
    measured, none = (Planning(growth=growth).point(seen(y, season), horizon) for growth in (True, False))
    assert none == pytest.approx(np.full(horizon, none[0]), rel=0.02)
    assert none[0] == pytest.approx(y[-1], rel=0.04)
    assert measured[-1] == pytest.approx(np.exp(0.6 * (steps + horizon - 1) / steps), rel=0.1)


@pytest.mark.parametrize("step_s", [86_400, 604_800, 0], ids=["days", "weeks", "months"])
def test_stated_growth_goes_on_from_the_end_of_the_history_and_not_from_the_middle_of_its_last_unit(step_s):
    """Of what grows 10 % a month and is said to go on so, every step is right: of months half a month was lost."""
    steps = {86_400: 400, 604_800: 60, 0: 24}[step_s]
    months = np.arange(steps + 6) * (step_s or MEAN_MONTH_S) / MEAN_MONTH_S
    y = 1000 * 1.1**months
    [made] = look_ahead([service(y[:steps], step_s)], lambda _: 6, ProjectionOptions(seed=1), events=(GROWTH,))
    assert made.stated.mean == pytest.approx(y[steps:], rel=0.005)
    assert np.median(made.stated.paths, axis=0) == pytest.approx(y[steps:], rel=0.02)


@pytest.mark.parametrize("growth", ["stated", "none"])
def test_levels_are_as_wide_for_a_history_that_grew_where_its_growth_is_left_out(growth):
    """What grew is no error of the level: bands were twice as wide, of growth that was stated beside its own range."""
    rest = np.cumsum(0.01 * stream(3, "wide").standard_normal(365))
    widths = []
    for grown in (0.0, 0.0953):
        y = 1000 * np.exp(grown * np.arange(365) / 30.4 + rest)
        totals_ahead = forecast(service(y, 86_400), 91, growth=growth).paths.sum(axis=1)
        lo, middle, hi = np.quantile(totals_ahead, [0.1, 0.5, 0.9])
        widths.append((hi - lo) / middle)
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_a_quarter_of_hours_has_their_rhythm_and_the_level_of_the_weeks():
    t = np.arange(8 * 168)
    usual = 100 * (1 + 0.5 * np.sin(2 * np.pi * t / 24)) * np.where(t % 168 < 120, 1.1, 0.75)
    y = stream(7).poisson(usual).astype(float)
    made = Planning().fit(seen(y, HOURS), 13 * 168)
    assert np.abs(made.point[:168] / usual[:168] - 1).mean() < 0.1
    paths = made.draw(200, stream(1))
    assert paths.shape == (200, 13 * 168)
    assert paths.mean(axis=0).reshape(13, 168).mean(axis=0) == pytest.approx(usual[:168], rel=0.25)
    last = [np.log(paths[:, first : first + 168].sum(axis=1)).std() for first in (0, 12 * 168)]
    assert last[1] > 1.5 * last[0]


def test_the_point_forecast_of_less_than_two_weeks_of_days_lies_within_its_band():
    week = [110.0, 116, 105, 108, 100, 78, 74]
    for steps in (8, 10, 13, 14, 20):
        made = forecast(service(np.resize(week, steps), 86_400), 91)
        lo, hi = made.levels[80]
        assert (lo < made.mean).all(), steps
        assert (made.mean < hi).all(), steps


@pytest.mark.parametrize("weeks", [1, 2])
def test_the_mean_of_the_futures_of_few_weeks_is_not_that_of_one_of_them(weeks):
    """One of 400 futures of a week of hours had 80 times the total of the others together: the mean, by which bills
    go, was beyond the 80 % level in a year, and 1.6 times the median in half a year.
    """
    hours = np.arange(24 * 7 * weeks)
    values = 1e5 * (1 + 0.4 * np.sin(hours * 2 * np.pi / 24)) * np.random.default_rng(weeks).normal(1, 0.03, len(hours))
    series = Series(name="x", quantity="requests", grid=Grid(start_s=0, step_s=3600), values=values)
    for seed in range(4):
        totals = forecast(series, 26 * 7 * 24, paths=400, seed=seed).paths.sum(axis=1)
        assert totals.mean() < 1.25 * np.median(totals)
        assert totals.max() < 0.05 * totals.sum()


def test_few_steps_have_wide_bands():
    paths = Planning().paths(seen(np.full(3, 100.0), MONTHS), 12, 2000, stream(2))
    lo, hi = np.quantile(paths[:, -1], [0.1, 0.9])
    assert lo < 80
    assert hi > 125


def test_paths_are_reproducible_and_series_without_a_logarithm_have_another_model():
    known = seen(yearly(208, 52, noise=0.1), WEEKS)
    assert np.array_equal(Planning().paths(known, 13, 30, stream(4)), Planning().paths(known, 13, 30, stream(4)))
    below = CleanedHistory(values=np.array([-1.0, 2, 3]), season=WEEKS, floor=False)
    assert "flat in its place" in " ".join(Planning().remarks(below))
    assert Planning().point(below, 2).tolist() == [2, 2]


# As a user asks -------------------------------------------------------------------------------------------------


def service(values, step_s=604_800):
    return Series(
        name="chat", quantity="requests", grid=Grid(start_s=0, step_s=step_s), values=np.asarray(values, float)
    )


GROWTH = Growth(name="growth", factor=1.1)


def test_measured_and_stated_growth_are_never_in_one_number():
    y = walk(1, 0.022)[:52]
    [measured], [none], [stated] = (
        look_ahead([service(y)], lambda _: 13, ProjectionOptions(seed=1, growth=growth), events=events)
        for growth, events in ((None, ()), ("none", ()), (None, (GROWTH,)))
    )
    assert measured.forecast.mean.sum() > 1.1 * none.forecast.mean.sum()
    assert stated.forecast.mean.tolist() == none.forecast.mean.tolist()
    assert measured.forecast.growth.adds.sum() == pytest.approx(measured.forecast.mean.sum() - none.forecast.mean.sum())
    assert [one.forecast.growth.kept > 0 for one in (measured, none, stated)] == [True, False, False]


@pytest.mark.parametrize(
    ("growth", "events", "message"),
    [
        ("measured", (GROWTH,), "'growth' states growth, and --growth measured"),
        ("stated", (), "no event of kind growth"),
    ],
)
def test_growth_that_is_counted_twice_or_not_at_all_is_refused(growth, events, message):
    with pytest.raises(InputError, match=message):
        look_ahead([service(walk(1, 0)[:52])], lambda _: 13, ProjectionOptions(seed=1, growth=growth), events=events)


def test_no_band_of_a_month_has_zero_width():
    y = 1000 * 1.1 ** np.arange(12)
    for model, width in (("planning", True), ("ets", False)):
        asked = ProjectionOptions(seed=1, model=model, paths=100)
        [found] = look_ahead([service(y, 0)], lambda _: 12, asked)
        lo, hi = found.forecast.levels[80]
        limited = any(note["kind"] == "limit" for note in found.forecast.findings)
        assert bool((hi > lo).all()) == (not limited)
        assert not (width and limited)


def test_hours_that_go_on_growing_beside_growth_that_is_stated_are_told():
    """The autoregression went on with 2.4 % a week of 10 % a month, and what was stated came on top without a word."""
    hours = np.arange(42 * 24)
    usual = 1000 * (1 + 0.5 * np.sin(hours / 24 * 2 * np.pi)) * 1.1 ** (hours / 730)
    one = service(stream(8, "hours").poisson(usual), 3600)

    def told(model):
        asked = ProjectionOptions(seed=1, paths=20, model=model)
        [made] = look_ahead([one], lambda _: 168, asked, events=(GROWTH,))
        return [note["message"] for note in made.forecast.findings if note["kind"] == "growth"]

    assert told("profile") == []
    assert "carries on what growth it finds, whatever --growth says" in told("autoregression")[0]


@pytest.mark.slow
def test_growth_of_a_sum_is_not_shared_out_beside_growth_that_is_stated_of_a_part():
    """Top-down, the growth of the total's history came on top of that of the event: 13 % too much in a quarter."""
    parts_of_a_sum = [replace(service(walk(number, 0.022)[:60]), name=name) for number, name in ((1, "x"), (2, "y"))]
    one = replace(GROWTH, series="x")

    def ahead(reconciliation, growth=None, events=(one,)):
        asked = ProjectionOptions(seed=1, paths=40, growth=growth, reconciliation=reconciliation)
        return {
            made.forecast.series.name: made for made in look_ahead(parts_of_a_sum, lambda _: 13, asked, events=events)
        }

    with pytest.raises(InputError, match=r"'growth' states growth of 'x', and top-down shares out .* of 'total'"):
        ahead("top-down")
    assert ahead("top-down", growth="none")["x"].stated.mean.sum() > 0
    of_all = ahead("top-down", events=(GROWTH,))
    assert of_all["x"].stated.mean.sum() > 0
    of_each = (one, replace(GROWTH, name="other", series="y"))
    for growth in (None, "stated"):
        assert ahead("top-down", growth, of_each)["x"].stated.mean == pytest.approx(of_all["x"].stated.mean)
    summed = ahead("bottom-up")
    assert (summed["total"].forecast.growth, summed["x"].forecast.growth.kept) == (None, 0)


@pytest.mark.parametrize(("steps", "horizon", "told"), [(52, 13, True), (52, 52, True), (104, 1, False)])
def test_a_history_too_short_to_tell_the_coverage_of_totals_says_so(steps, horizon, told):
    found = forecast(service(walk(1, 0)[:steps]), horizon, paths=50)
    notes = [note["message"] for note in found.findings if note["kind"] == "coverage"]
    assert [note.startswith("too short to tell how many totals") for note in notes] == [True] * told


def test_the_case_of_a_growing_service_holds_its_next_quarter(shared):
    with (shared / "cases/growth_10_percent_monthly.csv").open(newline="") as file:
        y = np.array([float(row["requests"]) for row in csv.DictReader(file)])
    for values, step_s, horizon in ((y, 86_400, 91), (y[1:].reshape(52, 7).sum(axis=1), 604_800, 13)):
        found = forecast(service(values, step_s), horizon, paths=200)
        lo, hi = np.quantile(found.paths.sum(axis=1), [0.1, 0.9])
        assert lo < 30.9e6 < hi
        assert found.mean.sum() == pytest.approx(30.9e6, rel=0.1)


def test_a_backtest_without_the_growth_of_the_forecast_is_no_warning_of_its_levels():
    """A history that grows 10 % a month lies above every level that leaves growth out; that says nothing of others."""
    y = 1000 * np.exp(0.022 * np.arange(104) + 0.01 * stream(3, "grows").standard_normal(104))
    one = service(y)
    noted = {
        growth: [n["message"] for n in forecast(one, 13, paths=60, growth=growth).findings if n["kind"] == "totals"]
        for growth in ("measured", "stated", "none")
    }
    assert noted["measured"] == []
    assert "of a backtest that leaves out the growth that events state" in noted["stated"][0]
    assert "leaves out the growth of the history, as --growth none says" in noted["none"][0]
    assert not any("width factor" in note for notes in noted.values() for note in notes)
