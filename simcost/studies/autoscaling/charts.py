"""Chart of a replay: the metric read, the replicas there were, and the replicas desired.

A pure function from the result of `simcost autoscale replay` to an Altair chart.
"""

from collections.abc import Callable, Sequence
from typing import Any

from simcost.present.chart_style import INK, OKABE_ITO, ROWS, WIDTH, Rows, finish, inline
from simcost.present.format import printable
from simcost.studies.autoscaling.result import AutoscaleReplay, SyncDecision

METRICS = 4
"""Panels, at most."""
DAY_S = 36 * 3600
"""Longest replay whose axis shows no dates."""
LINES = {"there": "#BBBBBB", "desired": OKABE_ITO[0]}


def decisions(result: AutoscaleReplay) -> Any:
    """A panel per metric, and below them replicas as steps, on one axis of time."""
    import altair as alt

    names = result.metrics[:METRICS]
    limit = ROWS // (len(names) + 2)
    panels = [_metric(result, name, limit, colour) for name, colour in zip(names, OKABE_ITO[1:], strict=False)]
    panels.append(_replicas(result, limit))
    more = len(result.metrics) - len(names)
    said = f"Totals of the pool as they are read. {f'{more} more metrics are in the document.' if more > 0 else ''}"
    return finish(alt.vconcat(*panels, spacing=14), _title(result), said.strip() if names else "")


def _title(result: AutoscaleReplay) -> str:
    manifest = result.manifest
    return printable(f"{manifest.kind} {manifest.name}".strip())


def _metric(result: AutoscaleReplay, name: str, limit: int, colour: str) -> Any:
    """The largest value of each stretch of syncs."""
    import altair as alt

    rows: Rows = []
    for part in _split(result.decisions, limit):
        known = [(value, one) for one in part if (value := one.metrics[name]) is not None]
        value, at = max(known, key=lambda pair: pair[0], default=(None, part[0]))
        rows.append({"time": _time(result, at), "value": value})
    line = (
        alt.Chart(inline(rows))
        .mark_line(strokeWidth=1.5, color=colour, interpolate="step-after")
        .encode(
            x=_x(result, labels=False),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4, format="~s", minExtent=40)),
            tooltip=[alt.Tooltip("value:Q", format=".5~g")],
        )
    )
    return line.properties(width=WIDTH, height=100, title=_heading(printable(name)))


def _heading(text: str) -> Any:
    """Name of a panel, above it, so that the axes of all panels begin at one place."""
    import altair as alt

    return alt.Title(text, anchor="start", fontSize=12, fontWeight="normal", color=INK, offset=4)


def _replicas(result: AutoscaleReplay, limit: int) -> Any:
    """Steps of either number; where there are too many, the largest of each stretch."""
    import altair as alt

    rows: Rows = []
    lines_of: dict[str, Callable[[SyncDecision], int]] = {
        "there": lambda one: one.current,
        "desired": lambda one: one.desired,
    }
    for word, replicas in lines_of.items():
        rows += [
            {"time": _time(result, change), "replicas": replicas(change), "line": word}
            for change in _changes(result.decisions, replicas, limit)
        ]
    colour = alt.Color("line:O", title=None, scale=alt.Scale(domain=list(LINES), range=list(LINES.values())))
    width = alt.StrokeWidth("line:O", title=None, scale=alt.Scale(domain=list(LINES), range=[4, 1.5]))
    lines = (
        alt.Chart(inline(rows))
        .mark_line(interpolate="step-after")
        .encode(
            x=_x(result, labels=True),
            color=colour,
            strokeWidth=width,
            y=alt.Y("replicas:Q", title=None, axis=alt.Axis(tickMinStep=1, format="d", minExtent=40)),
            tooltip=[alt.Tooltip("line:N"), alt.Tooltip("replicas:Q")],
        )
    )
    return lines.properties(width=WIDTH, height=160, title=_heading("replicas"))


def _changes(
    decisions: Sequence[SyncDecision], replicas: Callable[[SyncDecision], int], limit: int
) -> list[SyncDecision]:
    changed = [
        decision for i, decision in enumerate(decisions) if i == 0 or replicas(decision) != replicas(decisions[i - 1])
    ]
    if len(changed) >= limit:
        changed = [max(part, key=replicas) for part in _split(decisions, limit)]
    return [*changed, decisions[-1]]


def _split(decisions: Sequence[SyncDecision], limit: int) -> list[Sequence[SyncDecision]]:
    """At most `limit` stretches of equal length."""
    step = -(-len(decisions) // limit)
    return [decisions[i : i + step] for i in range(0, len(decisions), step)]


def _span_s(result: AutoscaleReplay) -> float:
    return float(result.decisions[-1].t_s - result.decisions[0].t_s)


def _unit(result: AutoscaleReplay) -> tuple[str, float]:
    return ("hours", 3600.0) if _span_s(result) > 3 * 3600 else ("minutes", 60.0)


def _time(result: AutoscaleReplay, decision: SyncDecision) -> Any:
    return round(decision.t_s / _unit(result)[1], 4) if decision.time is None else decision.time


def _x(result: AutoscaleReplay, *, labels: bool) -> Any:
    """The shared axis of time; only the last panel is labelled."""
    import altair as alt

    dated = result.decisions[0].time is not None
    title = ("UTC" if dated else _unit(result)[0]) if labels else None
    axis = alt.Axis(grid=False, labels=labels, ticks=labels, tickCount=8)
    if dated:
        axis.format = "%H:%M" if _span_s(result) <= DAY_S else "%d %b %H:%M"
        return alt.X("time:T", title=title, axis=axis, scale=alt.Scale(type="utc"))
    return alt.X("time:Q", title=title, axis=axis, scale=alt.Scale(nice=False, zero=False))
