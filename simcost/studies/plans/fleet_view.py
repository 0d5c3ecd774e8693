"""Tracking of demand by fleets: a table, and the chart of demand, desired, ready and queue."""

from collections.abc import Sequence
from typing import Any

from simcost.present.chart_style import Document, Rows, finish, first, names, time_unit
from simcost.present.charts import counts, panel, panels_over_time, time
from simcost.present.format import amount, count, seconds, share
from simcost.present.parts import Table

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


def _row(plan: Document) -> dict[str, str]:
    said = plan["following"]
    return {
        "Plan": plan["name"],
        "Reaction": seconds(said["reaction_s"]),
        "Under / over": f"{share(said['short_share'])} / {share(plan['over_provisioned']['share'])}",
        "Reversals/day": amount(said["turns_per_day"]),
        "Cold starts": _starts(said),
        "Interruptions": count(said["interruptions"]),
        "Starting h": f"{amount(said['provisioning_h'])} + {amount(said['loading_h'])}",
    }


def _starts(said: Document) -> str:
    starts = count(said["cold_starts"])
    return f"{starts} x {seconds(said['cold_start_s'])}" if said["cold_starts"] else starts


def picture(document: Document, followed: Any) -> Any:
    """Replicas that demand needs, that are desired and ready, and the queue; a row of two panels per plan."""
    unit, unit_s, span = time_unit(document)
    plans = set(followed["plan"].to_pylist())
    shown = [name for name in names(document) if name in plans]
    each = {name: _thinned(followed, name, unit_s) for name in shown}
    most = max((row[line] for rows in each.values() for row in rows for line in LINES), default=1)
    longest = max((row["waiting"] for rows in each.values() for row in rows), default=1)
    shades = LINES | {"waiting": "#D07A8A"}
    panels = []
    for name, own in each.items():
        x = time(unit, span, labels=name == shown[-1])
        replicas = counts("replicas", most, format="d", minExtent=26)
        lines = panel(own, [*LINES], shades, x=x, y=replicas, dashed={"desired": (5, 3)}, title=name)
        panels.append((lines, panel(own, ["waiting"], shades, x=x, y=counts("queue", longest), mark="area")))
    note = "Needed: replicas that carry the arrivals at 80 % of saturation, or less where the SLO asks for it."
    lines_below = [note, " ".join(filter(None, (first(document), _drawn(followed, shown, unit_s * span))))]
    title = "Demand, desired and ready (count of replicas), and queue (count of requests)"
    return finish(panels_over_time(panels), title, [*filter(None, lines_below)])


def _drawn(followed: Any, plans: Sequence[str], horizon_s: float) -> str:
    """A sentence on what is drawn of the rows, where there are more than samples; else empty. Rows are a minute apart,
    in runs of less than eight hours less.
    """
    import pyarrow.compute as pc

    rows = max((pc.sum(pc.equal(followed["plan"], plan)).as_py() or 0 for plan in plans), default=0)
    if rows <= SAMPLES:
        return ""
    stretch_s = horizon_s / SAMPLES
    row = f"the {'minute' if stretch_s >= 120 else 'moment'} with the longest queue"
    return f"Drawn of every {seconds(stretch_s)}: {row}, of equal ones that which needs most."


def _thinned(followed: Any, plan: str, unit_s: float) -> Rows:
    """At most `SAMPLES` rows of a plan: of each stretch the one with the longest queue, of equal ones the first of
    those with the most replicas that are needed, desired and ready.
    """
    import numpy as np
    import pyarrow.compute as pc

    mine = followed.filter(pc.equal(followed["plan"], plan))
    count = len(mine)
    columns = (mine[name].to_numpy() for name in ("ready", "desired", "needed", "waiting"))
    order = np.lexsort((-np.arange(count), *columns))
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    stretches = np.array_split(np.arange(count), min(SAMPLES, max(count, 1)))
    kept = mine.take(np.array([part[np.argmax(rank[part])] for part in stretches if len(part)], np.int64))
    rows = kept.select(["t_s", *LINES, "waiting"]).to_pylist()
    return [{"time": round(row.pop("t_s") / unit_s, 4), **row} for row in rows]
