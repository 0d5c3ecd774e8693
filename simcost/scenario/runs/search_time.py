"""Time that a search takes: a rough estimate before its first simulation, then by those that have ended."""

from __future__ import annotations

from logging import getLogger
from math import inf
from pathlib import Path
from time import monotonic

from simcost.units import SECONDS_PER_DAY, format_seconds, plural

LONG_S = 600.0
"""Time to come from which on a search is said to be long."""
SURE_S = 60.0
"""Time after which the first simulations tell it."""
REQUEST_S = 4e-7
"""CPU time of a request in a simulation, roughly: of a day of 691,000 requests 0.25 to 0.45 µs."""
FEW_SEEDS, SHORT_S = 5, float(SECONDS_PER_DAY)
"""Replications and horizon of a coarse search."""
_LOG = getLogger(__name__)


def usual_simulations(plans: int, seeds: int) -> int:
    """Number of simulations that a search of so many plans usually takes: bounds leave few plans of large spaces.

    >>> usual_simulations(40, 5), usual_simulations(1560, 5), usual_simulations(5520, 5)  # were 48, 116 and 58
    (30, 120, 120)
    """
    return min(plans // 4, 20 * seeds) + 4 * seeds


class SearchTime:
    """Time of a search, with a warning where it is long.

    Args:
        path: the scenario.
        seeds: replications.
        horizon_s: length of each.
        requests: in each, about; 0 or infinite (of clients that wait for answers) = not known.
        jobs: simulations at a time.
        what: name of the search.
        coarser: clause on what else takes less; empty = nothing else is known.
    """

    def __init__(
        self,
        path: Path,
        *,
        seeds: int,
        horizon_s: float,
        jobs: int,
        requests: float = 0.0,
        what: str = "search",
        coarser: str = "coarser values of `vary` take less too",
    ) -> None:
        self._path, self._seeds, self._horizon_s = path, seeds, horizon_s
        self._what, self._coarser = what, coarser
        self._requests, self._jobs = requests, jobs
        self._expected, self._begun_s, self._warned = 1, monotonic(), False

    def begin(self, plans: int) -> None:
        """Estimate the time of a race of so many plans, which begins now."""
        self._expected, self._begun_s = usual_simulations(plans, self._seeds), monotonic()
        self.warn_if_long(self._expected)

    def warn_if_long(self, simulations: float) -> None:
        """Warn where so many simulations take long, by the number of requests."""
        self._warn(simulations * self._requests * REQUEST_S / self._jobs)

    def warn_by_pace(self, share: float) -> None:
        """Warn where the search takes long, by the time in which a share of it was done."""
        spent_s = monotonic() - self._begun_s
        if spent_s > SURE_S and share > 0:
            self._warn(spent_s * (1 - share) / share)

    def progress(self, done: int) -> tuple[float, str]:
        """Share done, and words for it, after so many simulations."""
        share = min(done / max(self._expected, done + 1), 0.99)
        self.warn_by_pace(share)
        return share, plural(done, "simulation")

    def _warn(self, left_s: float) -> None:
        if not LONG_S < left_s < inf or self._warned:
            return
        self._warned = True
        _LOG.warning(
            "%s: the %s takes about %s: %s; what is simulated is kept",
            self._path,
            self._what,
            format_seconds(left_s),
            "; ".join(filter(None, [self._coarse(left_s), self._coarser])),
        )

    def _coarse(self, left_s: float) -> str:
        """A coarser search and its time."""
        words, share = [], 1.0
        if self._seeds > FEW_SEEDS:
            words.append(f"--seeds {FEW_SEEDS}")
            share *= FEW_SEEDS / self._seeds
        if self._horizon_s > SHORT_S:
            words.append("a horizon of 1d")
            share *= SHORT_S / self._horizon_s
        if not words:
            return "a shorter horizon takes less"
        return f"{' and '.join(words)} would take about {format_seconds(share * left_s)}"
