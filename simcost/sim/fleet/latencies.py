"""Histograms of latency since the start, as a counter that a scraper reads."""

import numpy as np

from simcost.sim.fleet.scrape_samples import Ints
from simcost.sim.serving.engine import layout as at
from simcost.sim.serving.engine_driver import DataPlane


class Latencies:
    """The data plane counts by window of arrival; here all windows are one, and only those that changed are read."""

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane
        histograms = plane.state.histograms
        self._seen = histograms.copy()
        self._completed = plane.state.windows[:, at.W_COMPLETED].copy()
        self._total: Ints = histograms.sum(axis=0, dtype=np.int64)

    def read(self) -> Ints:
        """[metric, bucket] counts up to now."""
        completed, histograms = self.plane.state.windows[:, at.W_COMPLETED], self.plane.state.histograms
        changed = np.flatnonzero(completed != self._completed)
        if len(changed):
            self._total = self._total.copy()
        for window in changed:
            self._total += histograms[window] - self._seen[window]
            self._seen[window] = histograms[window]
        self._completed[:] = completed
        return self._total
