"""Counts in thousands and millions are the counts themselves."""

from pathlib import Path

import numpy as np
import pytest

from simcost.trace.series.reader import read_series


@pytest.mark.parametrize(
    ("column", "quantity", "factor"),
    [
        ("requests_k", "requests", 1e3),
        ("requests (thousands)", "requests", 1e3),
        ("tokens in millions", "tokens", 1e6),
        ("Tokens (M)", "tokens", 1e6),
        ("tokens_M", "tokens", 1e6),
        ("thousand requests", "requests", 1e3),
        ("requests [000s]", "requests", 1e3),
        ("gpu_m", "gpu_m", 1.0),
        ("requests", "requests", 1.0),
        ("requests_per_second", "requests_per_second", 1.0),
    ],
)
def test_the_name_of_a_column_may_say_thousands(tmp_path: Path, column: str, quantity: str, factor: float) -> None:
    file = tmp_path / "days.csv"
    rows = "".join(f"2026-01-{day:02},{day}.5\n" for day in range(1, 21))
    file.write_text(f"date,{column}\n{rows}", encoding="utf-8")
    [series], notes = read_series(file, mapping={"value": column})
    assert series.quantity == quantity
    assert series.values == pytest.approx(factor * (np.arange(1, 21) + 0.5))
    assert [note["kind"] for note in notes].count("multiple") == (factor != 1)


def test_so_may_a_unit_of_each_series_and_a_stated_quantity_has_the_last_word(tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    rows = "".join(
        f"{name},2026-01-{day:02},{day},{unit}\n"
        for name, unit in (("a", "thousands"), ("b", "requests"))
        for day in range(1, 11)
    )
    file.write_text(f"series,timestamp,value,unit\n{rows}", encoding="utf-8")
    found, _ = read_series(file)
    assert {one.name: one.values.sum() for one in found} == {"a": 55_000, "b": 55}
    found, _ = read_series(file, quantity="requests")
    assert {one.name: one.values.sum() for one in found} == {"a": 55, "b": 55}


def test_an_hour_that_comes_twice_names_the_time_zone(tmp_path: Path) -> None:
    file = tmp_path / "local.csv"
    hours = [f"2025-10-26 {hour:02}:00:00" for hour in (0, 1, 2, 2, 3, 4, 5, *range(6, 24))] * 1
    file.write_text("timestamp,requests\n" + "".join(f"{time},{i}\n" for i, time in enumerate(hours)), "utf-8")
    with pytest.raises(Exception, match=r"if clocks were set back there, pass --timezone"):
        read_series(file)
    [series], _ = read_series(file, timezone="Europe/Berlin")
    assert len(series) == 25


def test_a_column_of_time_zones_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    file = tmp_path / "zones.csv"
    rows = "".join(f"2026-01-{day:02},{day},America/New_York\n" for day in range(1, 11))
    file.write_text(f"date,requests,timezone\n{rows}", encoding="utf-8")
    _, notes = read_series(file)
    [said] = [note["message"] for note in notes if note["kind"] == "zone_unread"]
    assert said == "column 'timezone' is not read: times without an offset are those of --timezone, UTC here"
    _, notes = read_series(file, by=["timezone"])
    assert "zone_unread" not in [note["kind"] for note in notes]
