"""Capacity that holds so many units at each instant, shared out among lines of usage instant by instant.

What one holding covers, no other covers too: two contracts of one machine each hold as much as one contract of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.billing.metering import Floats, Metered
from simcost.units import SECONDS_PER_HOUR

_CELLS = 4_000_000
"""Instants times lines that are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """So many units at each instant of a time, in hours from the start of the account."""

    units: float
    from_h: float
    to_h: float


def shared_out(
    account: Metered, held: Sequence[Holding], turns: Sequence[tuple[int, int]]
) -> tuple[dict[tuple[int, int], Floats], list[Floats]]:
    """[hour] Unit-hours that each line takes of each holding, by turn, and those of each holding that nothing takes.

    Args:
        account: what was metered; its runs say when.
        held: the capacity.
        turns: (holding, line) in their order; a line takes what is left of itself and of the holding.
    """
    count, lines = len(account.length_h), sorted({line for _, line in turns})
    at = {line: i for i, line in enumerate(lines)}
    time_h, row, change = _changes(account, held, lines)
    width = np.diff(np.append(time_h, time_h[-1]))
    hour = np.clip(time_h.astype(np.int64), 0, count - 1)
    taken, idle = {turn: np.zeros(count) for turn in turns}, [np.zeros(count) for _ in held]
    so_far = np.zeros(len(lines))
    step = max(_CELLS // (len(lines) + len(held)), 1)
    for first in range(0, len(time_h), step):
        part = slice(first, first + step)
        used = _used(row[part], change[part], so_far)
        so_far = used[:, -1].copy()
        left = np.maximum(used, 0.0)
        free = [_there(one, time_h[part], account.span_h) for one in held]
        for turn in turns:
            holding, line = turn[0], at[turn[1]]
            now = np.minimum(left[line], free[holding])
            left[line] -= now
            free[holding] = free[holding] - now
            taken[turn] += np.bincount(hour[part], now * width[part], minlength=count)
        for holding, rest in enumerate(free):
            idle[holding] += np.bincount(hour[part], rest * width[part], minlength=count)
    return {turn: np.round(hours, 12) for turn, hours in taken.items()}, [np.round(hours, 12) for hours in idle]


def _changes(account: Metered, held: Sequence[Holding], lines: Sequence[int]) -> tuple[Floats, Any, Floats]:
    """Instants in their order, the place among the lines of what changes there, and by how many units; -1 = no line."""
    runs, span_h = account.runs, float(account.span_h)
    known = np.isin(runs.line, lines)
    place = np.searchsorted(lines, runs.line[known])
    begin, end = (np.clip(time_s[known] / SECONDS_PER_HOUR, 0.0, span_h) for time_s in (runs.start_s, runs.end_s))
    edges = [edge for one in held for edge in (max(one.from_h, 0.0), min(one.to_h, span_h))]
    marks = np.concatenate([np.arange(len(account.length_h) + 1, dtype=np.float64), np.clip(edges, 0.0, span_h)])
    time_h = np.concatenate([begin, end, marks])
    row = np.concatenate([place, place, np.full(len(marks), -1)])
    change = np.concatenate([runs.units[known], -runs.units[known], np.zeros(len(marks))])
    order = np.argsort(time_h, kind="stable")
    return time_h[order], row[order], change[order]


def _used(row: Any, change: Floats, so_far: Floats) -> Floats:
    """[line, instant] Units in use."""
    used = np.zeros((len(so_far), len(row)))
    known: npt.NDArray[np.int64] = np.flatnonzero(row >= 0)
    used[row[known], known] = change[known]
    if len(so_far):
        used[:, 0] += so_far
    result: Floats = np.cumsum(used, axis=1)
    return result


def _there(one: Holding, time_h: Floats, span_h: float) -> Floats:
    """[instant] Units of a holding from there on."""
    return np.where((time_h >= max(one.from_h, 0.0)) & (time_h < min(one.to_h, span_h)), one.units, 0.0)
