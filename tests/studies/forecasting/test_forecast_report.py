"""What a forecast looks like: in the terminal, as charts, as a page."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.outlooks import ODD, demand, made, renamed, stated
from support.shown import on_terminal

from simcost.forecast.document import forecast_document, picture
from simcost.forecast.forecast import forecast
from simcost.forecast.project import Projection
from simcost.present import forecast_charts, forecast_wording
from simcost.present.chart_style import ROWS, to_spec, to_svg
from simcost.present.format import amount, printable
from simcost.present.parts import page, write_page
from simcost.present.terminal import WIDTH
from simcost.studies.forecasting import view
from simcost.studies.forecasting.study import pictures

text = on_terminal(view.parts)


def document(*outlooks: Projection, **more: Any) -> dict[str, Any]:
    told = [(outlook.forecast, outlook.stated) for outlook in outlooks]
    found = forecast_document(told, file="demand.csv", seed=1, **more)
    return {"verdict": forecast_wording.headline(found), **found}


PLAIN = Projection(forecast=made(), stated=None)
STATED = Projection(forecast=made(ODD), stated=stated(ODD))


@cache
def many(count: int) -> list[Projection]:
    return [Projection(forecast=made(f"tenant-{i}/" + "model" * (i % 12)), stated=None) for i in range(count)]


def test_no_line_is_wider_than_the_terminal_and_no_name_steers_it() -> None:
    for outlooks in ([PLAIN], [STATED], [PLAIN, STATED], many(9)):
        lines = text(document(*outlooks, timezone="Asia/Kolkata")).splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert all(line.isprintable() for line in lines)


def test_the_first_line_is_the_verdict() -> None:
    found = document(PLAIN)
    total = found["series"]["chat"]["total"]
    first = " ".join(text(found).split("\n\n")[0].split())
    assert first == forecast_wording.verdict("chat", found["series"]["chat"])
    assert first.startswith(f"chat: {amount(total['mean'])} requests in the next 2 days, 80 % between")
    assert "; peak hour " in first


def test_the_text_tells_days_backtest_coverage_cleaning_and_findings() -> None:
    told = text(document(PLAIN))
    for part in (
        "2024-03-26",
        "P90",
        "MASE",
        "seasonal-naive",
        "of totals",
        "Cleaning\n- ",
    ):
        assert part in told, part
    assert "launch" in text(document(STATED))


def test_many_edits_of_one_kind_are_one_sentence() -> None:
    """A month of hours with a gap now and then filled ten screens."""
    entry = document(PLAIN)["series"]["chat"]
    hours = [f"2024-03-{day:02}T0{hour}:00:00Z" for day in range(1, 8) for hour in (4, 5)]
    filled = [
        {"rule": "missing", "from": start, "to": end, "message": "1 step missing: filled with the median"}
        for start, end in zip(hours[::2], hours[1::2], strict=True)
    ]
    few, many = (forecast_wording.cleaning(entry | {"cleaning": edits}) for edits in (filled[:3], filled))
    assert few[0] == "2024-03-01 04:00 UTC to 2024-03-01 05:00 UTC: 1 step missing: filled with the median"
    assert len(few) == 3
    assert many == ["2024-03-01 04:00 UTC to 2024-03-07 05:00 UTC, in 7 places steps missing: filled with the median"]


def test_many_series_are_one_table() -> None:
    told = text(document(*many(9)))
    assert sum(line.startswith("tenant-") for line in told.splitlines()) == 9
    assert "--json" in told
    assert "MASE" not in told


def test_a_rate_is_averaged_in_words_and_a_mere_value_has_no_name() -> None:
    busy = Projection(forecast=renamed(made(), "gpu_utilisation"), stated=None)
    assert " gpu utilisation on average over the next 2 days" in text(document(busy)).replace("\n  ", " ")
    bare = document(Projection(forecast=renamed(made(), "value"), stated=None))["series"]["chat"]
    assert re.match(r"chat: [\d.,]+ in the next 2 days, ", forecast_wording.verdict("chat", bare))


def test_a_point_forecast_claims_no_level() -> None:
    point = document(Projection(forecast=forecast(demand(), 24, paths=0), stated=None))
    assert "80 %" not in text(point).split("\n\n")[0]


def test_a_short_history_has_no_backtest_to_show() -> None:
    short = forecast(demand(steps=30), 24, paths=20)
    told = text(document(Projection(forecast=short, stated=None)))
    assert "MASE" not in told
    assert "too little history" in told


def datasets(chart: Any) -> list[list[dict[str, Any]]]:
    return list(to_spec(chart)["datasets"].values())


def test_the_fan_has_its_title_levels_marks_and_parts() -> None:
    shown = picture(made(ODD), stated(ODD))
    spec = to_spec(forecast_charts.fan(shown))
    assert spec["title"]["text"].endswith(": requests per hour")
    drawn = json.dumps(spec)
    for kind in ("80 % level", "95 % level", forecast_charts.BASE, forecast_charts.CLEANED, forecast_charts.PATH):
        assert kind in drawn
    svg = to_svg(forecast_charts.fan(shown))
    assert "NaN" not in svg
    assert "undefined" not in svg
    assert "sale: +" in svg


def test_what_is_not_there_is_not_in_the_legend() -> None:
    calm = forecast(demand(steps=24 * 10), 24, paths=0)
    drawn = json.dumps(to_spec(forecast_charts.fan(picture(calm))))
    for kind in ("% level", forecast_charts.BASE, forecast_charts.CLEANED, forecast_charts.PATH):
        assert kind not in drawn


def test_one_step_ahead_can_be_drawn() -> None:
    shown = picture(forecast(demand(), 1, paths=20))
    assert len(shown["horizon"]) == 2
    assert "NaN" not in to_svg(forecast_charts.fan(shown))


def test_no_chart_holds_more_than_the_rows_allowed() -> None:
    long = forecast(demand(steps=24 * 60), 24 * 70, paths=20)
    assert sum(map(len, datasets(forecast_charts.fan(picture(long))))) <= ROWS
    assert sum(map(len, datasets(forecast_charts.parts(picture(made(), stated()))))) <= ROWS


def test_stated_parts_stack_in_their_order() -> None:
    spec = to_spec(forecast_charts.parts(picture(made(), stated())))
    assert spec["encoding"]["color"]["sort"] == ["sale", printable(f"launch {ODD}")]
    assert "NaN" not in to_svg(forecast_charts.parts(picture(made(), stated())))


def test_the_page_is_whole_escaped_and_loads_nothing(tmp_path: Path) -> None:
    found = document(PLAIN, STATED) | {"provenance": {"simcost_version": "0.1.0", "inputs": {"demand.csv": "ab" * 32}}}
    target = tmp_path / "out.html"
    target.write_text("old", encoding="utf-8")
    write_page(target, "forecast", found, view.parts(found, pictures(found, [PLAIN, STATED])))
    written = target.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["out.html"]
    assert written.startswith("<!doctype html>")
    assert "<b>" not in written
    assert "<script" not in written
    assert written.count("<svg") == 3
    for part in ("Coverage is how often", "ab" * 32, "seasonal-naive", "Share of the variance"):
        assert part in written


def test_only_the_first_series_are_drawn_and_all_are_listed() -> None:
    outlooks = many(7)
    found = document(*outlooks)
    shown = page("forecast", found, view.parts(found, pictures(found, outlooks[:2])))
    assert shown.count("<svg") == 2
    assert all(f"<td>tenant-{i}/" in shown for i in range(7))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-1234.0, "-1,230"),
        (999_600, "1M"),
        (999_999_999, "1B"),
        (3.14159, "3.14"),
        (1e20, "100,000,000T"),
    ],
)
def test_amounts_have_three_digits(value: float, shown: str) -> None:
    assert amount(value) == shown


def test_words_never_fail_on_any_number() -> None:
    assert all(amount(float(value)) for value in np.geomspace(1e-12, 1e18, 200))
