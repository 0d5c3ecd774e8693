"""From the columns of a log to `Jobs`: what is impossible is kept out with its reason, what follows is worked out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.trace.jobs import NONE, STATUS, Flags, Ints, Jobs
from simcost.trace.jobs.nodes import coded
from simcost.trace.jobs.sieve import Sieve, finding
from simcost.trace.jobs.times import Clock, empty, read_times
from simcost.trace.log.cells import Floats, as_text, real_numbers, whole_numbers
from simcost.trace.writer import iso_utc
from simcost.units import NS_PER_S

_MOST_S = 10_000_000_000
_MOST_GPUS = 10_000_000
_OUTCOMES = {
    "passed": ("pass", "passed", "completed", "complete", "succeeded", "success", "finished", "done", "ok"),
    "failed": (
        "failed",
        "fail",
        "failure",
        "error",
        "timeout",
        "node_fail",
        "out_of_memory",
        "boot_fail",
        "deadline",
    ),
    "killed": ("killed", "cancelled", "canceled", "preempted", "aborted", "terminated", "revoked"),
}
"""Words of the logs for outcomes. A job that ran into its limit or lost a node failed, as the Helios paper counts."""
_YES, _NO = ("true", "1", "yes", "t", "y"), ("false", "0", "no", "f", "n")


def jobs_of(sieve: Sieve, *, timezone: str, limit_error: float, source: str) -> Jobs:
    """The good jobs of a log, sorted, their times from the first of them.

    Args:
        sieve: the table; its findings grow.
        timezone: of times without a zone.
        limit_error: time limits that the log lacks are duration x (1 + this).
        source: the name of the log.

    Raises:
        TraceError: no job is left, or the times are of two kinds.
    """
    sieve.check()
    reader = _Reader(sieve)
    ids = reader.ids()
    clock = read_times(sieve, timezone)
    times = _durations(reader, clock)
    numbers = reader.sizes() | {
        "duration_s": times.duration,
        "limit_s": _limits(reader, times.duration, limit_error),
    }
    deadline = _deadlines(reader, clock, times.submit)
    state = reader.real("state_bytes", 0, 1e18)
    sieve.check()
    kept = _sorted(sieve, times.submit)
    zero = int(times.submit[kept[0]])
    taken = pa.array(kept)
    codes = {ours: coded(_taken(sieve, ours, taken), len(kept)) for ours in ("pool", "user", "gpu_type")}
    known: dict[str, Any] = {name: values[kept] for name, values in numbers.items()}
    known |= {name: values for name, (values, _) in codes.items()}
    return Jobs(
        **known, job_id=np.array(ids.take(taken).to_pylist(), np.object_), submit_s=times.submit[kept] - zero,
        deadline_s=np.where(deadline[kept] == NONE, NONE, deadline[kept] - zero),
        pools=codes["pool"][1], users=codes["user"][1], gpu_types=codes["gpu_type"][1],
        users_known=codes["user"][1] != ("",), status=_status(_taken(sieve, "status", taken), len(kept)),
        preemptible=reader.flags("preemptible", otherwise=True)[kept],
        spot_ok=reader.flags("spot_ok", otherwise=False)[kept], source=source,
        start_utc=iso_utc(zero * NS_PER_S) if clock.epoch else None,
        recorded_wait_s=None if times.wait is None else times.wait[kept],
        state_bytes=None if state is None else state[kept],
    )  # fmt: skip


def _sorted(sieve: Sieve, submit: Ints) -> Ints:
    """The rows kept, by submission; equal times keep the order of the log."""
    kept = np.flatnonzero(sieve.keep)
    if late := int((np.diff(submit[kept]) < 0).sum()):
        sieve.findings.append(finding("unsorted", late, f"{late:,} jobs were submitted before the one above them; "
                                      "the trace was sorted"))  # fmt: skip
    return kept[np.argsort(submit[kept], kind="stable")]


@dataclass(frozen=True, slots=True)
class _Durations:
    submit: Ints
    """Seconds of the log's clock."""
    duration: Ints
    wait: Ints | None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads single columns; bad cells are kept out."""

    sieve: Sieve

    def ids(self) -> pa.Array:
        """Unique texts; without a column, the number of the row."""
        column = self.sieve.table.columns.get("job_id")
        if column is None:
            return pa.array(np.arange(1, len(self.sieve.table) + 1)).cast(pa.string())
        text = as_text(column)
        self.sieve.drop(empty(text), "job_id", "job_id", "the id is missing")
        codes = text.fill_null("").dictionary_encode().indices.to_numpy()
        again = np.ones(len(codes), np.bool_)
        again[np.unique(codes, return_index=True)[1]] = False
        self.sieve.drop(again, "duplicate", "job_id", "the id is there above")
        return text

    def real(self, ours: str, low: float, high: float) -> Floats | None:
        """Numbers, NaN where empty; None without such a column."""
        column = self.sieve.table.columns.get(ours)
        if column is None:
            return None
        values, ok = real_numbers(column)
        self.sieve.drop(~ok, ours, ours, "no number")
        self.sieve.drop(
            (values < low) | (values > high), ours, ours, f"it must be from {low:,g} to {high:,g}"
        )
        return values

    def whole(self, ours: str, low: int, high: int, otherwise: Ints | int) -> Ints:
        """Whole numbers; `otherwise` where empty."""
        column = self.sieve.table.columns.get(ours)
        if column is None:
            return np.broadcast_to(np.asarray(otherwise, np.int64), len(self.sieve.table))
        values, ok = whole_numbers(column)
        known = ~empty(column)
        self.sieve.drop(known & ~ok, ours, ours, "no whole number")
        self.sieve.drop(known & ok & ((values < low) | (values > high)), ours, ours,
                        f"it must be from {low:,} to {high:,}")  # fmt: skip
        return np.where(known, values, otherwise)

    def sizes(self) -> dict[str, Ints]:
        """GPUs, their elastic range, and the other things asked for."""
        sieve, columns = self.sieve, self.sieve.table.columns
        sieve.drop(empty(columns["gpus"]), "gpus", "gpus", "the number of GPUs is missing")
        gpus = self.whole("gpus", 0, _MOST_GPUS, 0)
        milli = self.whole("gpu_milli", 0, 1000, 1000)
        sieve.drop((milli < 1000) & (gpus > 1), "gpu_milli", "gpu_milli", "only one GPU can be shared")
        sieve.drop((milli < 1) & (gpus == 1), "gpu_milli", "gpu_milli", "it must be from 1 to 1000")
        low, high = (self.whole(ours, 0, _MOST_GPUS, gpus) for ours in ("min_gpus", "max_gpus"))
        sieve.drop(low > gpus, "min_gpus", "min_gpus", "more than the GPUs asked for")
        sieve.drop(high < gpus, "max_gpus", "max_gpus", "less than the GPUs asked for")
        cores = self.real("cpus", 0, 1e9)
        cpu_milli = 0 if cores is None else np.rint(np.nan_to_num(cores) * 1000).astype(np.int64)
        return {
            "gpus": gpus,
            "gpu_milli": np.where(gpus == 0, 1000, milli),
            "min_gpus": low,
            "max_gpus": high,
            "cpu_milli": self.whole("cpu_milli", 0, 2**53, cpu_milli),
            "memory_mib": self.whole("memory_mib", 0, 2**53, 0),
            "priority": self.whole("priority", -(2**53), 2**53, 0),
        }

    def flags(self, ours: str, *, otherwise: bool) -> Flags:
        """Yes or no; what is neither counts as `otherwise`."""
        column = self.sieve.table.columns.get(ours)
        if column is None:
            return np.full(len(self.sieve.table), otherwise)
        text = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(column.cast(pa.string())))).fill_null("")
        words = _NO if otherwise else _YES
        said: Flags = pc.is_in(text, pa.array(words)).to_numpy(zero_copy_only=False)
        return ~said if otherwise else said


def _durations(reader: _Reader, clock: Clock) -> _Durations:
    """When jobs were submitted and how long they ran; those that did not run or have not ended are kept out."""
    sieve, rows = reader.sieve, len(reader.sieve.table)
    nothing, never = np.zeros(rows, np.int64), np.zeros(rows, np.bool_)
    submit, start, end = (clock.columns.get(ours) for ours in ("submit_s", "start_s", "end_s"))
    submit_ns, submitted = (nothing, never) if submit is None else (submit.ns, submit.known)
    start_ns, started = (nothing, never) if start is None else (start.ns, start.known)
    end_ns, ended = (nothing, never) if end is None else (end.ns, end.known)
    sieve.drop(~submitted, "submit", "submit_s", "the time of submission is missing")
    sieve.drop(started & (start_ns < submit_ns), "order", "start_s", "it started before it was submitted")
    sieve.drop(started & ended & (end_ns < start_ns), "order", "end_s", "it ended before it started")
    stated = reader.real("duration_s", 0, _MOST_S)
    if stated is None:
        stated = np.full(rows, np.nan)
    known = ~np.isnan(stated)
    if start is not None:
        sieve.drop(
            ~known & ~started, "never_started", "start_s", "it never started, so how long it runs is unknown"
        )
    if end is not None:
        sieve.drop(~known & ~ended, "running", "end_s", "it has not ended, so how long it runs is unknown")
    sieve.drop(~known & ~(started & ended), "duration", "duration_s", "how long it ran is missing")
    ran = np.where(
        known, np.ceil(np.nan_to_num(stated)).astype(np.int64), -(-(end_ns - start_ns) // NS_PER_S)
    )
    sieve.drop(ran < 1, "zero_length", "duration_s" if known.any() else "end_s", "it ran for 0 seconds")
    wait = (
        np.where(started, start_ns // NS_PER_S - submit_ns // NS_PER_S, NONE) if start is not None else None
    )
    queued = reader.real("wait_s", 0, _MOST_S) if wait is None else None
    if queued is not None:
        wait = np.where(np.isnan(queued), NONE, np.floor(np.nan_to_num(queued))).astype(np.int64)
    return _Durations(submit_ns // NS_PER_S, ran, wait)


def _limits(reader: _Reader, duration: Ints, error: float) -> Ints:
    """The users' estimates; those that the log lacks are duration x (1 + error), and that is said."""
    sieve = reader.sieve
    stated = reader.real("limit_s", 0, _MOST_S)
    assumed = np.ceil(np.round(duration * (1.0 + error), 6)).astype(np.int64)
    missing = np.ones(len(duration), np.bool_) if stated is None else np.isnan(stated)
    limit = (
        assumed
        if stated is None
        else np.where(missing, assumed, np.ceil(np.nan_to_num(stated)).astype(np.int64))
    )
    if sieve.table.grace and (count := int((sieve.keep & (limit < duration)).sum())):
        said = "jobs ran over their time limit before they were stopped; it was raised to the duration"
        sieve.findings.append(finding("limit_raised", count, f"{count:,} {said}"))
        limit = np.maximum(limit, duration)
    sieve.drop(limit < duration, "limit", "limit_s", "the limit is below the duration")
    if count := int((missing & sieve.keep).sum()):
        sieve.findings.append(finding("limit_assumed", count, f"{count:,} jobs have no time limit in the log; it was "
                                      f"taken as duration x {1 + error:g}, which backfill then believes"))  # fmt: skip
    return limit


def _deadlines(reader: _Reader, clock: Clock, submit: Ints) -> Ints:
    """On the clock of the log; NONE = none."""
    times = clock.columns.get("deadline_s")
    if times is None:
        return np.full(len(submit), NONE, np.int64)
    reader.sieve.drop(
        times.known & (times.s < submit), "deadline", "deadline_s", "the deadline is before submission"
    )
    return np.where(times.known, times.s, NONE)


def _taken(sieve: Sieve, ours: str, rows: pa.Array) -> pa.Array | None:
    column = sieve.table.columns.get(ours)
    return None if column is None else as_text(column.take(rows))


def _status(column: pa.Array | None, rows: int) -> Ints:
    """Outcomes as indices into STATUS, by the first word of the log's."""
    found = np.full(rows, STATUS.index("unknown"), np.int64)
    if column is None:
        return found
    word = pc.replace_substring_regex(
        pc.utf8_lower(pc.utf8_trim_whitespace(column.fill_null(""))), r"[\s+].*$", ""
    )
    for name, words in _OUTCOMES.items():
        found[pc.is_in(word, pa.array(words)).to_numpy(zero_copy_only=False)] = STATUS.index(name)
    return found
