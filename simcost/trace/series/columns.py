"""Time, value and name columns of a table of series."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from simcost.errors import TraceError, columns_said, did_you_mean
from simcost.tables.header import Head

TIMESTAMP, VALUE, SERIES, UNIT = "timestamp", "value", "series", "unit"
BY, REGRESSOR = "by:", "x:"
WHAT = "demand series, as CSV or Parquet"
GENERIC = ("value", "y", "count", "demand")
"""Names of value columns that do not name a quantity."""
_CALLED = {
    TIMESTAMP: (
        "timestamp",
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
    VALUE: (*GENERIC, "requests", "tokens", "prompt_tokens", "output_tokens", "jobs", "gpu_hours"),
    SERIES: ("series", "series_id", "unique_id", "name", "id"),
    UNIT: ("unit",),
}
_LOG = (
    "if each row is one request or job, this is a log, not a series: import a request log with `simcost trace "
    "import` and forecast the trace; of other events write their number per step"
)


def find_series_columns(
    head: Head, mapping: Mapping[str, str], by: Sequence[str], regressors: Sequence[str], path: Path
) -> dict[str, str]:
    """Ours -> theirs: `timestamp`, `value`, and where there are such `series`, `unit`, `by:NAME` and `x:NAME`.

    Raises:
        TraceError: columns that are missing, ambiguous or unknown, all of them, with suggestions.
    """
    asked = {ours: theirs for ours, theirs in mapping.items() if ours in _CALLED}
    asked |= {f"{BY}{name}": name for name in by} | {f"{REGRESSOR}{name}": name for name in regressors}
    faults = [
        f"{ours!r} is not a known column{did_you_mean(ours, list(_CALLED))} (known: {', '.join(_CALLED)})"
        for ours in mapping
        if ours not in _CALLED
    ]
    faults += [
        f"no column {theirs!r}{did_you_mean(theirs, head.names)}"
        for theirs in asked.values()
        if theirs not in head.names
    ]
    free = [name for name in head.names if name not in asked.values()]
    found = {
        ours: names[0] for ours in (TIMESTAMP, UNIT, *(() if by else (SERIES,))) if (names := _called(ours, free))
    } | asked
    free = [name for name in free if name not in found.values()]
    if TIMESTAMP not in found:
        faults.append(_no_time(head, free))
    if VALUE not in found:
        values = _values(head, free)
        found |= {VALUE: values[0]} if values else {}
        faults += [_no_value(values)] if len(values) != 1 else []
    faults += [f"column {name!r} is there twice" for name in found.values() if head.names.count(name) > 1]
    if faults:
        raise TraceError(f"{path}: {'; '.join(faults)}; {columns_said(head.names)}")
    return found


def _called(ours: str, names: Sequence[str]) -> list[str]:
    """The names that are well-known spellings of ours, the commonest first."""
    lower = {name.lower(): name for name in reversed(names)}
    return [lower[name] for name in _CALLED[ours] if name in lower]


def _values(head: Head, free: Sequence[str]) -> list[str]:
    """The columns that could be the value: one if it is clear."""
    called = _called(VALUE, free)
    if called and called[0].lower() in GENERIC:
        return called[:1]
    return called or [name for name in free if name in head.numeric]


def _no_time(head: Head, free: Sequence[str]) -> str:
    likely = next((name for name in free if name in head.dates), None)
    ask = f"did you mean --map timestamp={likely}?" if likely else "pass --map timestamp=COLUMN"
    return f"no timestamp column found; {ask}"


def _no_value(values: Sequence[str]) -> str:
    if not values:
        return f"no column holds values; {_LOG}"
    return f"the value could be {' or '.join(values[:4])}; pass --map value=COLUMN; but {_LOG}"
