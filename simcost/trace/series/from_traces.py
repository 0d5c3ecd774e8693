"""Demand series from a stored trace: requests or tokens per step."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import InputError, TraceError, did_you_mean
from simcost.tables.calendar import DAY_S
from simcost.tables.cells import Floats, Ints, as_text
from simcost.tables.dates import ISO, instants
from simcost.trace.requests.store import KEY, TraceInfo, open_trace, read_tables
from simcost.trace.series.resample import coarsen, finding
from simcost.trace.series.series import Grid, Series
from simcost.units import NS_PER_S, format_seconds

QUANTITIES = ("requests", "prompt_tokens", "output_tokens")
NO_LABEL = "(none)"
_LABELS = ("tenant", "model")
_FINE_S = 900  # every zone's days begin at a whole quarter of an hour
_AS_GOOD_AS_WHOLE = 0.99
_MOST_STEPS = 50_000_000


def is_trace(path: Path) -> bool:
    """True if a file is a trace that simcost stored, by its metadata; False where it cannot be read."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            return KEY in (file.metadata.metadata or {})
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False


def trace_series(
    path: Path, *, step_s: int | None, by: Sequence[str], timezone: str, quantity: str | None
) -> tuple[list[Series], list[dict[str, Any]]]:
    """Requests or tokens per step, streamed.

    Args:
        path: the stored trace.
        step_s: the step in seconds, 0 = months; None = 1 h for a day or more, else 1 min.
        by: of `tenant` and `model`: one series for each value, or for each pair.
        timezone: where days begin.
        quantity: one of `QUANTITIES`; None = requests.

    Raises:
        TraceError: see `simcost.trace.requests.store`.
        InputError: an unknown quantity or column, or no whole step.
    """
    info = open_trace(path)
    counted = quantity or "requests"
    present = [name for name in _LABELS if name in info.columns]
    check_asked(path, counted, QUANTITIES, by, present)

    def count(shift_ns: int, fine_s: int, steps: int) -> dict[str, Floats]:
        return _count(info, by, counted, shift_ns, fine_s, steps)

    return stepped(info, counted, count, step_s=step_s, timezone=timezone)


def check_size(path: Path, groups: int, steps: int) -> None:
    """Raise InputError for more groups than memory should hold."""
    if groups * steps > _MOST_STEPS:
        raise InputError(
            f"{path}: {groups:,} groups or more of {steps:,} steps; group by less, or give a longer --freq"
        )


class Record(Protocol):
    """Recorded values, with their times."""

    @property
    def path(self) -> Path:
        """Of the trace."""

    @property
    def span_ns(self) -> int:
        """From its start to its last arrival."""

    @property
    def start_utc(self) -> str | None:
        """ISO time of its start, where known."""


def stepped(
    record: Record,
    counted: str,
    count: Callable[[int, int, int], dict[str, Floats]],
    *,
    step_s: int | None,
    timezone: str,
) -> tuple[list[Series], list[dict[str, Any]]]:
    """Series from what `count` finds in each fine step: called with where step 0 begins (nanoseconds before the
    start of the trace), the length of a step in seconds, and their number.

    Raises:
        InputError: no whole step.
        TraceError: a start that is not a time.
    """
    start_ns, found = _start(record)
    span_s = record.span_ns / NS_PER_S
    if step_s is None:
        step_s = 3600 if span_s >= DAY_S else 60
        found.append(
            finding(
                "frequency",
                "",
                1,
                f"the trace spans {format_seconds(span_s)}, so {counted} were "
                f"counted per {Grid(start_s=0, step_s=step_s).name}; other steps: --freq",
            )
        )
    fine_s = step_s if 0 < step_s < DAY_S else _FINE_S
    first, steps, partial = _whole(record, start_ns, fine_s)
    found += partial
    counts = count(start_ns - first * fine_s * NS_PER_S, fine_s, steps)
    grid = Grid(start_s=first * fine_s, step_s=fine_s)
    fine = [
        Series(name=name or stem(record.path), quantity=counted, grid=grid, values=values)
        for name, values in sorted(counts.items())
    ]
    coarse = [coarsen(series, step_s, timezone) for series in fine]
    return [series for series, _ in coarse], found + [said for _, more in coarse for said in more]


def check_asked(path: Path, quantity: str, quantities: Sequence[str], by: Sequence[str], labels: Sequence[str]) -> None:
    """Raise InputError for a quantity or a label that a trace does not have."""
    if quantity not in quantities:
        raise InputError(
            f"{path}: this trace has no quantity {quantity!r}{did_you_mean(quantity, quantities)} "
            f"(known: {', '.join(quantities)})"
        )
    unknown = [name for name in by if name not in labels]
    if unknown:
        raise InputError(
            f"{path}: cannot group by {unknown[0]!r}; this trace has "
            f"{' and '.join(labels) or 'neither tenant nor model'}"
        )


def _start(info: Record) -> tuple[int, list[dict[str, Any]]]:
    """Nanoseconds since 1970 of the start, and a finding where it is unknown."""
    if info.start_utc is None:
        return 0, [
            finding(
                "clock_unknown",
                "",
                1,
                "the trace does not say when it began: its start is written as "
                "1970-01-01 00:00, and clock hours and weekdays are unknown",
            )
        ]
    values, ok = instants(pa.array([info.start_utc]), ISO)
    if not ok[0]:
        raise TraceError(f"{info.path}: start_utc {info.start_utc!r} is not an ISO time; import the log again")
    return int(values[0]), []


def _whole(info: Record, start_ns: int, step_s: int) -> tuple[int, int, list[dict[str, Any]]]:
    """Number since 1970 of the first whole step, how many there are, and a finding for those left out.

    The recorded time runs from the first arrival to the last, so a step counts as whole from 99 % on.
    """
    step_ns = step_s * NS_PER_S
    slack_ns = round((1 - _AS_GOOD_AS_WHOLE) * step_ns)
    end_ns = start_ns + info.span_ns
    first, end = -((slack_ns - start_ns) // step_ns), (end_ns + slack_ns) // step_ns
    name = Grid(start_s=0, step_s=step_s).name
    if end <= first:
        raise InputError(
            f"{info.path}: {format_seconds(info.span_ns / NS_PER_S)} of trace hold no whole step of "
            f"{name}; give a shorter --freq"
        )
    ends = [
        word
        for word, out in (
            ("first", start_ns - first * step_ns < -slack_ns),
            ("last", end_ns - end * step_ns > slack_ns),
        )
        if out
    ]
    if not ends:
        return first, end - first, []
    return (
        first,
        end - first,
        [
            finding(
                "partial_step",
                "",
                len(ends),
                f"the {' and the '.join(ends)} step of {name} was recorded only in part and was left out",
            )
        ],
    )


def _count(
    info: TraceInfo, by: Sequence[str], quantity: str, shift_ns: int, step_s: int, steps: int
) -> dict[str, Floats]:
    """The quantity per step, from step 0 at -shift_ns of the trace on, for each value of `by`; its memory is
    one batch and the counts.
    """
    counts: dict[str, Floats] = {}
    columns = ["arrival_ns", *([] if quantity == "requests" else [quantity]), *by]
    for table in read_tables(info.path, columns):
        arrival = table["arrival_ns"].to_numpy()
        if len(arrival) and (arrival.min() < 0 or arrival.max() > info.span_ns):
            raise TraceError(f"{info.path}: an arrival lies outside the recorded time; import the log again")
        step = (arrival + shift_ns) // (step_s * NS_PER_S)
        weights = None if quantity == "requests" else table[quantity].to_numpy()
        for name, rows in _groups(table, by):
            if name not in counts:
                check_size(info.path, len(counts) + 1, steps)
            values = counts.setdefault(name, np.zeros(steps))
            _add(values, step[rows], None if weights is None else weights[rows])
    return counts


def _add(values: Floats, step: Ints, weights: Any) -> None:
    """Add to the steps; a batch covers a short stretch of them."""
    inside = (step >= 0) & (step < len(values))
    step, weights = step[inside], None if weights is None else weights[inside]
    if len(step):
        low = int(step.min())
        found = np.bincount(step - low, weights=weights)
        values[low : low + len(found)] += found


def _groups(table: pa.RecordBatch, by: Sequence[str]) -> list[tuple[str, Any]]:
    """Name and rows of each group of a batch; one nameless group of all rows without `by`."""
    if not by:
        return [("", slice(None))]
    label = joined([as_text(table[name]) for name in by]).dictionary_encode()
    code = label.indices.to_numpy()
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=len(label.dictionary)))
    return list(zip(label.dictionary.to_pylist(), np.split(order, ends[:-1]), strict=True))


def joined(columns: Sequence[pa.Array]) -> pa.Array:
    """Names of a hierarchy, `a/b`, from text columns. The labels of one column are kept, as `aws/p5.48xlarge`, unless a
    part of theirs is empty; else a `/` within a label becomes `:`.
    """
    import pyarrow.compute as pc

    texts = [pc.if_else(pc.equal(pc.fill_null(text, ""), ""), NO_LABEL, text) for text in columns]
    parts = [pc.replace_substring(text, "/", ":") for text in texts]
    if len(parts) > 1:
        return pc.binary_join_element_wise(*parts, "/")
    return pc.if_else(pc.match_substring_regex(texts[0], "^/|//|/$"), parts[0], texts[0])


def stem(path: Path) -> str:
    """The name of a file without its endings."""
    return path.name.split(".")[0] or path.name
