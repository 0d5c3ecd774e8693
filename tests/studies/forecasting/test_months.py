"""A forecast by months: the sums of one fit by day, path by path."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest

from simcost.cli.main import main
from simcost.errors import InputError
from simcost.forecast.project import ProjectionOptions
from simcost.scenario.storage.sample_paths import read_paths
from simcost.studies.forecasting.forecast_file import read_forecast
from simcost.studies.forecasting.study import SeriesOptions, forecast_file, pictures
from simcost.studies.forecasting.view import parts
from simcost.units import MEAN_MONTH_S


def daily(folder: Path, last: date, column: str = "requests", days: int = 200) -> Path:
    rng = np.random.default_rng(3)
    first = last - timedelta(days - 1)
    values = rng.poisson(1000 + 100 * np.sin(np.arange(days)))
    rows = [f"{first + timedelta(i)},{value}" for i, value in enumerate(values)]
    path = folder / "demand.csv"
    path.write_text("\n".join([f"timestamp,{column}", *rows]), encoding="utf-8")
    return path


def hourly(folder: Path, hours: int = 24 * 75) -> Path:
    rng = np.random.default_rng(3)
    times = np.datetime64("2026-01-05T00", "h") + np.arange(hours)
    path = folder / "demand.csv"
    rows = [f"{time}:00:00Z,{value}" for time, value in zip(times, rng.poisson(50, hours), strict=True)]
    path.write_text("\n".join(["timestamp,requests", *rows]), encoding="utf-8")
    return path


def made(path: Path, freq: str | None, months: float | None = 12, **more: Any) -> tuple[dict[str, Any], np.ndarray]:
    """The document and the paths that are written."""
    paths = path.parent / f"{freq}.parquet"
    reading = SeriesOptions(freq=freq, timezone=more.pop("zone", None))
    horizon_s = None if months is None else months * MEAN_MONTH_S
    asked = ProjectionOptions(seed=1, paths=40, **more.pop("options", {}))
    document, _ = forecast_file(path, asked, horizon_s=horizon_s, reading=reading, paths_out=paths, **more)
    [written] = read_paths(paths)
    return document, written.values


@pytest.mark.parametrize("last", [date(2026, 5, 31), date(2026, 5, 12), date(2026, 1, 31), date(2028, 2, 28)])
@pytest.mark.parametrize("column", ["requests", "requests_per_second", "gpus_busy"])
@pytest.mark.parametrize("months", [1, 3, 12])
def test_months_are_the_sums_of_the_days_of_each_path(tmp_path: Path, last: date, column: str, months: int) -> None:
    path = daily(tmp_path, last, column)
    (days, by_day), (found, by_month) = (made(path, freq, months) for freq in (None, "1mo"))
    [one], [other] = days["series"].values(), found["series"].values()
    assert one["total"] == other["total"]
    assert one["months"] == other["months"]
    dates = [day[:7] for day in one["timestamps"]]
    assert [month["month"] for month in other["months"]] == sorted(set(dates)) == [t[:7] for t in other["timestamps"]]
    for number, month in enumerate(other["months"]):
        inside = by_day[:, [day == month["month"] for day in dates]]
        assert month["steps"] == inside.shape[1]
        summed = {"requests": inside.sum(1), "gpus_busy": inside.mean(1)}.get(column, 86400 * inside.sum(1))
        assert by_month[:, number] == pytest.approx(summed)
        assert month["mean"] == pytest.approx(summed.mean(), rel=1e-5)
    assert (found["freq"], other["step"]) == ("1mo", "1mo")
    assert other["history"] == one["history"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_months_of_hours_are_those_of_their_days(tmp_path: Path, zone: str) -> None:
    path = hourly(tmp_path)
    days, months, hours = (made(path, freq, 3, zone=zone)[0]["series"]["demand"] for freq in ("1d", "1mo", None))
    assert months["total"] == days["total"]
    assert months["months"] == days["months"]
    for entry in (days, hours):
        assert sum(month["mean"] for month in entry["months"]) == pytest.approx(entry["total"]["mean"], rel=1e-4)
        assert sum(month["steps"] for month in entry["months"]) == len(entry["mean"])
    of_days = {month["month"]: 0.0 for month in hours["months"]}
    for day in hours["days"]:
        of_days[day["date"][:7]] += day["mean"]
    assert [month["mean"] for month in hours["months"]] == pytest.approx([*of_days.values()], rel=1e-4)


def test_events_and_their_bill_are_by_month_too(tmp_path: Path) -> None:
    path, events = daily(tmp_path, date(2026, 5, 31)), tmp_path / "events.yaml"
    events.write_text("events: [{kind: launch, name: new, share: 0.5, start: +40d}]")
    days, months = (made(path, freq, events=events, unit_usd=0.5)[0]["series"]["demand"] for freq in (None, "1mo"))
    assert months["bill_usd"] == days["bill_usd"]
    for one, other in zip(days["stated"], months["stated"], strict=True):
        assert other["total"] == pytest.approx(one["total"], rel=1e-5)
        assert len(other["effect"]) == len(months["mean"])


def test_a_horizon_of_months_is_shown_by_months_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = daily(tmp_path, date(2026, 5, 31))
    for more in ([], ["--freq", "1mo"]):
        assert main(["forecast", str(path), "--horizon", "12mo", "--paths", "40", *more]) == 0
        shown = capsys.readouterr().out
        assert "in the next 12 months" in shown.replace("\n", " ")
        assert [f"2026-{month:02}" in shown for month in range(6, 13)] == [True] * 7
        assert "more" not in shown.partition("model ")[2].partition("MASE")[0]
        assert main(["forecast", str(path), "--horizon", "12mo", "--paths", "40", "--json", *more]) == 0
        [entry] = json.loads(capsys.readouterr().out)["series"].values()
        assert len(entry["months"]) == 12
    rows = tmp_path / "rows.csv"
    document, outlooks = forecast_file(
        path,
        ProjectionOptions(seed=1, paths=40),
        horizon_s=12 * MEAN_MONTH_S,
        reading=SeriesOptions(freq="1mo"),
        out=rows,
    )
    assert len(pyarrow.csv.read_csv(rows)) == 12
    [picture] = pictures(document, outlooks)
    assert (picture["step"], len(picture["horizon"])) == ("1mo", 13)
    assert parts(document, [picture])


def test_a_forecast_to_be_scored_keeps_its_days(tmp_path: Path) -> None:
    """A month in part would be scored against the whole of it."""
    path, issued = daily(tmp_path, date(2026, 5, 12)), tmp_path / "issued.parquet"
    made(path, "1mo", 3, out=issued)
    [told] = read_forecast(issued).forecasts
    assert told.grid.name == "1d"


def test_months_without_a_horizon_are_twelve(tmp_path: Path) -> None:
    found, _ = made(daily(tmp_path, date(2026, 5, 31)), "1mo", None)
    assert found["horizon_steps"] == 12


def test_series_of_months_are_forecast_as_they_are_and_weeks_refused(tmp_path: Path) -> None:
    rows = [f"{2023 + i // 12}-{i % 12 + 1:02}-01,{1000 + i}" for i in range(36)]
    path = tmp_path / "demand.csv"
    path.write_text("\n".join(["timestamp,requests", *rows]), encoding="utf-8")
    one, other = (made(path, freq)[0]["series"]["demand"] for freq in (None, "1mo"))
    assert one == other
    assert (one["history"]["step"], len(one["mean"]), one["months"]) == ("1mo", 12, [])
    rows = [f"{date(2025, 1, 6) + timedelta(7 * i)},{1000 + i}" for i in range(60)]
    path.write_text("\n".join(["timestamp,requests", *rows]), encoding="utf-8")
    with pytest.raises(InputError, match="not made of whole steps of 1w"):
        made(path, "1mo")
    path = daily(tmp_path, date(2026, 5, 20), days=18)
    with pytest.raises(InputError, match="cover no whole step of 1mo"):
        made(path, "1mo")
