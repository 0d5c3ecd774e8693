"""Time, value and name columns of a table of series."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from simcost.tables.cells import LARGEST
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.header import Head

TIMESTAMP, VALUE, SERIES, UNIT = "timestamp", "value", "series", "unit"
BY, REGRESSOR = "by:", "x:"
WHAT = "demand series, as CSV or Parquet"
GENERIC = ("value", "y", "count", "demand")
"""Names of value columns that do not name a quantity."""
_LOG = (
    "if each row is one request or job, this is a log, not a series: import a request log with `simcost trace "
    "import` and forecast the trace; of other events write their number per step"
)


DEMAND = DeclaredTable(
    time_format=True,
    what=WHAT,
    columns=(
        Column(
            name=TIMESTAMP,
            aliases=(
                "timestamp_utc",
                "timestamp_s",
                "timestamp_ms",
                "timestamp_us",
                "timestamp_ns",
                "time",
                "time_utc",
                "ds",
                "datetime",
                "datetime_utc",
                "date",
                "day",
                "month",
                "week",
                "hour",
                "time_s",
                "time_ms",
                "t_s",
            ),
            kind="time",
            filled=True,
            one_zone=False,
            remedy="write ISO time, as 2026-01-05T08:00:00Z, or epoch seconds, or pass --time-format",
        ),
        Column(
            name=VALUE,
            aliases=(*GENERIC, "requests", "tokens", "prompt_tokens", "output_tokens", "jobs", "gpu_hours"),
            kind="number",
            low=0,
            high=LARGEST,
            remedy="leave the cell empty if it is unknown",
        ),
        Column(name=SERIES, aliases=("series_id", "unique_id", "name", "id"), filled=True),
        Column(name=UNIT),
        Column(name=BY),
        Column(name=REGRESSOR, kind="number", filled=True, remedy="write 0 or the value"),
    ),
    blank=(TIMESTAMP, VALUE),
)


def find_series_columns(
    head: Head, mapping: Mapping[str, str], by: Sequence[str], regressors: Sequence[str], path: Path
) -> dict[str, str]:
    """Ours -> theirs: `timestamp`, `value`, and where there are such `series`, `unit`, `by:NAME` and `x:NAME`.

    Raises:
        TraceError: columns that are missing, ambiguous or unknown, all of them, with suggestions.
    """
    asked = {f"{BY}{name}": name for name in by} | {f"{REGRESSOR}{name}": name for name in regressors} | dict(mapping)
    result, faults = DEMAND.match(head.names, asked)
    result = {
        ours: theirs for ours, theirs in result.items() if ours in asked or ours not in (VALUE, SERIES if by else "")
    }
    free = [name for name in head.names if name not in result.values()]
    if TIMESTAMP not in result:
        faults.append(_no_time(head, free))
    if VALUE not in result:
        values = _values(head, free)
        result |= {VALUE: values[0]} if values else {}
        faults += [_no_value(values)] if len(values) != 1 else []
    DEMAND.refuse(faults, head.names, path)
    return result


def _values(head: Head, free: Sequence[str]) -> list[str]:
    """The columns that could be the value: one if it is clear."""
    lower = {name.strip().lower(): name for name in reversed(free)}
    called = [lower[name] for name in DEMAND.column(VALUE).spellings if name in lower]
    if called and called[0].lower() in GENERIC:
        return called[:1]
    return called or [name for name in free if name in head.numeric]


def _no_time(head: Head, free: Sequence[str]) -> str:
    likely = next((name for name in free if name in head.dates), None)
    ask = f"did you mean --map timestamp={likely}?" if likely else "pass --map timestamp=COLUMN"
    return f"no timestamp column found; {ask}"


def _no_value(values: Sequence[str]) -> str:
    if not values:
        return f"no column holds values: numbers without a currency or marks between thousands; {_LOG}"
    several = "pass --map value=COLUMN, or write several series as rows of series,timestamp,value"
    return f"the value could be {' or '.join(values[:4])}; {several}; but {_LOG}"
