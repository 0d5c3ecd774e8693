"""Logs of failures: when a job of this size was stopped."""

from pathlib import Path

import numpy as np

from simcost.errors import TraceError, columns_said
from simcost.tables.cells import instants, time_rule
from simcost.tables.sources import open_chunks
from simcost.trace.series.cells import Faults, written
from simcost.units import NS_PER_S

_TIMES = ("timestamp", "time", "t_s", "time_s", "at")
_WHAT = "log of failures"


def read_failures(path: Path, *, span_s: float | None = None) -> tuple[tuple[float, ...], float]:
    """The times of the failures of a log, from its beginning, and how long it covers.

    Args:
        path: CSV (also .gz) or Parquet with a column `timestamp`, `time` or `t_s`, a row a failure.
        span_s: the time that the log covers; None = from the first failure, which then opens the log and is not
            counted, to the last.

    Raises:
        FaultsError: cells that are no time, located.
        TraceError: no such column, or too few failures.
    """
    faults = Faults(path)
    found: list[float] = []
    rule = None
    container = "parquet" if path.suffix == ".parquet" else "csv"
    for chunk in open_chunks(path, container, lambda present: _find(path, present), _WHAT):  # type: ignore[arg-type]
        for place, reason in chunk.malformed:
            faults.add(place, reason)
        if not chunk.columns or not len(chunk.columns["time"]):
            continue
        column = chunk.columns["time"]
        rule = rule or time_rule(column, chunk.theirs["time"], None)
        time_ns, ok = instants(column, rule)
        for i in np.flatnonzero(~ok | (time_ns < 0)):
            cell = written(column, int(i))
            faults.add(chunk.place(int(i)), f"{chunk.theirs['time']} is {cell!r}; write the time of a failure")
        found += (time_ns / NS_PER_S).tolist()
    faults.check()
    times = sorted(found)
    if len(times) < (1 if span_s else 2):
        raise TraceError(f"{path}: {len(times)} failures do not tell a rate; give more, or the time the log covers")
    if span_s is None:
        return tuple(time - times[0] for time in times[1:]), times[-1] - times[0]
    start = 0.0 if times[-1] <= span_s else times[0]
    if times[-1] - start > span_s:
        raise TraceError(f"{path}: its failures span {times[-1] - start:g} s, more than the {span_s:g} s given")
    return tuple(time - start for time in times), span_s


def _find(path: Path, present: object) -> dict[str, str]:
    names = [str(name) for name in present]  # type: ignore[attr-defined]
    for name in names:
        if name.strip().lower() in _TIMES:
            return {"time": name}
    raise TraceError(f"{path}: no column of times; {columns_said(names)}; call it timestamp or t_s")
