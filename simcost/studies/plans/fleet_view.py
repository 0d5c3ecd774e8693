"""Tracking of demand by fleets: a table, and the chart of demand, desired, ready and queue."""

from typing import Any

from simcost.present.chart_style import WIDTH, Document, Rows, finish, inline, names, time_axis, time_unit
from simcost.units import format_count, format_seconds, format_share

Table = list[dict[str, str]]
NOTE = (
    "reaction: from the moment demand needs more replicas than are ready until they are; under / over: share of the "
    "time under-provisioned / of the replica-hours paid over-provisioned; reversals: changes of direction of the "
    "number desired; starting: hours of replicas on booting nodes + loading"
)
LINES = {"needed": "#B00020", "desired": "#777777", "ready": "#2B6299"}
SAMPLES = 240


def table(document: Document) -> Table:
    """One row per plan whose fleet changed; empty where none did."""
    return [_row(plan) for plan in document["plans"] if "following" in plan]


def notes(document: Document) -> list[str]:
    """Definitions of the columns; empty where there are none."""
    return [NOTE] if table(document) else []


def _row(plan: Document) -> dict[str, str]:
    said = plan["following"]
    return {
        "Plan": plan["name"],
        "Reaction": _seconds(said["reaction_s"]),
        "Under / over": f"{format_share(said['short_share'])} / {_over(plan)}",
        "Reversals/day": f"{said['turns_per_day']:.3g}",
        "Cold starts": _starts(said),
        "Interruptions": _count(said["interruptions"]),
        "Starting h": f"{said['provisioning_h']:.3g} + {said['loading_h']:.3g}",
    }


def _over(plan: Document) -> str:
    return format_share(plan["over_provisioned"]["share"])


def _starts(said: Document) -> str:
    if not said["cold_starts"]:
        return "0"
    return f"{_count(said['cold_starts'])}, {format_seconds(said['cold_start_s'])} each"


def _count(mean: float) -> str:
    return format_count(mean) if mean >= 100 else f"{mean:.3g}"


def _seconds(value_s: float | None) -> str:
    return "\N{EN DASH}" if value_s is None else format_seconds(value_s)


def picture(document: Document, followed: Any) -> Any:
    """Replicas that demand needs, that are desired and ready, and the queue; a row of two panels per plan."""
    import altair as alt

    unit, unit_s, span = time_unit(document)
    plans = set(followed["plan"].to_pylist())
    shown = [name for name in names(document) if name in plans]
    each = {name: _thinned(followed, name, unit_s) for name in shown}
    most = max((row[line] for rows in each.values() for row in rows for line in LINES), default=1)
    longest = max((row["waiting"] for rows in each.values() for row in rows), default=1)
    rows = []
    for name, mine in each.items():
        x = _time(unit, span, labels=name == shown[-1])
        panels = _replicas(mine, name, x, most), _queue(mine, x, longest)
        rows.append(alt.hconcat(*panels, spacing=70, bounds="flush"))
    note = "Needed: replicas that carry the arrivals at 80 % of saturation, or less where the SLO asks for it."
    return finish(
        alt.vconcat(*rows, spacing=4),
        "Demand, desired and ready (count of replicas), and queue (count of requests)",
        note,
    )


def _time(unit: str, span: float, *, labels: bool) -> Any:
    import altair as alt

    title = f"{unit} from the start" if labels else None
    return alt.X(
        "time:Q",
        title=title,
        axis=time_axis(span, labels=labels, ticks=labels),
        scale=alt.Scale(domain=[0, span], nice=False),
    )


def _thinned(followed: Any, plan: str, unit_s: float) -> Rows:
    """At most `SAMPLES` rows of a plan, each the one with the longest queue of its stretch."""
    import numpy as np
    import pyarrow.compute as pc

    mine = followed.filter(pc.equal(followed["plan"], plan))
    waiting = mine["waiting"].to_numpy()
    stretches = np.array_split(np.arange(len(waiting)), min(SAMPLES, max(len(waiting), 1)))
    kept = mine.take(np.array([part[np.argmax(waiting[part])] for part in stretches if len(part)], np.int64))
    columns = kept.select(["t_s", *LINES, "waiting"]).to_pylist()
    return [{"time": round(row.pop("t_s") / unit_s, 4), **row} for row in columns]


def _replicas(rows: Rows, plan: str, x: Any, most: int) -> Any:
    import altair as alt

    scale = alt.Scale(domain=list(LINES), range=list(LINES.values()))
    dashes = alt.Scale(domain=list(LINES), range=[[1, 0], [5, 3], [1, 0]])
    y = alt.Y(
        "count:Q",
        title="replicas",
        axis=alt.Axis(tickCount=3, tickMinStep=1, format="d", minExtent=26),
        scale=alt.Scale(domain=[0, max(most, 2) * 1.08], nice=False),
    )
    chart = (
        alt.Chart(inline(rows))
        .transform_fold(list(LINES), as_=["kind", "count"])
        .mark_line(interpolate="step-after", strokeWidth=1.4)
        .encode(
            x=x,
            y=y,
            color=alt.Color("kind:N", title=None, scale=scale, legend=alt.Legend(symbolType="stroke")),
            strokeDash=alt.StrokeDash("kind:N", scale=dashes, legend=None),
        )
    )
    return chart.properties(width=WIDTH // 2, height=90, title=alt.Title(plan, anchor="start", fontSize=12, offset=4))


def _queue(rows: Rows, x: Any, longest: int) -> Any:
    import altair as alt

    y = alt.Y(
        "waiting:Q",
        title="queue",
        axis=alt.Axis(tickCount=3, tickMinStep=1, format="~s", minExtent=34),
        scale=alt.Scale(domain=[0, max(longest, 2) * 1.08], nice=False),
    )
    area = alt.Chart(inline(rows)).mark_area(color="#B00020", opacity=0.55, interpolate="step-after")
    return area.encode(x=x, y=y).properties(width=WIDTH // 2, height=90)
