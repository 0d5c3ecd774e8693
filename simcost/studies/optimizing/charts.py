"""Chart of a search: cost against attainment, a pure function from the document to an Altair chart."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.present.chart_style import INK, OKABE_ITO, WIDTH, Document, finish, inline

MET, MISSED, UNCONFIRMED = "met", "missed", "met, but not on fresh seeds"
_COLOURS = {MET: OKABE_ITO[2], MISSED: OKABE_ITO[1], UNCONFIRMED: OKABE_ITO[4]}

_SHAPES = {MET: "circle", MISSED: "square", UNCONFIRMED: "triangle-up"}


def service_level(point: Mapping[str, Any]) -> str:
    """Outcome of a plan of the front."""
    if not point["met"]:
        return MISSED
    return MET if point.get("confirmed", True) else UNCONFIRMED


def place(document: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    """Place of a plan: on the front, its knee, or near it."""
    if point["near"]:
        return "near"
    return "knee" if point["name"] == document["knee"] else "on"


def front(document: Document) -> Any:
    """A point with its intervals for each plan on the front, a pale one near it, and the name of the knee; no line,
    since between plans there is none.
    """
    import altair as alt

    rows = [_row(document, one) for one in document["frontier"]]
    there = [word for word in _COLOURS if word in {row["slo"] for row in rows}]
    colours, shapes = ([look[word] for word in there] for look in (_COLOURS, _SHAPES))
    legend = alt.Legend(symbolOpacity=1)
    colour = alt.Color("slo:N", title=None, scale=alt.Scale(domain=there, range=colours), legend=legend)
    shape = alt.Shape("slo:N", title=None, scale=alt.Scale(domain=there, range=shapes), legend=legend)
    x = alt.X("usd:Q", title="USD per month", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,~s"))
    y = alt.Y("attainment:Q", title="attainment (%)", scale=alt.Scale(zero=False), axis=alt.Axis(format="~f"))
    base = alt.Chart(inline(rows), width=WIDTH, height=300).encode(
        x=x, y=y, opacity=alt.Opacity("near:N", legend=None, scale=alt.Scale(domain=[False, True], range=[1, 0.35]))
    )
    tooltip = [alt.Tooltip("plan:N"), alt.Tooltip("usd:Q", format="$,.0f"), alt.Tooltip("attainment:Q", format=".3f")]
    chart = alt.layer(
        base.mark_rule(color="#888888").encode(x=alt.X("usd_lo:Q"), x2=alt.X2("usd_hi:Q")),
        base.mark_rule(color="#888888").encode(y=alt.Y("attainment_lo:Q"), y2=alt.Y2("attainment_hi:Q")),
        base.mark_point(size=120, filled=True).encode(color=colour, shape=shape, tooltip=tooltip),
        base.transform_filter("datum.knee").mark_text(dx=8, dy=16, align="left", color=INK, text="knee"),
    )
    known = listed(document["objectives"])
    said = [f"Plans that none beats in {known}, and pale ones that may be as good;", "met: at the confidence bound."]
    return finish(chart, "Cost a month against attainment", said)


def _row(document: Document, point: Mapping[str, Any]) -> dict[str, Any]:
    """A plan in the data of the chart; without intervals its ends are the mean."""
    good, usd = 100 * point["attainment"], point["usd_per_month"]
    money, shares = (point["intervals"][key] or {} for key in ("usd_per_month", "attainment"))
    return {
        "plan": point["name"],
        "usd": usd,
        "usd_lo": money.get("lo", usd),
        "usd_hi": money.get("hi", usd),
        "attainment": good,
        "attainment_lo": 100 * shares["lo"] if shares else good,
        "attainment_hi": 100 * shares["hi"] if shares else good,
        "slo": service_level(point),
        "near": point["near"],
        "knee": place(document, point) == "knee",
    }


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
