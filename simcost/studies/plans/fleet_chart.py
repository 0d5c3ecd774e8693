"""Chart of the fleet: replicas by state and requests in flight over time."""

from collections.abc import Iterable, Mapping
from typing import Any

from simcost.present.chart_style import ROWS, Document, Rows, finish, first, inline, names, sampled, time_unit
from simcost.present.charts import counts, heading, panel, panels_over_time, time

SAMPLES = 240
"""Samples of one line, at most: more would be finer than the pixels."""
FLEET = {"desired": "#777777", "ready": "#A9CCE8", "starting": "#C8641B", "draining": "#F6BD8B"}
STATES = ("ready", "starting", "draining")
REQUESTS = {"running": "#2B6299", "waiting": "#B00020"}
TITLE = "Replicas (count) and requests in flight (count) over time"


def fleet_timeline(document: Document, timeline: Any) -> Any:
    """Replicas and requests over time, one row of panels per plan on one axis of time."""
    found = {name: mine for name in names(document) if (mine := _of(timeline, name)).num_rows}
    limit = min(ROWS // (2 * max(len(found), 1)), SAMPLES)
    unit, unit_s, span = time_unit(document)
    fleets = {name: _changes(mine, limit, unit_s) for name, mine in found.items()}
    most = max((row["ready"] + row["starting"] + row["draining"] for f in fleets.values() for row in f), default=1)
    rows = []
    shades = {**FLEET, **REQUESTS}
    for name, own in found.items():
        x = time(unit, span, labels=name == next(reversed(found)))
        replicas = _replicas(name, fleets[name], shades, x, most)
        flying = _fullest(own, limit, unit_s)
        requests = panel(flying, [*REQUESTS], shades, x=x, y=counts("requests"), dashed={"waiting": (4, 2)})
        rows.append((replicas, requests))
    return finish(panels_over_time(rows), TITLE, _told(document, timeline))


def fleets_side_by_side(document: Document, timeline: Any) -> Any:
    """Replicas over time, two plans in each row on one axis of time, each on a scale of its own."""
    found = {name: mine for name in names(document) if (mine := _of(timeline, name)).num_rows}
    limit = min(ROWS // max(len(found), 1), SAMPLES)
    unit, unit_s, span = time_unit(document)
    panels = []
    for i, (name, own) in enumerate(found.items()):
        fleet = _changes(own, limit, unit_s)
        most = max(row["ready"] + row["starting"] + row["draining"] for row in fleet)
        x = time(unit, span, labels=i >= len(found) - 2)
        panels.append(_replicas(name, fleet, FLEET, x, most))
    rows = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    return finish(panels_over_time(rows), "Replicas (count) over time", _told(document, timeline))


def _replicas(name: str, fleet: Rows, shades: Mapping[str, str], x: Any, most: float) -> Any:
    """Replicas by state as areas, and a line of those desired."""
    import altair as alt

    areas = panel(fleet, STATES, shades, x=x, y=counts("replicas", most, format="d", minExtent=26), mark="area")
    wanted = alt.Chart(inline(fleet)).mark_line(interpolate="step-after", strokeDash=[5, 3], strokeWidth=1)
    line = wanted.encode(x=x, y=alt.Y("desired:Q"), color=alt.ColorDatum("desired", type="nominal"))
    return alt.layer(areas, line, title=heading(name))


def _told(document: Document, timeline: Any) -> str:
    """Replication and samples that are drawn."""
    return " ".join(filter(None, (first(document), sampled(timeline))))


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
