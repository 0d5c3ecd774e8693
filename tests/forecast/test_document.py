"""The document of a forecast: JSON without NaN, short numbers, sums that mean something."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.outlooks import ODD, demand, made, renamed, stated

from simcost.forecast.document import POINTS, forecast_document, iso, picture, series_document
from simcost.forecast.forecast import forecast
from simcost.forecast.sample_paths import rounded
from simcost.trace.series.series import Grid


def test_the_document_is_json_with_the_keys_that_others_read() -> None:
    found = forecast_document([(made(), None), (made(ODD), stated(ODD))], file="demand.csv", seed=1)
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again == found
    assert {"file", "seed", "freq", "timezone", "horizon_steps", "levels", "paths", "series"} == set(found)
    assert (found["freq"], found["horizon_steps"], found["levels"], found["paths"]) == (
        "1h",
        48,
        [80, 95],
        60,
    )
    one = found["series"]["chat"]
    assert set(one) >= {"timestamps", "mean", "levels", "model", "backtest", "findings", "total", "peak"}
    assert set(one["levels"]) == {"80", "95"}
    assert len(one["timestamps"]) == len(one["mean"]) == len(one["levels"]["95"]["hi"]) == 48
    assert one["timestamps"][0] == one["history"]["end"] == "2024-03-25T00:00:00Z"


def test_history_tells_missing_from_idle_and_every_edit_has_its_time() -> None:
    found = series_document(made())
    assert {key: found["history"][key] for key in ("step", "steps", "missing", "zeros")} == {
        "step": "1h",
        "steps": 504,
        "missing": 2,
        "zeros": 4,
    }
    outage = next(edit for edit in found["cleaning"] if edit["from"] == "2024-03-20T20:00:00Z")
    assert outage["to"] == "2024-03-21T00:00:00Z"
    assert outage["rule"] == "outage"


def test_totals_peaks_and_days_are_taken_over_whole_paths() -> None:
    one = made()
    found = series_document(one, timezone="Asia/Kolkata")
    total, peak = one.paths.sum(axis=1), one.paths.max(axis=1)
    assert found["total"]["levels"]["80"]["hi"] == found["total"]["p90"]
    assert found["total"]["levels"]["95"]["lo"] == pytest.approx(np.quantile(total, 0.025), rel=1e-5)
    assert found["total"]["p90"] == pytest.approx(np.quantile(total, 0.9), rel=1e-5)
    assert found["peak"]["p10"] == pytest.approx(np.quantile(peak, 0.1), rel=1e-5)
    assert [day["steps"] for day in found["days"]] == [19, 24, 5]  # 00:00 UTC is 05:30 there
    assert [day["date"] for day in found["days"]] == ["2024-03-25", "2024-03-26", "2024-03-27"]
    assert sum(day["mean"] for day in found["days"]) == pytest.approx(found["total"]["mean"], rel=1e-5)


def test_days_follow_the_clock_when_it_changes() -> None:
    one = made("chat", 24 * 8)
    days = series_document(one, timezone="Europe/Berlin")["days"]
    assert {day["date"]: day["steps"] for day in days}["2024-03-31"] == 23


@pytest.mark.parametrize(
    ("quantity", "counts", "average", "factor"),
    [
        ("requests_per_second", "requests", False, 3600),
        ("jobs_per_hour", "jobs", False, 1),
        ("gpu_utilisation", "gpu_utilisation", True, 1 / 48),
        ("tokens", "tokens", False, 1),
    ],
)
def test_rates_add_up_to_what_they_count_or_are_averaged(
    quantity: str, counts: str, average: bool, factor: float
) -> None:
    one = renamed(made(), quantity)
    total = series_document(one)["total"]
    assert (total["quantity"], total["average"]) == (counts, average)
    assert total["mean"] == pytest.approx(one.paths.sum(axis=1).mean() * factor, rel=1e-5)


def test_stated_parts_and_the_forecast_itself_make_up_the_mean_and_the_variance() -> None:
    found = series_document(made(), stated())
    parts = found["stated"]
    assert [part["kind"] for part in parts] == ["base", "promotion", "launch"]
    assert np.sum([part["effect"] for part in parts], axis=0) == pytest.approx(found["mean"], rel=1e-4)
    assert sum(part["variance_share"] for part in parts) == pytest.approx(1, abs=1e-3)
    assert series_document(made())["stated"] == []


def test_a_parent_without_shares_and_a_forecast_without_paths_still_tell() -> None:
    known = stated()
    parts = tuple(replace(part, variance_share=None) for part in known.parts)  # type: ignore[arg-type]
    found = series_document(made(), replace(known, parts=parts, base_variance_share=None))  # type: ignore[arg-type]
    assert {part["variance_share"] for part in found["stated"]} == {None}
    point = series_document(forecast(demand(), 24, paths=0))
    assert point["levels"] == {}
    assert point["total"]["p10"] is None
    assert point["total"]["mean"] == pytest.approx(sum(point["mean"]), rel=1e-5)


def test_months_are_dates() -> None:
    assert iso(Grid(start_s=1_704_067_200, step_s=0).times(3)) == [
        "2024-01-01T00:00:00Z",
        "2024-02-01T00:00:00Z",
        "2024-03-01T00:00:00Z",
    ]


@given(st.lists(st.floats(-1e15, 1e15).filter(lambda value: value == 0 or abs(value) > 1e-12), max_size=20))
def test_numbers_have_six_digits(values: list[float]) -> None:
    short = rounded(np.array(values, float))
    assert short == pytest.approx(values, rel=6e-6)
    assert all(len(f"{value:e}".split("e")[0].rstrip("0").strip("-.")) <= 7 for value in short)


def test_a_picture_is_json_and_small_however_long_the_horizon() -> None:
    long = forecast(demand(steps=24 * 60), 24 * 70, paths=20)
    found = picture(long, timezone="Europe/Berlin")
    json.dumps(found, allow_nan=False)
    assert found["merged"] == 2
    assert len(found["history"]) + len(found["horizon"]) <= POINTS + 1
    assert [row["mean"] for row in found["horizon"][:2]] == pytest.approx(
        [long.mean[:2].mean(), long.mean[2:4].mean()], rel=1e-5
    )


def test_a_picture_marks_what_cleaning_took_for_wrong_and_breaks_where_nothing_was_recorded() -> None:
    found: dict[str, Any] = picture(forecast(demand(), 24 * 14, paths=20))
    by_time = {row["t"]: row for row in found["history"]}
    assert sorted(row["recorded"] for row in found["changed"])[:4] == [0, 0, 0, 0]
    assert all(by_time[row["t"]]["cleaned"] is not None for row in found["changed"])
    assert sum(row["recorded"] is None for row in found["history"]) == 2


def test_a_picture_shows_the_wall_clock_and_when_a_part_acts() -> None:
    here, there = (picture(made(), stated(), timezone=zone) for zone in ("UTC", "Asia/Kolkata"))
    assert there["start"] - here["start"] == 5.5 * 3600 * 1000
    [launch] = [part for part in here["parts"] if part["kind"] == "launch"]
    assert launch["spans"] == [[here["start"] + 12 * 3600_000, here["until"]]]
    assert {"base", "part0", "part1"} <= set(here["horizon"][0])
