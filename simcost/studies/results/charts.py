"""Chart of the plans of results: cost against service level, a pure function from the rows to an Altair chart."""

from typing import Any

from simcost.present.chart_style import WIDTH, finish, inline
from simcost.studies.results.study import ResultList

MOST = 2_000
"""Points, at most."""
_NEEDED = ("cost_usd_per_month", "attainment")


def points(result: ResultList) -> list[dict[str, Any]]:
    """Rows that have a cost and an attainment, as points; none where others were asked for."""
    return [
        {
            "plan": str(row.get("plan", "")),
            "usd": row["cost_usd_per_month"],
            "attainment": row["attainment"],
            "slo": "met" if row.get("met_share", row.get("met")) == 1 else "missed",
        }
        for row in result.rows
        if all(row.get(name) is not None for name in _NEEDED)
    ][:MOST]


def cost_and_service(result: ResultList) -> Any:
    """A point for each row, filled where all of its runs meet the SLO."""
    import altair as alt

    shown = [alt.Tooltip("plan:N"), alt.Tooltip("usd:Q", format="$,.0f"), alt.Tooltip("attainment:Q", format=".2%")]
    chart = (
        alt.Chart(inline(points(result)), width=WIDTH - 60, height=280)
        .mark_point(size=80, strokeWidth=1.5, opacity=0.8, color="#0072B2")
        .encode(
            x=alt.X("usd:Q", title="USD per month", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,.0f")),
            y=alt.Y("attainment:Q", title="Good requests", scale=alt.Scale(zero=False), axis=alt.Axis(format="%")),
            fill=alt.condition("datum.slo == 'met'", alt.value("#0072B2"), alt.value("white")),
            tooltip=[*shown, alt.Tooltip("slo:N")],
        )
    )
    note = "Filled: meets the SLO in all its runs. Hollow: does not."
    return finish(chart, "Cost (USD per month) against service level (% of requests)", note)
