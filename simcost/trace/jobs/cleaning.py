"""Cleaning of a job log to `Jobs`: impossible rows are rejected with a reason, derived values are computed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Floats, empty
from simcost.tables.typed import Cells, read_cells
from simcost.trace.jobs.dependencies import read_after
from simcost.trace.jobs.formats import JOBS
from simcost.trace.jobs.jobs import CHECKPOINTS, NONE, STATUS, Flags, Ints, Jobs
from simcost.trace.jobs.nodes import coded, compact_texts, repeated
from simcost.trace.jobs.rejections import Sieve, finding
from simcost.trace.jobs.times import LogTimes, Times, read_times
from simcost.trace.requests.writer import iso_utc
from simcost.units import NS_PER_S, how_many


@dataclass(frozen=True, slots=True)
class Columns:
    """Reads the columns of a table, and keeps out rows of its sieve."""

    sieve: Sieve

    def cells(self, ours: str) -> Cells | None:
        """A column as it is declared; rows with bad cells are kept out. None without such a column."""
        column, declared = self.sieve.table.columns.get(ours), JOBS.column(ours)
        if column is None:
            return None
        cells = read_cells(column, declared)
        if declared.on_bad == "drop":
            hint = " (a part of a GPU is gpus 1 with gpu_milli, such as 500)" if ours == "gpus" else ""
            self.sieve.drop(cells.bad, ours, ours, f"it is not {declared.expected}{hint}")
        return cells

    def ids(self) -> pa.Array:
        """Unique texts; without a column, the number of the row."""
        cells = self.cells("job_id")
        if cells is None:
            return pa.array(np.arange(1, len(self.sieve.table) + 1)).cast(pa.string())
        self.sieve.drop(cells.empty, "job_id", "job_id", "the id is missing")
        self.sieve.drop(repeated(cells.values), "duplicate", "job_id", "the id is there above")
        return cells.values

    def real(self, ours: str) -> Floats | None:
        """Numbers, NaN where empty or kept out; None without such a column."""
        cells = self.cells(ours)
        return None if cells is None else cells.values

    def whole(self, ours: str, otherwise: Ints | int) -> Ints:
        """Whole numbers; `otherwise` where empty."""
        cells = self.cells(ours)
        if cells is None:
            return otherwise if isinstance(otherwise, np.ndarray) else np.broadcast_to(otherwise, len(self.sieve.table))
        return np.where(cells.empty, otherwise, cells.values)

    def text(self, ours: str, kept: Ints | None) -> pa.Array | None:
        """Texts of the rows kept, None = all; None without such a column."""
        cells = self.cells(ours)
        return None if cells is None else _texts(cells.values, kept)

    def sizes(self) -> dict[str, Ints]:
        """GPUs, their elastic range, and the other things asked for."""
        sieve, columns = self.sieve, self.sieve.table.columns
        sieve.drop(empty(columns["gpus"], words=True), "gpus", "gpus", "the number of GPUs is missing")
        gpus = self.whole("gpus", 0)
        milli = self.whole("gpu_milli", 1000)
        sieve.drop((milli < 1000) & (gpus > 1), "gpu_milli", "gpu_milli", "only one GPU can be shared")
        sieve.drop((milli < 1) & (gpus == 1), "gpu_milli", "gpu_milli", "it must be from 1 to 1000")
        low, high = (self.whole(ours, gpus) for ours in ("min_gpus", "max_gpus"))
        sieve.drop(low > gpus, "min_gpus", "min_gpus", "more than the GPUs asked for")
        sieve.drop(high < gpus, "max_gpus", "max_gpus", "less than the GPUs asked for")
        cores = self.real("cpus")
        cpu_milli = 0 if cores is None else np.rint(np.nan_to_num(cores) * 1000).astype(np.int64)
        return {
            "gpus": gpus,
            "gpu_milli": np.where(gpus == 0, 1000, milli) if (gpus == 0).any() else milli,
            "min_gpus": low,
            "max_gpus": high,
            "cpu_milli": self.whole("cpu_milli", cpu_milli),
            "memory_mib": self.whole("memory_mib", 0),
            "priority": self.whole("priority", 0),
        }

    def flags(self, ours: str, *, otherwise: bool) -> Flags:
        """Yes or no; what is neither counts as `otherwise`."""
        cells = self.cells(ours)
        if cells is None:
            return np.broadcast_to(otherwise, len(self.sieve.table))
        flags: Flags = np.where(np.isnan(cells.values), otherwise, cells.values == 1)
        return flags


_REALS = ("state_bytes", "params", "ckpt_interval_s", "ckpt_write_s", "restart_s")
_BYTES_PER_PARAM = 14.0
"""Of a checkpoint of mixed-precision Adam: 12 to 16."""
_OTHER_UNITS = {"milliseconds": 1000.0, "minutes": 1 / 60, "hours": 1 / 3600}
"""Seconds in these, by which a duration may be wrong."""
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
    "killed": ("killed", "cancelled", "canceled", "preempted", "aborted", "terminated", "revoked", "requeued"),
}
"""Names of outcomes in the logs. A job that ran into its limit or lost a node failed, as the Helios paper counts."""


def jobs_of(sieve: Sieve, *, timezone: str, limit_error: float, source: str, running: bool = False) -> Jobs:
    """The good jobs of a log, sorted, their times from the first of them.

    Args:
        sieve: the table; its findings grow.
        timezone: of times without a zone.
        limit_error: time limits that the log lacks are duration x (1 + this).
        source: the name of the log.
        running: keep jobs that have not ended, up to the last time of the log.

    Raises:
        TraceError: no job is left, or the times are of two kinds.
    """
    sieve.check()
    sieve.drop(_blank(sieve), "blank", "", "the row is blank")
    columns = Columns(sieve)
    ids = columns.ids()
    clock = read_times(sieve, timezone)
    times = _spans(columns, clock, running=running)
    numbers = columns.sizes() | {
        "duration_s": times.duration,
        "limit_s": _limits(columns, times.duration, limit_error),
    }
    deadline = _deadlines(columns, clock, times.submit)
    reals = {ours: columns.real(ours) for ours in _REALS}
    after = read_after(sieve, ids)
    sieve.check()
    kept = _sorted(sieve, times.submit)
    submit = _taken(times.submit, kept)
    zero, count = int(submit[0]), len(submit)
    codes = {ours: coded(columns.text(ours, kept), count) for ours in ("pool", "user", "gpu_type")}
    known: dict[str, Any] = {name: _taken(values, kept) for name, values in numbers.items()}
    known |= {ours: None if (one := reals[ours]) is None else _taken(one, kept) for ours in CHECKPOINTS}
    known |= {name: values for name, (values, _) in codes.items()}
    due = _taken(deadline, kept)
    return Jobs(
        **known,
        job_id=compact_texts(_texts(ids, kept)),
        submit_s=submit - zero,
        deadline_s=due if due.strides == (0,) else np.where(due == NONE, NONE, due - zero),
        pools=codes["pool"][1],
        users=codes["user"][1],
        gpu_types=codes["gpu_type"][1],
        users_known=codes["user"][1] != ("",),
        status=_status(columns.text("status", kept), count),
        preemptible=_taken(columns.flags("preemptible", otherwise=True), kept),
        spot_ok=_taken(columns.flags("spot_ok", otherwise=False), kept),
        source=source,
        start_utc=iso_utc(zero * NS_PER_S) if clock.epoch else None,
        first_s=None if clock.epoch else float(zero),
        recorded_wait_s=None if times.wait is None else _taken(times.wait, kept),
        running=None if times.running is None else _taken(times.running, kept),
        state_bytes=_state(reals, kept),
        after=None if after is None else _taken(after, kept),
    )


def _taken(values: Any, kept: Ints | None) -> Any:
    """Rows of an array; None = all of them, without a copy."""
    return values if kept is None else values[kept]


def _texts(values: pa.Array, kept: Ints | None) -> pa.Array:
    return values if kept is None else values.take(pa.array(kept))


def _blank(sieve: Sieve) -> Flags:
    """Rows without anything in them."""
    blank = np.ones(len(sieve.table), np.bool_)
    for column in sieve.table.columns.values():
        blank &= empty(column)
    return blank


def _sorted(sieve: Sieve, submit: Ints) -> Ints | None:
    """The rows kept, by submission, None = all as they are; equal times keep the order of the log."""
    if sieve.keep.all() and not (np.diff(submit) < 0).any():
        return None
    kept = np.flatnonzero(sieve.keep)
    if late := int((np.diff(submit[kept]) < 0).sum()):
        sieve.findings.append(
            finding(
                "unsorted",
                late,
                f"{how_many(late, 'job was', 'jobs were')} submitted before the one above; the trace was sorted",
            )
        )
    return kept[np.argsort(submit[kept], kind="stable")]


@dataclass(frozen=True, slots=True)
class _Spans:
    """Times at which jobs were submitted, and how long they ran and waited."""

    submit: Ints
    """Seconds of the log's clock."""
    duration: Ints
    wait: Ints | None
    running: Flags | None
    """They have not ended, and last up to the last time of the log; None where such jobs are kept out."""


def _spans(columns: Columns, clock: LogTimes, *, running: bool) -> _Spans:
    """The spans of the jobs; those whose times contradict each other are kept out."""
    sieve = columns.sieve
    none = Times(np.zeros(len(sieve.keep), np.int64), np.zeros(len(sieve.keep), np.bool_))
    submit, start, end = (clock.columns.get(ours, none) for ours in ("submit_s", "start_s", "end_s"))
    sieve.drop(~submit.known, "submit", "submit_s", "the time of submission is missing")
    sieve.drop(start.known & (start.ns < submit.ns), "order", "start_s", "it started before it was submitted")
    sieve.drop(start.known & end.known & (end.ns < start.ns), "order", "end_s", "it ended before it started")
    open_ended = _running(columns, start, end) if running else None
    if open_ended is not None:
        end = _closed(sieve, (submit, start, end), open_ended)
    return _Spans(submit.s, _ran(columns, start, end), _waits(columns, submit, start), open_ended)


def _running(columns: Columns, start: Times, end: Times) -> Flags:
    """Jobs that started, and of which the log says neither an end, nor a duration, nor an outcome."""
    stated = columns.real("duration_s")
    lasting = start.known & ~end.known & columns.sieve.keep
    if stated is not None:
        lasting &= np.isnan(stated)
    running: Flags = lasting & (_status(columns.text("status", None), len(lasting)) == STATUS.index("unknown"))
    return running


def _closed(sieve: Sieve, times: tuple[Times, Times, Times], running: Flags) -> Times:
    """The ends, those of running jobs at the last time of the log, which a finding says."""
    *_, end = times
    last = max((int(one.ns[known].max()) for one in times if (known := one.known & sieve.keep).any()), default=0)
    if count := int(running.sum()):
        have = how_many(count, "job has", "jobs have")
        said = f"{have} not ended: the GPUs were taken as held up to the last time of the log"
        sieve.findings.append(finding("running", count, said))
    return Times(np.where(running, last, end.ns), end.known | running)


def _ran(columns: Columns, start: Times, end: Times) -> Ints:
    """Durations, as stated or from start to end; jobs that did not start or have not ended are kept out."""
    sieve = columns.sieve
    stated = columns.real("duration_s")
    known = np.zeros(len(sieve.keep), np.bool_) if stated is None else ~np.isnan(stated)
    unknown = "so how long it runs is unknown"
    if start.known.any():
        sieve.drop(~known & ~start.known, "never_started", "start_s", f"it never started, {unknown}")
    if end.known.any():
        sieve.drop(~known & ~end.known, "running", "end_s", f"it has not ended, {unknown}")
    sieve.drop(~known & ~(start.known & end.known), "duration", "duration_s", "how long it ran is missing")
    ran = -(-(end.ns - start.ns) // NS_PER_S)
    if stated is not None:
        _contradicted(sieve, stated, np.where(start.known & end.known, ran, 0))
        ran = np.where(known, np.ceil(np.nan_to_num(stated)), ran).astype(np.int64)
    sieve.drop(ran < 1, "zero_length", "end_s" if stated is None else "duration_s", "it ran for 0 seconds")
    return ran


def _contradicted(sieve: Sieve, stated: Floats, ran: Ints) -> None:
    """Say which stated durations are longer than from start to end (`ran`, 0 = unknown), or less than half of it: a
    job that was suspended runs a part of that time, and no job longer. A second is rounding.
    """
    other = sieve.keep & (ran > 0) & (stated > 0) & ((stated > ran + 1) | (2 * (stated + 1) < ran))
    if not (count := int(other.sum())):
        return
    ratio = float(np.median(stated[other] / ran[other]))
    unit = next((name for name, x in _OTHER_UNITS.items() if x / 1.2 < ratio < x * 1.2), "")
    hint = f" (in {unit}?)" if unit else ""
    have = how_many(count, "job has", "jobs have")
    said = f"{have} a duration that is not the time from start to end{hint}; the duration was taken"
    first = sieve.place_of(int(other.argmax()), "duration_s")
    sieve.findings.append(finding("duration_differs", count, f"{said}; first: {first}"))


def _waits(columns: Columns, submit: Times, start: Times) -> Ints | None:
    """Recorded waits, from the starts, else as stated; None where the log has neither."""
    if start.known.any():
        return np.where(start.known, start.s - submit.s, NONE)
    stated = columns.real("wait_s")
    if stated is None:
        return None
    return np.where(np.isnan(stated), NONE, np.floor(np.nan_to_num(stated))).astype(np.int64)


def assumed_limits(duration_s: Ints, error: float) -> Ints:
    """Limits of users who add this share to the duration."""
    longer: Ints = np.ceil(np.round(duration_s * (1.0 + error), 6)).astype(np.int64) if error else duration_s
    return longer


def _limits(columns: Columns, duration: Ints, error: float) -> Ints:
    """The users' estimates; those that the log lacks are duration x (1 + error), and a finding says so."""
    sieve = columns.sieve
    stated = columns.real("limit_s")
    assumed = assumed_limits(duration, error)
    missing = np.ones(len(duration), np.bool_) if stated is None else np.isnan(stated)
    limit = assumed
    if stated is not None:
        limit = np.where(missing, assumed, np.ceil(np.nan_to_num(stated))).astype(np.int64)
    if sieve.table.grace and (count := int((sieve.keep & (limit < duration)).sum())):
        ran = how_many(count, "job ran", "jobs ran")
        said = f"{ran} over the time limit before being stopped; it was raised to the duration"
        sieve.findings.append(finding("limit_raised", count, said))
        limit = np.maximum(limit, duration)
    sieve.drop(limit < duration, "limit", "limit_s", "the limit is below the duration")
    if count := int((missing & sieve.keep).sum()):
        have, factor = how_many(count, "job has", "jobs have"), f" x {1 + error:g}" if error else ""
        sieve.findings.append(
            finding(
                "limit_assumed",
                count,
                f"{have} no time limit in the log; the duration{factor} was taken, which backfill then believes",
            )
        )
    return limit


def _state(reals: dict[str, Floats | None], kept: Ints | None) -> Floats | None:
    """Size of a checkpoint: as stated, else 14 bytes a parameter."""
    stated, params = reals["state_bytes"], reals["params"]
    if params is None:
        return None if stated is None else _taken(stated, kept)
    guess = params * _BYTES_PER_PARAM
    result: Floats = _taken(guess if stated is None else np.where(np.isnan(stated), guess, stated), kept)
    return result


def _deadlines(columns: Columns, clock: LogTimes, submit: Ints) -> Ints:
    """On the clock of the log; NONE = none."""
    times = clock.columns.get("deadline_s")
    if times is None:
        return np.broadcast_to(np.int64(NONE), len(submit))
    passed = times.known & (times.s < submit)
    columns.sieve.drop(passed, "deadline", "deadline_s", "the deadline is before submission")
    return np.where(times.known, times.s, NONE)


def _status(column: pa.Array | None, rows: int) -> Ints:
    """Outcomes as indices into STATUS, by the first word of the log's."""
    if column is None:
        return np.broadcast_to(STATUS.index("unknown"), rows)
    result = np.full(rows, STATUS.index("unknown"), np.int64)
    text = pc.utf8_lower(column)
    word = pc.replace_substring_regex(text, r"[\s+].*$", "")
    for name, words in _OUTCOMES.items():
        result[pc.is_in(word, pa.array(words)).to_numpy(zero_copy_only=False)] = STATUS.index(name)
    return result
