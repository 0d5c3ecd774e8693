"""Chart of a replay: the metric read, the replicas there were, and the replicas desired.

A pure function from the document of `simcost autoscale replay` to an Altair chart.
"""

from collections.abc import Mapping
from typing import Any

from simcost.present.chart_style import INK, OKABE_ITO, ROWS, WIDTH, Rows, finish, inline
from simcost.present.format import printable

Document = Mapping[str, Any]
METRICS = 4
"""Panels, at most."""
DAY_S = 36 * 3600
"""Longest replay whose axis shows no dates."""
LINES = {"there": "#BBBBBB", "desired": OKABE_ITO[0]}


def decisions(document: Document) -> Any:
    """A panel per metric, and below them replicas as steps, on one axis of time."""
    import altair as alt

    names = document["metrics"][:METRICS]
    limit = ROWS // (len(names) + 2)
    panels = [_metric(document, name, limit, colour) for name, colour in zip(names, OKABE_ITO[1:], strict=False)]
    panels.append(_replicas(document, limit))
    more = len(document["metrics"]) - len(names)
    said = f"Totals of the pool as they are read. {f'{more} more metrics are in the document.' if more > 0 else ''}"
    return finish(alt.vconcat(*panels, spacing=14), _title(document), said.strip() if names else "")


def _title(document: Document) -> str:
    manifest = document["manifest"]
    return printable(f"{manifest['kind']} {manifest['name']}".strip())


def _metric(document: Document, name: str, limit: int, colour: str) -> Any:
    """The largest value of each stretch of syncs."""
    import altair as alt

    rows: Rows = []
    for part in _split(document["decisions"], limit):
        known = [one for one in part if one["metrics"][name] is not None]
        at = max(known, key=lambda one: one["metrics"][name], default=part[0])
        rows.append({"time": _time(document, at), "value": at["metrics"][name]})
    line = (
        alt.Chart(inline(rows))
        .mark_line(strokeWidth=1.5, color=colour, interpolate="step-after")
        .encode(
            x=_x(document, labels=False),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4, format="~s", minExtent=40)),
            tooltip=[alt.Tooltip("value:Q", format=".5~g")],
        )
    )
    heading = alt.Title(printable(name), anchor="start", fontSize=12, fontWeight="normal", color=INK, offset=4)
    return line.properties(width=WIDTH, height=100, title=heading)


def _replicas(document: Document, limit: int) -> Any:
    """Steps of either number; where there are too many, the largest of each stretch."""
    import altair as alt

    rows: Rows = []
    for word, key in (("there", "current"), ("desired", "desired")):
        rows += [
            {"time": _time(document, one), "replicas": one[key], "line": word}
            for one in _changes(document["decisions"], key, limit)
        ]
    colour = alt.Color("line:N", title=None, scale=alt.Scale(domain=list(LINES), range=list(LINES.values())))
    width = alt.StrokeWidth("line:N", title=None, scale=alt.Scale(domain=list(LINES), range=[4, 1.5]))
    lines = (
        alt.Chart(inline(rows))
        .mark_line(interpolate="step-after")
        .encode(
            x=_x(document, labels=True),
            color=colour,
            strokeWidth=width,
            y=alt.Y("replicas:Q", title="replicas", axis=alt.Axis(tickMinStep=1, format="d", minExtent=40)),
            tooltip=["line:N", "replicas:Q"],
        )
    )
    return lines.properties(width=WIDTH, height=160)


def _changes(decisions: list[Document], key: str, limit: int) -> list[Document]:
    changed = [one for i, one in enumerate(decisions) if i == 0 or one[key] != decisions[i - 1][key]]
    if len(changed) >= limit:
        changed = [max(part, key=lambda one: int(one[key])) for part in _split(decisions, limit)]
    return [*changed, decisions[-1]]


def _split(decisions: list[Document], limit: int) -> list[list[Document]]:
    """At most `limit` stretches of equal length."""
    step = -(-len(decisions) // limit)
    return [decisions[i : i + step] for i in range(0, len(decisions), step)]


def _span_s(document: Document) -> float:
    return float(document["decisions"][-1]["t_s"] - document["decisions"][0]["t_s"])


def _unit(document: Document) -> tuple[str, float]:
    return ("hours", 3600.0) if _span_s(document) > 3 * 3600 else ("minutes", 60.0)


def _time(document: Document, decision: Document) -> Any:
    return decision["time"] if "time" in decision else round(decision["t_s"] / _unit(document)[1], 4)


def _x(document: Document, *, labels: bool) -> Any:
    """The shared axis of time; only the last panel is labelled."""
    import altair as alt

    dated = "time" in document["decisions"][0]
    title = ("UTC" if dated else _unit(document)[0]) if labels else None
    axis = alt.Axis(grid=False, labels=labels, ticks=labels, tickCount=8)
    if dated:
        axis.format = "%H:%M" if _span_s(document) <= DAY_S else "%d %b %H:%M"
        return alt.X("time:T", title=title, axis=axis, scale=alt.Scale(type="utc"))
    return alt.X("time:Q", title=title, axis=axis, scale=alt.Scale(nice=False, zero=False))
