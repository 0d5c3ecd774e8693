"""Chart of the fleet: replicas by state and requests in flight over time."""

from collections.abc import Iterable
from typing import Any

from simcost.present.chart_style import (
    ROWS,
    WIDTH,
    Document,
    Rows,
    finish,
    first,
    inline,
    names,
    time_axis,
    time_unit,
)

SAMPLES = 240
"""Samples of one line, at most: more would be finer than the pixels."""
FLEET = {"desired": "#777777", "ready": "#A9CCE8", "starting": "#C8641B", "draining": "#F6BD8B"}
REQUESTS = {"running": "#2B6299", "waiting": "#B00020"}
TITLE = "Replicas (count) and requests in flight (count) over time"


def fleet_timeline(document: Document, timeline: Any) -> Any:
    """Replicas and requests over time, one row of panels per plan on one axis of hours (or minutes)."""
    import altair as alt

    found = {name: mine for name in names(document) if (mine := _of(timeline, name)).num_rows}
    limit = min(ROWS // (2 * max(len(found), 1)), SAMPLES)
    unit, unit_s, span = time_unit(document)
    fleets = {name: _changes(mine, limit, unit_s) for name, mine in found.items()}
    most = max((row["ready"] + row["starting"] + row["draining"] for f in fleets.values() for row in f), default=1)
    rows = []
    for name, mine in found.items():
        hours = _time(unit, span, labels=name == next(reversed(found)))
        requests = _fullest(mine, limit, unit_s)
        rows.append(
            alt.hconcat(
                _replicas(fleets[name], name, most, hours),
                _requests(requests, hours),
                spacing=70,
                bounds="flush",
            )
        )
    return finish(alt.vconcat(*rows, spacing=4), TITLE, first(document))


def _of(table: Any, plan: str) -> Any:
    import pyarrow.compute as pc

    return table.filter(pc.equal(table["plan"], plan))


def _largest(values: Any, limit: int) -> Any:
    """Index of the largest value in each of at most `limit` equal stretches."""
    import numpy as np

    stretches = np.array_split(np.arange(len(values)), min(limit, len(values)))
    return np.array([part[np.argmax(values[part])] for part in stretches])


def _changes(table: Any, limit: int, unit_s: float) -> Rows:
    """The samples at which the fleet changed, and the last; regular samples where those are too many."""
    import numpy as np

    fleet = np.stack([table[name].to_numpy() for name in FLEET])
    moved = np.any(np.diff(fleet, prepend=-1) != 0, axis=0)
    moved[-1] = True
    index = np.flatnonzero(moved)
    if len(index) > limit:
        index = np.linspace(0, len(moved) - 1, limit).astype(np.int64)
    return _rows(table.take(index), FLEET, unit_s)


def _fullest(table: Any, limit: int, unit_s: float) -> Rows:
    """The samples with most requests."""
    in_flight = table["running"].to_numpy() + table["waiting"].to_numpy()
    return _rows(table.take(_largest(in_flight, limit)), REQUESTS, unit_s)


def _rows(table: Any, columns: Iterable[str], unit_s: float) -> Rows:
    shown = table.select(["t_s", *columns]).to_pylist()
    return [{"time": round(row.pop("t_s") / unit_s, 4), **row} for row in shown]


def _replicas(rows: Rows, plan: str, most: int, x: Any) -> Any:
    """Ready, starting and draining replicas as steps; desired as a dashed line."""
    import altair as alt

    states = [state for state in FLEET if state != "desired"]
    y = alt.Y(
        "count:Q",
        title="replicas",
        stack="zero",
        axis=alt.Axis(tickCount=3, tickMinStep=1, format="d", minExtent=26),
        scale=alt.Scale(domain=[0, most * 1.08], nice=False),
    )
    base = alt.Chart(inline(rows)).encode(x=x)
    areas = (
        base.transform_fold(states, as_=["kind", "count"])
        .transform_calculate(order=f"indexof({states}, datum.kind)")
        .mark_area(interpolate="step-after")
        .encode(y=y, color=_kinds(), order="order:Q")
    )
    wanted = base.mark_line(interpolate="step-after", strokeDash=[5, 3], strokeWidth=1)
    line = wanted.encode(y="desired:Q", color=alt.datum("desired", type="nominal"))
    heading = alt.Title(plan, anchor="start", fontSize=12, offset=4)
    return (areas + line).properties(width=WIDTH // 2, height=90, title=heading)


def _requests(rows: Rows, x: Any) -> Any:
    """Requests that run and that wait, on a scale of their own."""
    import altair as alt

    y = alt.Y("count:Q", title="requests", axis=alt.Axis(tickCount=3, tickMinStep=1, format="~s", minExtent=34))
    dashes = alt.Scale(domain=list(REQUESTS), range=[[1, 0], [4, 2]])
    lines = alt.Chart(inline(rows)).transform_fold(list(REQUESTS), as_=["kind", "count"])
    chart = lines.mark_line(strokeWidth=1.5).encode(
        x=x, y=y, color=_kinds(), strokeDash=alt.StrokeDash("kind:N", scale=dashes, legend=None)
    )
    return chart.properties(width=WIDTH // 2, height=90)


def _kinds() -> Any:
    """One colour scale for replicas and requests, so that one legend serves all panels."""
    import altair as alt

    shades = {**FLEET, **REQUESTS}
    scale = alt.Scale(domain=list(shades), range=list(shades.values()))
    return alt.Color("kind:N", title=None, scale=scale, legend=alt.Legend(symbolType="square"))


def _time(unit: str, span: float, *, labels: bool) -> Any:
    """The shared axis of time; only the last row of panels is labelled."""
    import altair as alt

    title = f"{unit} from the start" if labels else None
    return alt.X(
        "time:Q",
        title=title,
        axis=time_axis(span, labels=labels, ticks=labels),
        scale=alt.Scale(domain=[0, span], nice=False),
    )
