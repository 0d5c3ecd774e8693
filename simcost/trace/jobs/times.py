"""Times of jobs in whole columns: seconds since 1970 or since an unknown zero, local time turned into UTC."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.calendar import find_zone
from simcost.tables.cells import Flags, Ints, empty
from simcost.tables.dates import (
    EPOCH_S,
    TimeRule,
    TimeSource,
    instants,
    time_findings,
    time_rule,
    without_zone,
)
from simcost.trace.jobs.rejections import Sieve, finding
from simcost.trace.series.local_time import offsets
from simcost.units import NS_PER_S, how_many

_LATEST_NS = 2**62
_CLOCK = r"^(?:(?P<d>\d{1,6})-)?(?:(?P<h>\d{1,6}):)?(?P<m>\d{1,6}):(?P<s>\d{1,6})(?:\.\d+)?$"
_WITH_HOURS = _CLOCK.replace(":)?(?P<m>", ":)(?P<m>")
_ORDER = (("submit_s", "start_s"), ("submit_s", "end_s"), ("start_s", "end_s"), ("submit_s", "deadline_s"))
"""Times of which the second is never before the first."""


def seconds_of_clock(text: pa.Array, *, hours: bool = False) -> pa.Array:
    """`[days-][hours:]minutes:seconds` as seconds, still text; other cells stay as they are.

    Args:
        text: the cells.
        hours: True = only with hours: of two numbers in any log, nothing says which units they are.
    """
    parts = pc.extract_regex(text, _WITH_HOURS if hours else _CLOCK)
    if parts.null_count == len(parts):
        return text
    total = pa.scalar(0, pa.int64())
    for name, unit in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        part = pc.struct_field(parts, name)
        number = pc.if_else(pc.equal(part, ""), "0", part).cast(pa.int64())
        total = pc.add(total, pc.multiply(number, unit))
    return pc.coalesce(total.cast(pa.string()), text)


@dataclass(frozen=True, slots=True)
class Times:
    """A column of times."""

    ns: Ints
    known: Flags
    """False where the cell is empty; bad cells are kept out already."""

    @property
    def s(self) -> Ints:
        """Whole seconds, rounded down."""
        return self.ns // NS_PER_S


@dataclass(frozen=True, slots=True)
class LogTimes:
    """All times of a log, on one clock."""

    columns: dict[str, Times]
    epoch: bool
    """True if they count from 1970-01-01 UTC."""


def read_times(sieve: Sieve, timezone: str) -> LogTimes:
    """The times of a log; rows with cells that are no times are kept out.

    Times without a zone are of `timezone`; where some rows say a zone and others do not, the others are
    ambiguous and kept out.

    Raises:
        TraceError: some columns are dates and others counts from an unknown start.
        InputError: unknown time zone.
    """
    find_zone(timezone)
    found: dict[str, Times] = {}
    naive: dict[str, Flags] = {}
    rules = _rules(sieve)
    sieve.findings += [
        finding(*found) for found in time_findings({sieve.table.theirs[ours]: rule for ours, rule in rules.items()})
    ]
    epochs = {ours: rule.epoch for ours, rule in rules.items()}
    for ours, rule in rules.items():
        column = sieve.table.columns[ours]
        known = ~empty(column, words=True)
        ns, ok = instants(column, rule)
        ok &= (np.abs(ns) < _LATEST_NS) & (rule.epoch | (ns >= 0))
        bad = known & ~ok
        sieve.drop(bad, "time", ours, f"no time, negative, or out of range{_milliseconds(ours, column, bad, rule)}")
        found[ours] = Times(ns, known)
        if rule.unit is None:
            naive[ours] = known & without_zone(column, rule)
    if len(set(epochs.values())) > 1:
        said = ", ".join(
            f"{sieve.table.theirs[ours]} {'dates' if epoch else 'seconds from a start'}"
            for ours, epoch in epochs.items()
        )
        raise TraceError(f"{sieve.path}: its times are of two kinds: {said}; write all of them in one way")
    _mixed(sieve, found, naive)
    if timezone == "UTC" and "submit_s" in naive and (count := int((naive["submit_s"] & sieve.keep).sum())):
        have = how_many(count, "job has", "jobs have")
        sieve.findings.append(
            finding(
                "no_zone",
                count,
                f"{have} times without a zone; they were read as UTC; if they are of another one, pass --timezone",
            )
        )
    later = {ours: found[ours].ns for ours in found}
    for ours, flags in naive.items():
        found[ours], later[ours] = _utc(sieve, ours, found[ours], flags, timezone)
    return LogTimes(_in_order(found, later), all(epochs.values()))


def _rules(sieve: Sieve) -> dict[str, TimeRule]:
    """Rules for the columns that hold times. Where one counts from an unknown start, none is days of a spreadsheet."""
    rules = {}
    for ours in ("submit_s", "start_s", "end_s", "deadline_s"):
        column = sieve.table.columns.get(ours)
        if column is not None and (known := ~empty(column, words=True)).any():
            source = TimeSource(place=str(sieve.path))
            rules[ours] = time_rule(column.filter(pa.array(known)), sieve.table.theirs[ours], None, source)
    if all(rule.epoch for rule in rules.values()):
        return rules
    seconds = TimeRule("s", epoch=False, guessed=True)
    return {ours: seconds if rule.serial else rule for ours, rule in rules.items()}


def _milliseconds(ours: str, column: pa.Array, bad: Flags, rule: TimeRule) -> str:
    """A hint, if cells are dates of our time in milliseconds where the name says seconds."""
    if rule.unit != "s" or not bad.any():
        return ""
    ns, ok = instants(column.filter(pa.array(bad)), TimeRule("ms", epoch=True))
    dates = ok & (ns >= EPOCH_S[0] * NS_PER_S) & (ns < EPOCH_S[1] * NS_PER_S)
    called = f"{ours.removesuffix('_s')}_ms"
    return f" (milliseconds? call the column {called}, and pass --map {ours}={called})" if dates.any() else ""


def _mixed(sieve: Sieve, found: dict[str, Times], naive: dict[str, Flags]) -> None:
    """Keep out the dates without a zone of a log whose other dates have one."""
    if any((sieve.keep & found[ours].known & ~flags).any() for ours, flags in naive.items()):
        for ours, flags in naive.items():
            sieve.drop(flags, "zone", ours, "the time says no zone, but others of this log do")


def _utc(sieve: Sieve, ours: str, times: Times, naive: Flags, timezone: str) -> tuple[Times, Ints]:
    """Local times of the zone as UTC: of an hour that the clock showed twice, the first; and the nanoseconds of the
    second.
    """
    at = np.flatnonzero(naive & sieve.keep)
    if timezone == "UTC" or len(at) == 0:
        return times, times.ns
    seconds, rest = np.divmod(times.ns[at], NS_PER_S)
    earlier, later, shown = offsets(timezone, seconds).utc(seconds)
    first, second, skipped = times.ns.copy(), times.ns.copy(), np.zeros(len(naive), np.bool_)
    first[at], second[at], skipped[at] = earlier * NS_PER_S + rest, later * NS_PER_S + rest, ~shown
    sieve.drop(skipped, "clock", ours, f"the clocks of {timezone} skipped this time in spring")
    if twice := int((earlier != later).sum()):
        lie = how_many(twice, "time", "times") + f" of {sieve.table.theirs[ours]} {'lies' if twice == 1 else 'lie'}"
        sieve.findings.append(
            finding(
                "clock_twice",
                twice,
                f"{lie} in an hour that the clocks of {timezone} showed twice; the first was taken, the second where a "
                "job would else start before it was submitted or end before it started",
            )
        )
    return Times(first, times.known), second


def _in_order(found: dict[str, Times], later: dict[str, Ints]) -> dict[str, Times]:
    """The times; of those that the clock showed twice, the second where that alone puts the times of a job in order."""
    result = dict(found)
    for before, ours in _ORDER:
        if ours in result and before in result:
            times, than = result[ours], result[before]
            second = times.known & than.known & (times.ns < than.ns) & (later[ours] >= than.ns)
            result[ours] = Times(np.where(second, later[ours], times.ns), times.known)
    return result
