"""Jobs that wait for the end of others: the ids they name, and those that could never start."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.tables.cells import as_text
from simcost.trace.jobs.rejections import Sieve, finding
from simcost.units import how_many

_BETWEEN = re.compile(r"[\s;,|:]+")
_WORDS = frozenset({"", "after", "afterany", "afterok", "afternotok", "aftercorr", "singleton"})
"""Words that Slurm writes around the ids of a dependency; each counts as waiting for the end."""


def read_after(sieve: Sieve, ids: pa.Array) -> npt.NDArray[np.object_] | None:
    """Of each row, the ids of the jobs whose end it waits for; None if no row waits.

    Rows that wait for themselves, over others or not, and those that wait for such rows are kept out. Who is not among
    the jobs kept has ended already, which is said.
    """
    column = sieve.table.columns.get("after")
    if column is None:
        return None
    waits = _named(as_text(column).to_pylist(), sieve)
    if not waits:
        return None
    names = ids.to_pylist()
    row_of = {names[int(row)]: int(row) for row in np.flatnonzero(sieve.keep)}
    _say_missing(sieve, waits, row_of)
    stuck = np.zeros(len(sieve.keep), np.bool_)
    stuck[_stuck({row: [row_of[name] for name in said if name in row_of] for row, said in waits.items()})] = True
    sieve.drop(stuck, "circle", "after", "it waits for its own end, over others or not, or for a job that does")
    result = np.empty(len(sieve.keep), np.object_)
    result[:] = [()] * len(result)
    for row, said in waits.items():
        result[row] = said
    return result


def _named(cells: list[Any], sieve: Sieve) -> dict[int, tuple[str, ...]]:
    """The ids that each row kept names."""
    result = {}
    for row in np.flatnonzero(sieve.keep).tolist():
        said = tuple(dict.fromkeys(name for name in _BETWEEN.split(cells[row] or "") if name.lower() not in _WORDS))
        if said:
            result[row] = said
    return result


def _say_missing(sieve: Sieve, waits: dict[int, tuple[str, ...]], row_of: dict[str, int]) -> None:
    missing = [(row, name) for row, said in waits.items() for name in said if name not in row_of]
    if missing:
        row, name = missing[0]
        count = len({row for row, _ in missing})
        sieve.findings.append(
            finding(
                "after_unknown",
                count,
                f"{how_many(count, 'job waits', 'jobs wait')} for jobs that are not among "
                f"those kept; they were taken to have ended; first: {sieve.table.place(row)}: job {name}",
            )
        )


def _stuck(waits: dict[int, list[int]]) -> list[int]:
    """Rows that can never start: on a circle, or behind one."""
    open_ = {row: len(said) for row, said in waits.items()}
    followers: dict[int, list[int]] = {}
    for row, said in waits.items():
        for other in said:
            followers.setdefault(other, []).append(row)
    free = [row for row in followers if not open_.get(row)]
    while free:
        for row in followers.get(free.pop(), ()):
            open_[row] -= 1
            if not open_[row]:
                free.append(row)
    return [row for row, count in open_.items() if count]
