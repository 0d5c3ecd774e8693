"""Predictors judged in dollars: at equal misses, with what each could have known."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.project import ProjectionOptions
from simcost.scenario.checks.load import find_faults
from simcost.studies.forecasting.simulated_value import value_of_scenario
from simcost.studies.forecasting.study import SeriesOptions
from simcost.studies.forecasting.value import PREDICTORS, OrderedFleet, predictions, rates_of, value_file, verdict
from simcost.studies.forecasting.value_view import parts

pytestmark = pytest.mark.slow

FLEET = OrderedFleet(per_replica=0.01, price_usd_per_h=2.0, every_s=86400.0)
READING = SeriesOptions()


def table(path: Path, values: np.ndarray, step_h: int = 1) -> Path:
    times = np.datetime64("2026-01-05T00", "h") + step_h * np.arange(len(values))
    rows = [f"{time}:00Z,{'' if np.isnan(value) else value}" for time, value in zip(times, values, strict=True)]
    path.write_text("\n".join(["timestamp,requests", *rows]) + "\n")
    return path


@pytest.fixture
def rhythm(tmp_path: Path) -> Path:
    """A day that jumps in the morning: what comes is known from yesterday, not from the hour before."""
    rng = np.random.default_rng(1)
    day = np.where((np.arange(24) > 7) & (np.arange(24) < 20), 1000, 100)
    return table(tmp_path / "rhythm.csv", np.round(np.resize(day, 240) * rng.uniform(0.97, 1.03, 240)))


def test_all_miss_as_much_and_perfect_foresight_costs_least(rhythm: Path) -> None:
    found = value_file(rhythm, FLEET, days=3, reading=READING)
    rows = {row["name"]: row for row in found["predictors"]}
    assert list(rows) == list(PREDICTORS)
    assert all(row["missed"] <= FLEET.misses for row in rows.values())
    assert min(rows.values(), key=lambda row: row["usd_per_month"])["name"] == "perfect foresight"
    assert rows["perfect foresight"]["missed_without_headroom"] == 0
    assert rows["seasonal naive"]["usd_per_month"] < 0.5 * rows["last value"]["usd_per_month"]
    assert rows["forecast P50"]["usd_per_month"] < 0.5 * rows["last value"]["usd_per_month"]
    assert "less than following the last value" in found["verdict"]
    assert [row["predictor"] for row in parts(found)[0].rows] == list(rows)


def test_constant_demand_costs_its_replicas(tmp_path: Path) -> None:
    found = value_file(table(tmp_path / "flat.csv", np.full(240, 360.0)), FLEET, days=2, reading=READING)
    for row in found["predictors"]:
        assert row["usd_per_month"] == pytest.approx(10 * 2.0 * 730, rel=0.11)


def test_a_demand_that_one_replica_takes_is_no_question(tmp_path: Path) -> None:
    """Mostly a rate in another unit: 360 an hour are 0.1/s."""
    flat = table(tmp_path / "flat.csv", np.full(240, 360.0))
    found = value_file(flat, replace(FLEET, per_replica=360.0), days=2, reading=READING)
    assert found["verdict"].startswith("one replica takes 360/s, and flat never needs more than 0.1/s (360 an hour)")
    assert value_file(flat, FLEET, days=2, reading=READING)["verdict"].startswith("all predictors cost the same")


def test_an_order_knows_the_steps_that_have_ended_when_it_is_placed(rhythm: Path) -> None:
    """20 minutes before an hour begins, the hour before it has not ended: it is as unknown as an hour before."""

    def missed(lead_s: float) -> list[float]:
        found = value_file(rhythm, replace(FLEET, lead_s=lead_s), days=3, reading=READING)
        return [row["missed_without_headroom"] for row in found["predictors"]]

    assert missed(1200.0) == missed(3600.0)
    assert missed(0.0)[0] < missed(1200.0)[0]


def test_a_season_is_repeated_that_has_ended(rhythm: Path) -> None:
    """Ordered 30 hours before, yesterday is not over yet: the day before it is repeated."""
    history = rates_of(READING.series(rhythm, "UTC")[0][0])
    found = predictions(history, 3, 31, 86400.0, ProjectionOptions(seed=1), lambda _share, _what: None)
    assert found["seasonal naive"].tolist() == history.values[-5 * 24 : -2 * 24].tolist()


def test_forecasts_follow_the_clock_of_the_users(tmp_path: Path) -> None:
    """Two days after the clocks of Berlin changed, a day that jumps at 8 begins an hour earlier in UTC."""
    times = np.datetime64("2026-03-09T00", "h") + np.arange(22 * 24 + 24)
    summer = times >= np.datetime64("2026-03-29T01", "h")
    hours = (times - np.datetime64("1970-01-01T00", "h")).astype(int) + 1 + summer
    values = np.where((hours % 24 > 7) & (hours % 24 < 20), 1000, 100) + np.random.default_rng(1).integers(0, 9, 552)
    rows = [f"{time}:00Z,{value}" for time, value in zip(times, values, strict=True)]
    (tmp_path / "berlin.csv").write_text("\n".join(["timestamp,requests", *rows]) + "\n")
    missed = {}
    for zone in ("UTC", "Europe/Berlin"):
        found = value_file(tmp_path / "berlin.csv", FLEET, days=2, reading=SeriesOptions(timezone=zone))
        missed[zone] = found["predictors"][2]["missed_without_headroom"]
    assert missed["Europe/Berlin"] < 0.01 < missed["UTC"]


def test_the_headroom_of_the_days_before_is_tried_on_the_days_judged(tmp_path: Path) -> None:
    """Demand that gets noisier: what was enough last week no longer is, and that is told."""
    rng = np.random.default_rng(2)
    noise = np.concatenate([rng.uniform(0.97, 1.03, 11 * 24), rng.uniform(0.6, 1.4, 3 * 24)])
    came = np.round(20 * 3600 * noise)
    found = value_file(table(tmp_path / "noisier.csv", came), FLEET, days=3, reading=READING)
    row = found["predictors"][0]
    assert found["earlier_days"] == 3

    def missed(days: slice, late: int, headroom: float) -> float:
        rates = came / 3600
        judged, known = rates[days], rates[days.start - late : days.stop - late]
        replicas = np.ceil(known * headroom / FLEET.per_replica)
        return float(np.maximum(judged - replicas * FLEET.per_replica, 0).sum() / judged.sum())

    before, judged = slice(8 * 24, 11 * 24), slice(11 * 24, 14 * 24)
    headrooms = np.arange(0.9, 2, 0.001)
    least = next(h for h in headrooms if missed(before, 2, h) <= FLEET.misses)
    assert row["earlier_headroom"] == pytest.approx(least, abs=0.002)
    assert row["missed_with_earlier_headroom"] == pytest.approx(missed(judged, 2, row["earlier_headroom"]))
    assert row["missed_with_earlier_headroom"] > 5 * FLEET.misses >= 5 * row["missed"]
    assert "With the headroom of the 3 days before" in found["verdict"]
    assert parts(found)[0].rows[0]["missed ahead"] == f"{100 * row['missed_with_earlier_headroom']:.1f} %"


def test_a_history_without_earlier_days_says_that_headroom_is_of_the_days_judged(rhythm: Path) -> None:
    found = value_file(rhythm, FLEET, days=3, reading=READING)
    assert (found["earlier_days"], found["predictors"][0]["earlier_headroom"]) == (0, None)
    assert [said["kind"] for said in found["findings"]].count("hindsight") == 1
    assert "missed ahead" not in parts(found)[0].rows[0]
    assert "days before" not in found["verdict"]


def bursts(path: Path, days: int) -> Path:
    """An hour of demand a day, at any hour; before it nothing, of which no headroom makes something."""
    rng = np.random.default_rng(3)
    values = np.zeros((days, 24))
    values[np.arange(days), rng.integers(0, 24, days)] = 36000
    return table(path, values.ravel())


def test_predictors_that_miss_more_than_allowed_are_never_the_cheapest(tmp_path: Path) -> None:
    found = value_file(bursts(tmp_path / "bursts.csv", 14), FLEET, days=4, reading=READING)
    rows = {row["name"]: row for row in found["predictors"]}
    assert {row["name"] for row in rows.values() if row["met"]} == {"perfect foresight"}
    assert all(row["met"] == (row["missed"] <= FLEET.misses) for row in rows.values())
    assert found["verdict"].startswith("every predictor misses more than allowed over 4 days at 1.0 % missed")
    assert "cheapest" not in found["verdict"]
    assert "Whatever the headroom, more is missed by: last value, seasonal naive" in parts(found)[0].said[-1]
    assert "With no headroom that was tried" not in str(parts(found)[0].said)


def test_the_cheapest_is_of_those_that_meet_what_is_allowed() -> None:
    def row(name: str, usd: float, *, met: bool) -> dict[str, Any]:
        return {"name": name, "usd_per_month": usd, "met": met, "missed": 0.0 if met else 0.8, "above_perfect_usd": 9.0}

    rows = [row("last value", 10.0, met=False), row("forecast P50", 30.0, met=True), row("perfect", 21.0, met=True)]
    assert verdict(rows, 0.01, 3, 0).startswith("forecast P50 is the cheapest predictor")
    assert "following the last value misses 80.0 %" in verdict(rows, 0.01, 3, 0)
    assert "less than following" not in verdict(rows, 0.01, 3, 0)
    assert verdict(rows, 0.01, 3, 0).endswith("perfect foresight would save $9.00 more")
    rows[1] |= {"usd_per_month": 20.0, "above_perfect_usd": -1.0}  # whole replicas: fewer where it misses more
    assert verdict(rows, 0.01, 3, 0).endswith("perfect foresight would save nothing more")
    same = [one | {"usd_per_month": 20.0, "met": True, "above_perfect_usd": 0.0} for one in rows]
    assert verdict(same, 0.01, 3, 0).startswith(
        "all predictors cost the same over 3 days at 1.0 % missed, $20.00 a month"
    )


@pytest.mark.parametrize(
    ("values", "step_h", "days", "message"),
    [
        (np.ones(9), 24, None, "steps of 1d; replicas are ordered within a day"),
        (np.ones(240), 1, 4, "10 days of history; 7 are needed before the first day judged: at most 3"),
        (np.where(np.arange(240) == 9, np.nan, 1), 1, None, "has missing values"),
    ],
)
def test_what_no_fleet_can_be_judged_on_is_refused(
    tmp_path: Path, values: np.ndarray, step_h: int, days: int | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        value_file(table(tmp_path / "x.csv", values, step_h), FLEET, days=days, reading=READING)


SCENARIO = """\
scenario: worth
model: llama-3.2-1b
demand:
  history: rhythm.csv
  forecast: {horizon: 1d}
  scale: 10
  requests: {gaps: poisson, lengths: {prompt_median: 1000, prompt_sigma: 0.1, output_median: 300, output_sigma: 0.1}}
slo: {ttft: 2s, attainment: 95%}
plans:
  - name: fixed
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 3}
  - name: ordered
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    batching: {max_num_seqs: 8}
    scaling: {kind: forecast, per_replica: 1.0, min: 1, max: 20}
"""


FOLLOWING = "{kind: forecast, per_replica: 3, max: 10}"


def test_the_remedy_for_a_scenario_without_a_forecast_is_one(rhythm: Path) -> None:
    """It said `per_replica: 3/s`, which a scenario refuses."""
    file = rhythm.with_name("worth.yaml")
    file.write_text(SCENARIO.replace("{kind: fixed, replicas: 3}", FOLLOWING))
    assert find_faults(file) == []


def test_a_scenario_is_simulated_with_each_predictor(rhythm: Path) -> None:
    file = rhythm.with_name("worth.yaml")
    file.write_text(SCENARIO)
    found = value_of_scenario(file, days=1, every_s=86400.0)
    rows = {row["name"]: row for row in found["predictors"]}
    assert (list(rows), found["plan"]) == (list(PREDICTORS), "ordered")
    assert found["misses_allowed"] == pytest.approx(0.05)
    assert all(row["met"] and row["missed"] <= 0.05 for row in rows.values())
    assert rows["seasonal naive"]["usd_per_month"] < 0.8 * rows["last value"]["usd_per_month"]
    assert rows["forecast P50"]["usd_per_month"] < 0.8 * rows["last value"]["usd_per_month"]
    assert rows["perfect foresight"]["usd_per_month"] <= 1.05 * min(row["usd_per_month"] for row in rows.values())
    assert found["earlier_days"] == 1
    assert all(0.25 <= row["earlier_headroom"] <= 8 for row in rows.values())
    assert 0 <= rows["seasonal naive"]["missed_with_earlier_headroom"] <= 0.2
    assert "Each run simulates" in str(parts(found)[0].said)


@pytest.mark.parametrize(
    ("change", "plan", "message"),
    [
        (
            ("kind: forecast, per_replica: 1.0, min: 1, max: 20", "kind: fixed, replicas: 1"),
            None,
            re.escape("no plan with a scaling of kind forecast; give one, as scaling: " + FOLLOWING),
        ),
        (("", ""), "fixed", "no plan 'fixed' with a scaling of kind forecast"),
    ],
)
def test_a_scenario_without_a_plan_that_follows_a_forecast_is_refused(
    rhythm: Path, change: tuple[str, str], plan: str | None, message: str
) -> None:
    file = rhythm.with_name("worth.yaml")
    file.write_text(SCENARIO.replace(*change))
    with pytest.raises(InputError, match=message):
        value_of_scenario(file, plan=plan)


def test_the_seed_is_that_of_the_scenario_unless_another_is_given(rhythm: Path) -> None:
    file = rhythm.with_name("worth.yaml")
    file.write_text("seed: 7\n" + SCENARIO)
    assert value_of_scenario(file, days=1, every_s=86400.0)["provenance"]["seed"] == 7


def test_a_lead_longer_than_the_history_is_refused(rhythm: Path) -> None:
    with pytest.raises(InputError, match="10 days of history; 37 are needed before the first day judged"):
        value_file(rhythm, replace(FLEET, lead_s=30 * 86400.0), days=3, reading=READING)
