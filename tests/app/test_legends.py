"""One legend above panels that stand beside each other: each series once, as its panels draw it."""

from typing import Any

import altair as alt
from streamlit.testing.v1 import AppTest

from simcost.present.chart_style import to_spec
from simcost.present.charts import counts, panel, panels_over_time, time
from views.charts import _without_legends
from views.legends import Swatch, swatches

SHADES = {"needed": "#B00020", "desired": "#777777", "ready": "#2B6299", "waiting": "#D07A8A", "absent": "#000000"}
ROWS = [{"time": i, **dict.fromkeys(SHADES, i)} for i in range(3)]


def grid(*lines: str) -> Any:
    x, y = time("hours", 3, labels=True), counts("replicas", 3)
    left = panel(ROWS, lines, SHADES, x=x, y=y, dashed={"desired": (5, 3)})
    right = panel(ROWS, ["waiting"], SHADES, x=x, y=y, mark="area")
    return to_spec(panels_over_time([(left, right), (left, right)]))


def test_each_series_that_is_drawn_has_one_swatch() -> None:
    assert swatches(grid("needed", "desired")) == {
        "needed": Swatch(colour="#B00020", dash=(1, 0)),
        "desired": Swatch(colour="#777777", dash=(5, 3)),
        "waiting": Swatch(colour="#D07A8A"),
    }


def test_panels_keep_no_legend() -> None:
    spec = _without_legends(grid("needed", "desired"))
    assert swatches(spec) == {}
    assert "legend': {" not in str(spec)


def test_one_series_needs_no_legend() -> None:
    assert (
        swatches(to_spec(alt.hconcat(alt.Chart(alt.InlineData(values="[]", format={"type": "json"})).mark_bar()))) == {}
    )


def page() -> None:
    """A table, a verdict and a legend: what streamlit runs."""
    from views import legends, text
    from views.table import table

    text.headline("One is the best: $5. The next costs $6.")
    table([{"plan": "a", "SLO": "met"}, {"plan": "b", "SLO": "met *"}], "Plans compared")
    legends.draw({"a <b>": legends.Swatch(colour="#000", dash=(4, 2)), "c": legends.Swatch(colour="#111")})


def test_a_verdict_has_its_first_sentence_as_heading_and_names_are_escaped() -> None:
    shown = AppTest.from_function(page).run()
    assert not shown.exception
    assert shown.header[0].value == "One is the best\\: \\$5."
    assert "\\$6" in shown.markdown[0].value
    assert list(shown.dataframe[0].value.columns) == ["Plan", "SLO"]
    [legend] = shown.get("html")
    assert "a &lt;b&gt;" in legend.proto.body
    assert legend.proto.body.count("<span style") == 4
