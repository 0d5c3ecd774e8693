"""Logs of failures: when a job of this size was stopped."""

from pathlib import Path

from simcost.errors import TraceError
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.typed import read_declared
from simcost.units import NS_PER_S

FAILURES = DeclaredTable(
    what="log of failures",
    columns=(
        Column(
            name="timestamp",
            aliases=("time", "t_s", "time_s", "at"),
            kind="time",
            low=0,
            required=True,
            filled=True,
            one_zone=False,
            remedy="write the time of a failure",
        ),
    ),
    blank=(),
    missing="call it timestamp or t_s",
)


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
    table = read_declared(path, FAILURES)
    times = sorted((table.times_ns["timestamp"] / NS_PER_S).tolist())
    if len(times) < (1 if span_s else 2):
        raise TraceError(f"{path}: {len(times)} failures do not tell a rate; give more, or the time the log covers")
    if span_s is None:
        return tuple(time - times[0] for time in times[1:]), times[-1] - times[0]
    start = 0.0 if times[-1] <= span_s else times[0]
    if times[-1] - start > span_s:
        raise TraceError(f"{path}: its failures span {times[-1] - start:,.0f} s, more than the {span_s:,.0f} s given")
    return tuple(time - start for time in times), span_s
