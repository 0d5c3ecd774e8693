"""Ceiling of a history: its largest value, where demand stays at it and never goes beyond, as GPUs of a full pool."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simcost.forecast.level_error import at_or_above_zero
from simcost.forecast.models.intermittent import MOSTLY_ZERO
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats
from simcost.units import format_count


def ceiling_of(values: Floats, season: Season) -> float:
    """Largest value of a history in steps below a day, where a day's worth of steps is at exactly it, the first of them
    before the last third, and it came back to it; else infinity.

    Demand without a ceiling is at its largest value once, counts a few times; what grows in steps, as the machines of
    a fleet, is so late, and without a break. Counts that are mostly 0 may be at 1 for a day's worth of steps before the
    first 2, and have none; nor has a history that is one value throughout.
    """
    known = values[np.isfinite(values)]
    if season.long is None or len(known) == 0:
        return np.inf
    most = float(known.max())
    at_most = known == most
    count = int(at_most.sum())
    if count < season.short or count == len(known) or np.mean(known == 0) > MOSTLY_ZERO:
        return np.inf
    first, last = np.flatnonzero(at_most)[[0, -1]]
    came_back = last - first >= count
    return most if came_back and first < 2 / 3 * len(known) else np.inf


def below(paths: Floats, ceiling: float, day: int) -> Floats:
    """The paths, none above the ceiling; what is cut off comes in the other steps of its day, as far as they have room.

    A model is fitted to what was recorded, cut already: days of paths that are only cut would come too low.
    """
    if not (paths > ceiling).any():
        return paths
    return ceiling - at_or_above_zero(ceiling - paths, day)


def of_ceiling(values: Floats, ceiling: float) -> Iterator[dict[str, str]]:
    """A finding that no future goes beyond the ceiling of a history."""
    if ceiling < np.inf:
        share = 100 * float(np.mean(values == ceiling))
        yield {
            "kind": "ceiling",
            "message": f"{share:.0f} % of the history is at exactly {format_count(ceiling)} and none is above it: "
            "taken as a ceiling, such as the size of a pool, and no future goes beyond it but by events that you "
            "state; what was wanted beyond it was not recorded; if the ceiling will rise, state the growth",
        }
