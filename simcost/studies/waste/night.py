"""Shut at night: GPUs that stay idle in the same hours of most days are switched off in them."""

from math import ceil

import numpy as np

from simcost.studies.waste.action import Action, ordered
from simcost.studies.waste.buckets import Waste
from simcost.studies.waste.clock import local_start_s, spread
from simcost.studies.waste.sweep import Floats, Ints

QUIET_DAYS = 0.8
FEWEST_DAYS = 3
HOURS = 24


def shut_at_night(waste: Waste, timezone: str) -> list[Action]:
    """Switch off, in each hour of the day, as many GPUs of a unit as stayed idle all through it on 80 % of days.

    Idle is free with nobody waiting, or held at duty 0. Low: as many as stayed idle on every day, of at least
    three. High: every hour that was idle throughout, known in advance.
    """
    samples = waste.samples
    idle = np.floor(waste.seconds["free_idle"] / samples.hold_s + 1e-9)
    idle += np.where(samples.duty == 0, samples.allocated, 0.0)
    start_s = local_start_s(samples, timezone)
    row, cell, seconds = spread(start_s, start_s + samples.hold_s, 3600.0)
    lo, expected, hi = _quiet(samples.unit[row], cell, idle[row], seconds)
    if not expected > 0:
        return []
    days = samples.span_s / 86400.0
    few = days < FEWEST_DAYS
    short = f"; {days:.1f} days are too few to bound it from below" if few else ""
    rule = (f"in each hour of the day, off are as many GPUs of a unit as did nothing all through that hour on "
            f"{100 * QUIET_DAYS:.0f} % of the days; assumes that they start again when the hour ends, that work at "
            f"duty 0 can be stopped, and that provider and contract bill by the hour{short}")  # fmt: skip
    return [Action(action="shut at night", where="all", buckets=("allocated_idle", "free_idle"), effect="release",
                   saves_gpu_s=ordered(0.0 if few else lo, expected, hi), rule=rule)]  # fmt: skip


def _quiet(unit: Ints, cell: Ints, idle: Floats, seconds: Floats) -> tuple[float, float, float]:
    """GPU-seconds of hours off: of GPUs idle on all days, on most days, on that day."""
    cell = cell - cell.min() // HOURS * HOURS
    width = int(cell.max()) + 1
    keys, group = np.unique(unit * width + cell, return_inverse=True)
    least = np.full(len(keys), np.inf)
    np.minimum.at(least, group, idle)
    observed = np.bincount(group, seconds)
    hour = keys // width * HOURS + keys % width % HOURS
    order = np.lexsort((-least, hour))
    begin = np.flatnonzero(np.append(True, np.diff(hour[order]) != 0))
    days = np.diff(np.append(begin, len(order)))
    most = begin + np.array([ceil(QUIET_DAYS * count - 1e-9) for count in days.tolist()]) - 1
    every = begin + days - 1
    ranked = least[order]
    always, mostly = (np.minimum(np.repeat(ranked[at], days), ranked) for at in (every, most))
    observed = observed[order]
    return float(always @ observed), float(mostly @ observed), float(ranked @ observed)
