"""Charts of lines with a band."""

import re

import altair as alt
import pytest

from simcost.present.chart_style import DASHES, finish, to_svg
from simcost.present.charts import band_and_line

ROWS = [{"name": name, "x": x, "mid": x} for name in ("fleet", "API") for x in (1, 2)]


@pytest.mark.slow
def test_symbols_of_the_legend_are_the_shapes_of_the_points() -> None:
    """Vega draws the dashes of a line as the outline of its symbol too: of a square they left a blot."""
    chart = band_and_line(ROWS, x=alt.X("x:Q"), y={"title": "USD"}, dashed={"API": DASHES[2]})
    symbols = re.findall(r'role-legend-symbol"[^>]*><path ([^>]*)', to_svg(finish(chart, "Cost")))
    assert len(symbols) == 2
    assert all('stroke-width="0"' in symbol for symbol in symbols)
