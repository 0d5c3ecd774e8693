"""Tornado chart: a pure function from the document to an Altair chart."""

from typing import Any

from simcost.present.chart_style import OKABE_ITO, WIDTH, Document, finish, inline
from simcost.present.charts import rule


def tornado(document: Document) -> Any:
    """A bar for each parameter from its cost at the low end to that at the high end, and a line at the base."""
    import altair as alt

    base = document["base"]["usd_per_month"]
    rows = [
        {"path": one["path"], "end": name, "from": base, "to": one[f"{end}_usd"], "value": one[end]}
        for one in document["tornado"]
        for end, name in (("lo", "low"), ("hi", "high"))
    ]
    order = [one["path"] for one in document["tornado"]]
    colour = alt.Color("end:N", title=None, scale=alt.Scale(domain=["low", "high"], range=[OKABE_ITO[5], OKABE_ITO[1]]))
    bars = (
        alt.Chart(inline(rows), width=WIDTH)
        .mark_bar(opacity=0.85)
        .encode(
            y=alt.Y("path:N", sort=order, title=None),
            x=alt.X("from:Q", title="USD per month", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,~s")),
            x2=alt.X2("to:Q"),
            color=colour,
            tooltip=[alt.Tooltip("path:N"), alt.Tooltip("value:Q", format=".4g"), alt.Tooltip("to:Q", format="$,.0f")],
        )
    )
    chart = alt.layer(bars, *rule(base, "x"))
    return finish(chart, f"Cost a month of {document['plan']}", "One value at a time, low and high.")
