"""Chart of a search: cost against attainment, a pure function from the document to an Altair chart."""

from typing import Any

from simcost.present.chart_style import OKABE_ITO, WIDTH, Document, finish, inline


def front(document: Document) -> Any:
    """A point for each plan on the front; no line, since between plans there is none."""
    import altair as alt

    rows = [
        {
            "plan": one["name"],
            "usd": one["usd_per_month"],
            "attainment": one["attainment"],
            "slo": "met" if one["met"] else "missed",
        }
        for one in document["frontier"]
    ]
    colour = alt.Color("slo:N", title=None, scale=alt.Scale(domain=["met", "missed"], range=list(OKABE_ITO[2:0:-1])))
    chart = (
        alt.Chart(inline(rows), width=WIDTH, height=300)
        .mark_point(size=120, filled=True, opacity=1)
        .encode(
            x=alt.X("usd:Q", title="USD per month", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,~s")),
            y=alt.Y("attainment:Q", title="Attainment", scale=alt.Scale(zero=False), axis=alt.Axis(format=".2%")),
            color=colour,
            tooltip=[
                alt.Tooltip("plan:N"),
                alt.Tooltip("usd:Q", format="$,.0f"),
                alt.Tooltip("attainment:Q", format=".3%"),
            ],
        )
    )
    return finish(
        chart, "Cost a month against attainment", "Plans that none beats in both; met: at the confidence bound."
    )
