"""Chart of a search: cost against the level of service, a pure function from the document to an Altair chart."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.present.chart_style import INK, OKABE_ITO, WIDTH, Document, finish, inline
from simcost.studies.optimizing.levels import axis, is_share, level_name

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

    rows = [row for one in document["frontier"] for row in _row(document, one)]
    there = [word for word in _COLOURS if word in {row["slo"] for row in rows}]
    colours, shapes = ([look[word] for word in there] for look in (_COLOURS, _SHAPES))
    legend = alt.Legend(symbolOpacity=1)
    colour = alt.Color("slo:N", title=None, scale=alt.Scale(domain=there, range=colours), legend=legend)
    shape = alt.Shape("slo:N", title=None, scale=alt.Scale(domain=there, range=shapes), legend=legend)
    x = alt.X("usd:Q", title="USD per month", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,~s"))
    measure, format_ = document["measure"], ".3f" if is_share(document["measure"]) else ",.0f"
    y = alt.Y("level:Q", title=axis(measure), scale=alt.Scale(zero=False), axis=alt.Axis(format="~f"))
    base = alt.Chart(inline(rows), width=WIDTH, height=300).encode(
        x=x, y=y, opacity=alt.Opacity("near:N", legend=None, scale=alt.Scale(domain=[False, True], range=[1, 0.35]))
    )
    tooltip = [
        alt.Tooltip("plan:N"),
        alt.Tooltip("usd:Q", format="$,.0f"),
        alt.Tooltip("level:Q", title=axis(measure), format=format_),
    ]
    chart = alt.layer(
        base.mark_rule(color="#888888").encode(x=alt.X("usd_lo:Q"), x2=alt.X2("usd_hi:Q")),
        base.mark_rule(color="#888888").encode(y=alt.Y("level_lo:Q"), y2=alt.Y2("level_hi:Q")),
        base.mark_point(size=120, filled=True).encode(color=colour, shape=shape, tooltip=tooltip),
        base.transform_filter("datum.knee").mark_text(dx=8, dy=16, align="left", color=INK, text="knee"),
    )
    known = listed(document["objectives"])
    said = [f"Plans that none beats in {known}, and pale ones that may be as good;", "met: at the confidence bound."]
    return finish(chart, f"Cost a month against {level_name(measure)}", said)


def _row(document: Document, point: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A plan in the data of the chart; without intervals its ends are the mean. None where its level is not known."""
    measure, usd = document["measure"], point["usd_per_month"]
    found = {"attainment": point["attainment"], **point.get("jobs", {})}[measure]
    if found is None:
        return []
    money, bounds = (point["intervals"][key] or {} for key in ("usd_per_month", measure))
    factor = 100 if is_share(measure) else 1
    return [
        {
            "plan": point["name"],
            "usd": usd,
            "usd_lo": money.get("lo", usd),
            "usd_hi": money.get("hi", usd),
            "level": factor * found,
            "level_lo": factor * bounds.get("lo", found),
            "level_hi": factor * bounds.get("hi", found),
            "slo": service_level(point),
            "near": point["near"],
            "knee": place(document, point) == "knee",
        }
    ]


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
