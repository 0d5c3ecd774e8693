"""Notes of the requests of a pool at instants of a run, for the tables of its ledger."""

import numpy as np

from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER, Ints, State
from simcost.sim.serving.pool_observation import PoolObservation

NOTED = ("arrived", "running", "waiting", "kv_tokens")
"""Columns of a note: requests since the start, running, waiting with those at the gateway; tokens in the caches."""


class PoolNotes:
    """Notes that were taken, and the instants at which others will be.

    Args:
        state: of the data plane, which fills a row of `noted` at each instant that is `due`.
    """

    def __init__(self, state: State) -> None:
        self._totals, self._due, self._noted = state.totals, state.due, state.noted
        self._waiting, self._before = 0, 0
        self._done: list[Ints] = []

    @property
    def is_full(self) -> bool:
        """True if no more instants can wait."""
        return self._waiting == len(self._noted)

    def wait_for(self, ticks: int) -> int:
        """Have the pool noted at an instant that is not before the last one; number of the note."""
        if self.is_full:
            self._collect()
        self._due[self._waiting] = ticks
        self._waiting += 1
        return self._before + self._waiting - 1

    def add(self, seen: PoolObservation) -> int:
        """Note the pool; number of the note."""
        self._done.append(np.array([[seen.arrived, seen.running, seen.waiting, seen.kv_tokens]], np.int64))
        self._before += 1
        return self._before - 1

    def rows(self) -> Ints:
        """[note, column of NOTED]; the data plane has been played past all instants."""
        self._collect()
        rows: Ints = np.concatenate([*self._done, np.zeros((0, col.NOTE), np.int64)])
        return rows

    def _collect(self) -> None:
        """Take over what was noted at the instants that waited."""
        assert self._totals[col.NOTED] == self._waiting  # noqa: S101 - the data plane was played past them
        self._done.append(self._noted[: self._waiting].copy())
        self._before += self._waiting
        self._due[: self._waiting] = NEVER
        self._totals[col.NOTED] = self._waiting = 0
