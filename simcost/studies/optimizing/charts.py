"""Chart of a search: cost against attainment, a pure function from the document to an Altair chart."""

from collections.abc import Mapping
from typing import Any

from simcost.present.chart_style import OKABE_ITO, WIDTH, Document, finish, inline

MET, MISSED, UNCONFIRMED = "met", "missed", "met, but not on fresh seeds"
_COLOURS = {MET: OKABE_ITO[2], MISSED: OKABE_ITO[1], UNCONFIRMED: OKABE_ITO[4]}

_SHAPES = {MET: "circle", MISSED: "square", UNCONFIRMED: "triangle-up"}


def service_level(point: Mapping[str, Any]) -> str:
    """Outcome of a plan of the front."""
    if not point["met"]:
        return MISSED
    return MET if point.get("confirmed", True) else UNCONFIRMED


def front(document: Document) -> Any:
    """A point for each plan on the front; no line, since between plans there is none."""
    import altair as alt

    rows = [
        {
            "plan": one["name"],
            "usd": one["usd_per_month"],
            "attainment": 100 * one["attainment"],
            "slo": service_level(one),
        }
        for one in document["frontier"]
    ]
    there = [word for word in _COLOURS if word in {row["slo"] for row in rows}]
    scale = alt.Scale(domain=there, range=[_COLOURS[word] for word in there])
    colour = alt.Color("slo:N", title=None, scale=scale)
    shape = alt.Shape("slo:N", title=None, scale=alt.Scale(domain=there, range=[_SHAPES[word] for word in there]))
    chart = (
        alt.Chart(inline(rows), width=WIDTH, height=300)
        .mark_point(size=120, filled=True, opacity=1)
        .encode(
            x=alt.X("usd:Q", title="USD per month", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,~s")),
            y=alt.Y("attainment:Q", title="attainment (%)", scale=alt.Scale(zero=False), axis=alt.Axis(format="~f")),
            color=colour,
            shape=shape,
            tooltip=[
                alt.Tooltip("plan:N"),
                alt.Tooltip("usd:Q", format="$,.0f"),
                alt.Tooltip("attainment:Q", format=".3f"),
            ],
        )
    )
    return finish(
        chart, "Cost a month against attainment", "Plans that none beats in both; met: at the confidence bound."
    )
