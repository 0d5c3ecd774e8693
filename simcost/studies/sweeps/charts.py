"""Chart of a sweep: cost by two of its fields, a pure function from the result to an Altair chart."""

from typing import Any

from simcost.present.chart_style import finish
from simcost.present.charts import heat
from simcost.present.format import exact
from simcost.studies.sweeps.study import SweepResult


def cells(result: SweepResult) -> Any:
    """The cheapest plan by the values of the first two fields; grey where none meets the SLO."""
    import altair as alt

    x, y = result.fields[:2]
    rows = [
        {
            "x": _shown(cell["x"]),
            "y": _shown(cell["y"]),
            "usd": cell["cost_usd_per_month"],
            "slo": "met" if cell["met"] else "missed",
        }
        for cell in result.cells
        if cell["cost_usd_per_month"] is not None
    ]
    chart = heat(
        rows,
        x=alt.X("x:N", title=x, sort=_order(result, "x"), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("y:N", title=y, sort=_order(result, "y")),
        shade=alt.condition(
            "datum.slo == 'met'",
            alt.Color("usd:Q", title="USD per month", scale=alt.Scale(scheme="blues")),
            alt.value("lightgrey"),
        ),
        tooltip=[alt.Tooltip("x:N"), alt.Tooltip("y:N"), alt.Tooltip("usd:Q", format="$,.0f"), alt.Tooltip("slo:N")],
        step=26,
    )
    return finish(
        chart, "Cost a month by two fields", "Cheapest plan with both values that meets the SLO, if any does."
    )


def _order(result: SweepResult, name: str) -> list[str]:
    values = {cell[name] for cell in result.cells}
    return [_shown(value) for value in sorted(values, key=lambda v: (not isinstance(v, int | float), v or 0, str(v)))]


def _shown(value: Any) -> str:
    return exact(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
