"""Runs of machines: which rows of a file of usage are one run, from its start to its end.

A minimum charge, granularity, and what a provider does not charge of an interrupted instance are about the run of an
instance, however many rows a file cuts it into: at each clock-hour, where the price changes, or where it serves another
workload.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simcost.tables.faults import Faults
from simcost.trace.usage.usage import Floats, Ints, UsageRows
from simcost.units import SECONDS_PER_HOUR

JOIN_S = 1e-3
"""Rows of one machine this close follow each other."""
_UNCLEAR = (
    "is interrupted, and another row of this SKU ends when it starts; AWS charges nothing for a run that it interrupts "
    "within its first hour: say in a column `resource` which machine each row is of"
)
_GOES_ON = (
    "is interrupted, but its machine runs on in the next row; mark the last row of the run, or give the next run a "
    "`resource` of its own"
)
_MACHINE = (0, 1, 2, 3, 5)
"""Parts of a key that distinguish machines: provider, SKU, region, zone, pricing; the account does not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MachineRuns:
    """Of each row, in the order of the rows: the run that it is a part of."""

    start_s: Floats
    end_s: Floats
    last: npt.NDArray[np.bool_]
    """True where the row lasts to the end of its run."""
    interrupted: npt.NDArray[np.bool_]
    """True where the provider ended the run: its last row says so."""

    @property
    def within_first_hour(self) -> npt.NDArray[np.bool_]:
        """True where the run ended before its first hour was over."""
        return self.end_s - self.start_s < SECONDS_PER_HOUR


def check_interruptions(usage: UsageRows, rows: Ints, runs: MachineRuns) -> None:
    """Raise FaultsError where rows do not tell which run was interrupted, of those that AWS would not charge."""
    aws_spot = np.array([key[0] == "aws" and key[5] == "spot" for key in usage.keys], np.bool_)
    marked = usage.interrupted[rows] & aws_spot[usage.line[rows]]
    named = np.zeros(len(rows), np.bool_) if usage.resource is None else usage.resource[rows] >= 0
    unclear = marked & ~named & runs.within_first_hour & _follows(usage, rows)
    goes_on = marked & named & ~runs.interrupted
    messages = {
        **dict.fromkeys(rows[unclear].tolist(), _UNCLEAR),
        **dict.fromkeys(rows[goes_on].tolist(), _GOES_ON),
    }
    if messages and usage.path is not None and usage.place is not None:
        faults = Faults(usage.path)
        place = usage.place
        faults.add_all(np.array(sorted(messages)), lambda row: (place(row), messages[int(row)]))
        faults.check()


def _follows(usage: UsageRows, rows: Ints) -> npt.NDArray[np.bool_]:
    """True where another row of the same line ends when a row starts."""
    times = np.concatenate([usage.start_s[rows], usage.end_s[rows]])
    instant = np.unique(np.round(times / JOIN_S), return_inverse=True)[1]
    start, end = (usage.line[rows] * len(times) + part for part in np.split(instant, 2))
    result: npt.NDArray[np.bool_] = np.isin(start, end[usage.end_s[rows] > usage.start_s[rows]])
    return result


def machine_runs(usage: UsageRows, rows: Ints) -> MachineRuns:
    """The runs of rows: those of one machine that follow each other. A row that names no machine is a run."""
    start, end = usage.start_s[rows], usage.end_s[rows]
    if usage.resource is None:
        return MachineRuns(
            start_s=start, end_s=end, last=np.ones(len(rows), np.bool_), interrupted=usage.interrupted[rows]
        )
    machine = _machines(usage)[usage.line[rows]]
    resource = np.where(usage.resource[rows] >= 0, usage.resource[rows], -1 - np.arange(len(rows)))
    order = np.lexsort((end, start, machine, resource))
    same = (np.diff(resource[order]) == 0) & (np.diff(machine[order]) == 0)
    until = _end_so_far(end[order], np.append(False, same))
    joined = same & (start[order][1:] <= until[:-1] + JOIN_S)
    run = np.empty(len(rows), np.int64)
    run[order] = np.cumsum(np.append(False, ~joined)) if len(rows) else 0
    count = int(run.max()) + 1 if len(rows) else 0
    first_s, last_s = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first_s, run, start)
    np.maximum.at(last_s, run, end)
    last = end >= last_s[run] - JOIN_S
    ended = np.zeros(count, np.bool_)
    np.logical_or.at(ended, run, last & usage.interrupted[rows])
    return MachineRuns(start_s=first_s[run], end_s=last_s[run], last=last, interrupted=ended[run])


def _machines(usage: UsageRows) -> Ints:
    """[line] The same number for lines that may be one machine."""
    known: dict[tuple[str, ...], int] = {}
    return np.array([known.setdefault(tuple(key[i] for i in _MACHINE), len(known)) for key in usage.keys], np.int64)


def _end_so_far(end: Floats, same: npt.NDArray[np.bool_]) -> Floats:
    """The latest end up to each row of its machine, rows of a machine in order of their starts."""
    by_end = np.argsort(end, kind="stable")
    rank = np.empty(len(end), np.int64)
    rank[by_end] = np.arange(len(end))
    offset = np.cumsum(~same) * len(end)
    latest = np.maximum.accumulate(rank + offset) - offset
    result: Floats = end[by_end][latest]
    return result
