"""What users state of the future: laws of composition, the draws, windows on local clocks, what cannot be."""

import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.forecast.events.apply import Base, Stated, apply, apply_all, length_scale, masked
from simcost.forecast.events.calendar import public_holidays
from simcost.forecast.events.schema import (
    Churn,
    Event,
    Growth,
    Holiday,
    Launch,
    LengthChange,
    Migration,
    Promotion,
)
from simcost.forecast.events.time import written
from simcost.trace.series.series import Floats, Grid, Series

HOUR = 3600
ALL: tuple[Event, ...] = (
    Migration(name="move", series="a", to="b", share=0.4, range=(0.3, 0.5), start="+2d", ramp=4 * 86400.0),
    Growth(name="organic", factor=1.1, range=(1.0, 1.21)),
    Promotion(name="sale", start="+3d", end="+5d", factor=1.5, range=(1.2, 1.9)),
    Holiday(name="quiet", dates=("+6d",), factor=0.5),
    Launch(name="new", share=0.3, range=(0.2, 0.45), start="+1d", ramp=5 * 86400.0, shape="logistic"),
    Churn(name="gone", series="b", level=0.01, range=(0.005, 0.02), start="+4d", profile="flat"),
)


def seconds(iso: str) -> int:
    return int(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp())


def base(
    name: str = "a",
    *,
    start: str = "2026-03-02",
    days: int = 28,
    ahead: int = 14,
    step_s: int = HOUR,
    quantity: str = "requests",
    count: int = 50,
) -> Base:
    """A daily and weekly rhythm, forecast exactly, with paths of another level each."""
    per_day = max(86400 // step_s, 1)
    step = np.arange((days + ahead) * 86400 // step_s)
    values = 100.0 + 40.0 * np.sin(step * 2 * np.pi / per_day) - 30.0 * (step // per_day % 7 == 6)
    grid = Grid(start_s=seconds(start), step_s=step_s)
    history = Series(name=name, quantity=quantity, grid=grid, values=values[: days * per_day])
    point = values[days * per_day :]
    return Base(history=history, point=point, paths=point * np.linspace(0.8, 1.2, count)[:, None])


def laid(event: Event, zone: str = "UTC", **options: object) -> Stated:
    return apply([event], base(**options), zone=zone, seed=1)  # type: ignore[arg-type]


def test_a_migration_takes_nothing_and_adds_nothing() -> None:
    bases = [base("a"), base("b")]
    stated = apply_all(ALL[:1], bases, zone="UTC", seed=1)
    before = bases[0].paths + bases[1].paths
    assert np.allclose(stated["a"].paths + stated["b"].paths, before, rtol=1e-12)
    assert np.allclose(stated["a"].mean[-24:], 0.6 * bases[0].point[-24:])
    assert (stated["b"].paths[:, -1] > bases[1].paths[:, -1]).all()
    alone = apply([replace(ALL[0], to=None)], bases[0], zone="UTC", seed=1)
    assert np.array_equal(alone.paths, stated["a"].paths)


def test_parts_sum_to_the_whole_change_and_shares_to_1() -> None:
    bases = [base("a"), base("b")]
    for name, stated in apply_all(ALL, bases, zone="UTC", seed=1).items():
        change = stated.mean - bases[0].point
        assert np.allclose(sum(part.effect for part in stated.parts), change, atol=1e-9)
        assert sum(part.variance_share for part in stated.parts) + stated.base_variance_share == pytest.approx(1)
        assert {part.name for part in stated.parts} == {event.name for event in ALL} - (
            {"gone"} if name == "a" else set()
        )
        assert all(part.variance_share > 0 for part in stated.parts if part.name != "quiet")


def test_without_any_uncertainty_the_forecast_has_all_the_variance() -> None:
    one = laid(Growth(name="g", factor=1.2))
    assert (one.base_variance_share, one.parts[0].variance_share) == (1.0, 0.0)
    still = apply([], Base(history=base().history, point=base().point, paths=base().paths[:1]), zone="UTC", seed=1)
    assert still.base_variance_share == 1.0
    no_paths = replace(base(), paths=base().paths[:0])
    assert apply(ALL[1:2], no_paths, zone="UTC", seed=1).paths.shape == (0, 336)


def test_same_seed_same_bytes_and_series_share_their_luck() -> None:
    events = ALL[1:2]
    one, again = (apply_all(events, [base("a"), base("b")], zone="UTC", seed=7) for _ in range(2))
    assert one["a"].paths.tobytes() == again["a"].paths.tobytes()
    assert np.array_equal(one["a"].paths, one["b"].paths)
    assert not np.array_equal(one["a"].paths, apply(events, base(), zone="UTC", seed=8).paths)


@pytest.mark.parametrize("interval", [(1.0, 1.44), (1.15, 1.6)])
def test_growth_has_its_median_and_its_80_percent_interval(interval: tuple[float, float]) -> None:
    event = Growth(name="g", factor=1.2, range=interval)
    one = base(ahead=365, count=4000, step_s=86400)
    stated = apply([event], replace(one, paths=np.broadcast_to(one.point, one.paths.shape)), zone="UTC", seed=1)
    month = 730 // 24  # the step whose middle lies a month ahead
    factors = (stated.paths / one.point)[:, month] ** (730 / (24 * (month + 0.5)))
    inside = (factors >= interval[0]) & (factors <= interval[1])
    assert inside.mean() == pytest.approx(0.8, abs=0.02)
    assert (factors < interval[0]).mean() == pytest.approx(0.1, abs=0.015)
    assert np.median(factors) == pytest.approx(1.2, abs=0.01)
    year = np.log((stated.paths / one.point)[:, -1])
    assert np.std(year) / np.std(np.log(factors)) == pytest.approx(12, rel=0.01)  # linear in time


def test_growth_starts_and_ends() -> None:
    stated = laid(Growth(name="g", factor=2.0, start="+2d", end="+4d"))
    ratio = stated.mean / base().point
    assert (ratio[:48] == 1).all()
    assert np.allclose(ratio[96:], 2 ** (48 / 730))


def test_growth_and_promotions_do_not_touch_a_cohort() -> None:
    launch = Launch(name="new", level=1.0, start="+0d", profile="flat")
    stated = apply([launch, Growth(name="g", factor=3.0)], base(), zone="UTC", seed=1)
    assert [part.kind for part in stated.parts] == ["growth", "launch"]
    assert np.allclose(stated.parts[1].effect, 3600.0)


def test_a_launch_has_its_level_its_ramp_and_the_shape_of_the_day() -> None:
    stated = laid(Launch(name="new", share=0.5, start="+2d", ramp=4 * 86400.0))
    effect, point = stated.parts[0].effect, base().point
    assert (effect[:48] == 0).all()
    assert np.allclose(effect[144:], 0.5 * point[144:])  # the mean is scaled to 1, so the shape is the point's
    assert effect[96] / point[96] == pytest.approx(0.25, abs=0.01)
    flat = laid(Launch(name="new", level=0.01, start="+0d", profile="flat", ramp=86400.0), ahead=7, step_s=86400)
    assert np.allclose(flat.parts[0].effect, [432.0, *[864.0] * 6])  # the mean of the ramp in its step


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("requests", 7200.0), ("requests_per_second", 2.0), ("tokens_per_min", 120.0), ("requests_per_h", 7200.0)],
)
def test_a_level_a_second_is_in_the_unit_of_a_rate(quantity: str, value: float) -> None:
    """A rate of requests per second rose by 3,600 for each request per second, as a count of an hour does."""
    for event, sign in (
        (Launch(name="new", level=2.0, start="+0d", profile="flat"), 1),
        (Churn(name="gone", level=2.0, start="+0d", profile="flat"), -1),
    ):
        one = base(quantity=quantity, ahead=1)
        raised = replace(one, point=one.point + 1e4, paths=one.paths + 1e4)
        [part] = apply([event], raised, zone="UTC", seed=1).parts
        assert part.effect == pytest.approx(np.full(24, sign * value))


def test_a_level_a_second_of_what_does_not_add_up_is_refused() -> None:
    with pytest.raises(InputError, match="its level is so many a second, and a has gpus_busy"):
        laid(Launch(name="new", level=2.0, start="+0d"), quantity="gpus_busy")


def test_what_the_history_has_seen_is_not_counted_again() -> None:
    half = laid(Launch(name="new", level=1.0, start="2026-03-16", ramp=28 * 86400.0, profile="flat"))
    assert half.parts[0].effect[-1] == pytest.approx(0.5 * 3600, rel=0.01)
    move = laid(Migration(name="m", series="a", share=0.8, start="2026-03-16", ramp=28 * 86400.0))
    assert move.mean[-1] / base().point[-1] == pytest.approx(0.2 / 0.6, rel=0.02)  # 40 % had left, 80 % leave
    past = laid(Launch(name="new", level=1.0, start="2026-03-05"))
    assert past.parts == ()
    assert [finding["kind"] for finding in past.findings] == ["outside-horizon"]


def test_churn_leaves_at_least_nothing_and_says_so() -> None:
    stated = laid(Churn(name="gone", share=1.3, start="+7d"))
    assert (stated.mean[168:] == 0).all()
    assert (stated.paths >= 0).all()
    assert [(finding["kind"], finding["event"]) for finding in stated.findings] == [("floored", "gone")]


def test_a_promotion_comes_back_at_the_same_local_time_over_a_clock_change() -> None:
    event = Promotion(name="p", start="2026-03-21T09:00", end="2026-03-21T11:00", factor=2.0, every="week")
    stated = laid(event, "Europe/Berlin", start="2026-02-16")  # the forecast begins 2026-03-16
    hours = np.flatnonzero(stated.parts[0].effect)
    times = [np.datetime64("2026-03-16T00") + hour for hour in hours]
    assert [str(time) for time in times] == [
        "2026-03-21T08",
        "2026-03-21T09",
        "2026-03-28T08",
        "2026-03-28T09",
    ]
    later = laid(event, "Europe/Berlin", start="2026-03-09")  # from 2026-04-06, in summer time
    assert [str(np.datetime64("2026-04-06T00") + hour) for hour in np.flatnonzero(later.parts[0].effect)] == [
        "2026-04-11T07",
        "2026-04-11T08",
        "2026-04-18T07",
        "2026-04-18T08",
    ]


def test_monthly_windows_start_on_the_last_day_of_a_short_month() -> None:
    event = Promotion(name="p", start="2026-01-31", end="2026-02-01", factor=2.0, every="month")
    stated = laid(event, start="2026-02-01", days=21, ahead=40, step_s=86400)
    days = [str(np.datetime64("2026-02-22") + day) for day in np.flatnonzero(stated.parts[0].effect)]
    assert days == ["2026-02-28", "2026-03-31"]


def test_dates_are_days_of_the_zone() -> None:
    """On 2026-03-29 Berlin's day has 23 hours; a step of a day and a level per second know it."""
    one = base(start="2026-03-01", days=28, ahead=3, step_s=86400)
    stated = apply([Launch(name="l", level=1.0, start="+0d", profile="flat")], one, zone="Europe/Berlin", seed=1)
    assert stated.parts[0].effect.tolist() == [82800.0, 86400.0, 86400.0]
    holiday = laid(Holiday(name="h", dates=("2026-03-30",), factor=0.5), "Europe/Berlin")
    assert np.flatnonzero(holiday.parts[0].effect).tolist() == list(range(22))  # from 2026-03-29T22:00 UTC
    assert masked([Holiday(name="h", dates=("2026-03-29",), factor=0.5)], base().history, "Europe/Berlin").sum() == 23


def test_a_holiday_like_sunday_is_a_sunday() -> None:
    stated = laid(Holiday(name="h", dates=("2026-04-01",), like="sunday"))
    wednesday, sunday = slice(48, 72), slice(144, 168)
    assert np.allclose(stated.mean[wednesday], base().point[sunday])
    assert (stated.mean[72:] == base().point[72:]).all()
    unknown = laid(Holiday(name="h", dates=("+2d",), like="sunday"), days=5)
    assert unknown.parts == ()
    assert "cannot tell how a sunday differs in 24 steps" in unknown.findings[0]["message"]


def test_past_windows_are_left_out_of_the_fit() -> None:
    events: list[Event] = [
        Promotion(name="p", start="2026-03-04T06:00", end="2026-03-04T12:00", factor=2.0),
        Promotion(name="other", series="b*", start="2026-03-05", end="2026-03-06", factor=2.0),
        Launch(name="l", level=1.0, start="2026-03-10"),
    ]
    found = masked(events, base().history, "UTC")
    assert np.flatnonzero(found).tolist() == list(range(54, 60))
    stated = apply(events[:1], base(), zone="UTC", seed=1)
    assert "6 steps of the history" in stated.findings[0]["message"]


def test_lengths_multiply_tokens_and_no_requests() -> None:
    event = LengthChange(name="longer", prompt=1.5, output=0.5, start="+1d", ramp=2 * 86400.0)
    assert laid(event).parts == ()
    tokens = laid(event, quantity="prompt_tokens")
    one = base()
    prompt, output = length_scale([event], grid=one.history.grid.after(672), steps=336, zone="UTC", series="a")
    assert np.allclose(tokens.mean, one.point * prompt)
    assert np.allclose(laid(event, quantity="prompt_tokens_per_s").mean, one.point * prompt)
    assert (prompt[0], output[0], prompt[-1], output[-1]) == (1.0, 1.0, 1.5, 0.5)
    assert np.allclose(prompt[48], 1.25 + 0.5 / 96)
    nothing = length_scale([replace(event, series="b")], grid=one.history.grid, steps=3, zone="UTC", series="a")
    assert nothing[0].tolist() == [1.0] * 3


def test_an_event_outside_of_the_horizon_is_told_and_does_nothing() -> None:
    stated = laid(Promotion(name="late", start="2026-06-01", end="2026-06-08", factor=2.0))
    assert stated.parts == ()
    assert np.array_equal(stated.paths, base().paths)
    message = stated.findings[0]["message"]
    assert "'late' (2026-06-01 to 2026-06-08)" in message
    assert "2026-03-30T00:00:00 to 2026-04-13T00:00:00 UTC" in message


@pytest.mark.parametrize("step_s", [0, 7 * 86400, 86400, 900])
def test_every_kind_works_on_every_grid(step_s: int) -> None:
    steps = np.arange(60)
    history = Series(
        name="a",
        quantity="requests",
        grid=Grid(start_s=seconds("2024-01-01"), step_s=step_s),
        values=100.0 + steps % 7,
    )
    one = Base(history=history, point=np.full(24, 100.0), paths=np.full((10, 24), 100.0))
    events = [replace(event, series="a") if event.series else event for event in ALL[1:]]
    stated = apply([*events, replace(ALL[0], to=None)], one, zone="Asia/Kathmandu", seed=1)
    assert np.isfinite(stated.paths).all()
    assert (stated.paths >= 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Promotion(name="x", start="2026-04-02", end="2026-04-02", factor=2.0), "is not after start"),
        (lambda: Promotion(name="x", start="+3d", end="+1d", factor=2.0), "is not after start"),
        (lambda: Growth(name="x", factor=1.5, range=(1.1, 1.2)), "does not hold the factor 1.5"),
        (lambda: Growth(name="x", factor=1.5, range=(2.0, 1.2)), "does not hold the factor 1.5"),
        (lambda: Launch(name="x", start="+0d"), "needs a level"),
        (lambda: Launch(name="x", start="+0d", level=1.0, share=1.0), "not both"),
        (lambda: Launch(name="x", start="soon", level=1.0), "is not a time; write a date"),
        (lambda: Launch(name="x", start="2026-02-30", level=1.0), "is not a time"),
        (lambda: Launch(name="x", start="+40000000000d", level=1.0), "is more than"),
        (lambda: Launch(name="x", start="1890-01-01", level=1.0), "is not between"),
        (lambda: Holiday(name="x", dates=("2026-12-25",)), "a factor or a weekday"),
        (lambda: Holiday(name="x", factor=0.5), "dates or a calendar"),
        (lambda: Holiday(name="x", calendar="germany", factor=0.5), "not a calendar"),
        (
            lambda: Holiday(name="x", dates=("2026-12-25",), like="sunday", range=(1.0, 2.0)),
            "belongs to factor",
        ),
        (lambda: Migration(name="x", series="a", to="a", share=0.5, start="+0d"), "moves between two"),
        (lambda: Migration(name="x", series="a", share=0.5, range=(0.4, 1.2), start="+0d"), "above 1"),
        (lambda: LengthChange(name="x", start="+0d"), "changes nothing"),
    ],
)
def test_an_impossible_event_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Growth(name="x", factor=2.0, series="chst"), "no series 'chst'; did you mean 'chat'"),
        (Launch(name="x", level=1.0, start="+0d"), "its level on each of chat, tokens"),
        (Migration(name="x", series="c*", share=0.5, start="+0d"), "is a pattern"),
        (Migration(name="x", series="chat", to="tokens", share=0.5, start="+0d"), "within one quantity"),
    ],
)
def test_an_event_that_does_not_suit_the_series_is_refused(event: Event, message: str) -> None:
    bases = [base("chat"), base("tokens", quantity="prompt_tokens")]
    with pytest.raises(InputError, match=message):
        apply_all([event], bases, zone="UTC", seed=1)


def test_names_must_differ_and_steps_must_agree() -> None:
    with pytest.raises(InputError, match="2 events have this name"):
        apply([ALL[1], replace(ALL[2], name="organic")], base(), zone="UTC", seed=1)
    with pytest.raises(InputError, match="differ in their steps or ends"):
        apply_all(ALL[:1], [base("a"), base("b", days=21)], zone="UTC", seed=1)


@pytest.mark.parametrize("ahead", [1000, 3650])
def test_growth_beyond_all_numbers_is_refused(ahead: int) -> None:
    """Also where only its squares are: 1000 days at 10^6 a month."""
    one = base(step_s=86400, ahead=ahead)
    with pytest.raises(InputError, match="beyond all numbers"):
        apply([Growth(name="x", factor=1e6)], one, zone="UTC", seed=1)


@given(st.text(max_size=20) | st.datetimes().map(lambda time: time.isoformat()))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        found = written(text)
    except ValueError:
        return
    assert isinstance(found, float | datetime)


def test_luck_does_not_depend_on_other_events() -> None:
    def sale(events: list[Event]) -> Floats:
        return apply(events, base(), zone="UTC", seed=1).paths[:, 80] / base().paths[:, 80]

    assert np.allclose(sale([ALL[2]]), sale([ALL[3], ALL[2]]))


def test_a_calendar_is_the_days_that_it_stands_for() -> None:
    made = base(start="2026-11-20", days=35, ahead=14)  # 25 December to 7 January
    for calendar, dates in (
        ("year-end", [f"2026-12-{day}" for day in range(25, 32)] + ["2027-01-01"]),
        ("month-end", ["2026-12-29", "2026-12-30", "2026-12-31"]),
    ):
        by_calendar = apply([Holiday(name="h", calendar=calendar, factor=0.5)], made, zone="UTC", seed=1)
        by_dates = apply([Holiday(name="h", dates=tuple(dates), factor=0.5)], made, zone="UTC", seed=1)
        assert (by_calendar.paths == by_dates.paths).all()
    ends = masked([Holiday(name="h", calendar="month-end", factor=0.5)], made.history, "UTC").reshape(-1, 24)
    assert np.flatnonzero(ends.all(axis=1)).tolist() == [8, 9, 10]  # 28 to 30 November
    assert ends.sum() == 3 * 24


def test_holidays_of_a_country() -> None:
    pytest.importorskip("holidays", reason="the package holidays is not installed")
    made = base(start="2026-11-20", days=35, ahead=14)
    found = apply([Holiday(name="h", calendar="DE", factor=0.5)], made, zone="UTC", seed=1)
    changed = (found.mean != made.point).reshape(-1, 24).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [0, 1, 7]  # 25 and 26 December, 1 January
    with pytest.raises(InputError, match=r"event 'h': .*XX.*list the dates"):
        apply([Holiday(name="h", calendar="XX", factor=0.5)], made, zone="UTC", seed=1)


def test_a_missing_package_of_holidays_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    public_holidays.cache_clear()
    with pytest.raises(InputError, match=r"event 'h': .*pip install 'simcost\[holidays\]'"):
        apply([Holiday(name="h", calendar="FR", factor=0.5)], base(), zone="UTC", seed=1)


@pytest.mark.parametrize(
    ("factor", "per", "written_as"),
    [(0.08, "month", "1.08"), (8, "month", "1.08"), (0.2, "year", "1.2"), (20, "year", "1.2")],
)
def test_growth_that_seems_a_share_or_per_cent_is_told(factor: float, per: str, written_as: str) -> None:
    """A factor of 0.08 a month leaves 0.08^12 of a year's demand: growth of 8 % is the factor 1.08."""
    event = Growth(name="g", factor=factor, per=per)  # type: ignore[arg-type]
    told = [one for one in laid(event).findings if one["kind"] == "steep"]
    assert len(told) == 1
    assert f"`factor: {written_as}`" in told[0]["message"]


@pytest.mark.parametrize(("factor", "per"), [(1.08, "month"), (0.7, "month"), (1.9, "month"), (4.0, "year")])
def test_growth_of_usual_size_is_not_told(factor: float, per: str) -> None:
    event = Growth(name="g", factor=factor, per=per)  # type: ignore[arg-type]
    assert not [one for one in laid(event).findings if one["kind"] == "steep"]
