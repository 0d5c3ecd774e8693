"""Chart of a search: cost against the level of service, a pure function from the document to an Altair chart."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.present.chart_style import INK, OKABE_ITO, WIDTH, Document, finish, inline
from simcost.studies.optimizing.levels import level_name, unit

MET, MISSED, UNCONFIRMED = "met", "missed", "met, but not on fresh seeds"
ON_AVERAGE = "met on average, not at the confidence bound"
_COLOURS = {MET: OKABE_ITO[2], MISSED: OKABE_ITO[1], UNCONFIRMED: OKABE_ITO[4], ON_AVERAGE: OKABE_ITO[0]}

_SHAPES = {MET: "circle", MISSED: "square", UNCONFIRMED: "triangle-up", ON_AVERAGE: "diamond"}


def service_level(point: Mapping[str, Any]) -> str:
    """Outcome of a plan of the front."""
    if not point["met"]:
        return ON_AVERAGE if point.get("on_average") else MISSED
    return MET if point.get("confirmed", True) else UNCONFIRMED


def place(document: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    """Place of a plan: on the front, its knee, or near it."""
    if point["near"]:
        return "near"
    return "knee" if point["name"] == document["knee"] else "on"


def front(document: Document) -> Any:
    """A point with its intervals for each plan on the front, a pale one near it, and the name of the knee; no line,
    since between plans there is none. Plans of the same cost and level share a point, with their number beside it.
    """
    import altair as alt

    known = [one for one in document["frontier"] if _level(document, one) is not None]
    word, factor = unit(document["measure"], max((_level(document, one) or 0.0 for one in known), default=0.0))
    rows = _rows(document, known, factor)
    there = [word for word in _COLOURS if word in {row["slo"] for row in rows}]
    colours, shapes = ([look[word] for word in there] for look in (_COLOURS, _SHAPES))
    legend = alt.Legend(symbolOpacity=1, labelLimit=0)
    colour = alt.Color("slo:N", title=None, scale=alt.Scale(domain=there, range=colours), legend=legend)
    shape = alt.Shape("slo:N", title=None, scale=alt.Scale(domain=there, range=shapes), legend=legend)
    x = alt.X("usd:Q", title="USD per month", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,~s"))
    title = f"{level_name(document['measure'])} ({word})"
    y = alt.Y("level:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(format="~f"))
    base = alt.Chart(inline(rows), width=WIDTH, height=300).encode(
        x=x, y=y, opacity=alt.Opacity("near:N", legend=None, scale=alt.Scale(domain=[False, True], range=[1, 0.35]))
    )
    tooltip = [
        alt.Tooltip("plan:N"),
        alt.Tooltip("usd:Q", format="$,.0f"),
        alt.Tooltip("level:Q", title=title, format=".3f"),
    ]
    chart = alt.layer(
        base.mark_rule(color="#888888").encode(x=alt.X("usd_lo:Q"), x2=alt.X2("usd_hi:Q")),
        base.mark_rule(color="#888888").encode(y=alt.Y("level_lo:Q"), y2=alt.Y2("level_hi:Q")),
        base.mark_point(size=120, filled=True).encode(color=colour, shape=shape, tooltip=tooltip),
        base.transform_filter("datum.count")
        .mark_text(dx=8, dy=-10, align="left", color=INK)
        .encode(text=alt.Text("count:N")),
        base.transform_filter("datum.knee").mark_text(dx=8, dy=16, align="left", color=INK, text="knee"),
    )
    objectives = listed(document["objectives"])
    said = [
        f"Plans that none beats in {objectives}, and pale ones that may be as good;",
        "met: at the confidence bound.",
    ]
    return finish(chart, f"Cost a month against {level_name(document['measure'])}", said)


def _level(document: Document, point: Mapping[str, Any]) -> float | None:
    """The level of service of a plan; None where it is not known."""
    found: float | None = {"attainment": point["attainment"], **point.get("jobs", {})}[document["measure"]]
    return found


def _rows(document: Document, points: Sequence[Mapping[str, Any]], factor: float) -> list[dict[str, Any]]:
    """A row for each place of the chart: plans whose cost and level are shown as the same share one, that of the first
    on the front, which names all; their outcomes too, where these differ.
    """
    places = dict[tuple[str, str], list[dict[str, Any]]]()
    for row in sorted((_row(document, one, factor) for one in points), key=lambda row: row["near"]):
        places.setdefault((f"{row['usd']:.0f}", f"{row['level']:.3f}"), []).append(row)
    return [_shared(same) for same in places.values()]


def _shared(same: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of plans at one place."""
    alike = len({row["slo"] for row in same}) == 1
    return same[0] | {
        "plan": "; ".join(row["plan"] if alike else f"{row['plan']} ({row['slo']})" for row in same),
        "knee": any(row["knee"] for row in same),
        "count": f"{len(same)} plans" if len(same) > 1 else "",
    }


def _row(document: Document, point: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A plan in the data of the chart, its level in another unit; without intervals its ends are the mean."""
    usd, found = point["usd_per_month"], _level(document, point) or 0.0
    money, bounds = (point["intervals"][key] or {} for key in ("usd_per_month", document["measure"]))
    return {
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


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
