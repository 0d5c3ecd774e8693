"""The driver of a closed loop of clients: owns what they remember."""

from __future__ import annotations

import numpy as np

from simcost.sim.by_reference import Loop
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import closed_state as own
from simcost.sim.serving.engine.closed_entries import advance_closed, advance_closed_informed
from simcost.sim.serving.engine.closed_state import ClosedLoop
from simcost.sim.serving.engine.layout import INFORMED, NIL, Ints, State
from simcost.trace.requests.batch import Tokens
from simcost.trace.workload.closed import ClosedWorkload


class ClosedClients:
    """The clients of a closed loop, before the first of them has sent.

    Args:
        workload: how many there are, and when.
        clock: the integer clock of the run.
    """

    def __init__(self, workload: ClosedWorkload, clock: Clock) -> None:
        self._loop: Loop[tuple[int, int]] | None = None
        count, stages = workload.most_clients, workload.stages()
        heap = np.zeros((2 * count + len(stages), 3), np.int64)
        heap[: len(stages)] = [(clock.ticks(at_s), own.STAGE, k) for k, (at_s, _) in enumerate(stages)]
        clients = np.zeros((count, own.CLIENT), np.int64)
        clients[:, own.OPEN], clients[:, own.PARKED] = NIL, 1
        totals = np.zeros(own.TOTALS, np.int64)
        totals[own.COUNT], totals[own.FINISHED] = len(stages), NIL
        self.state = ClosedLoop(
            totals=totals,
            stages=np.array([(clock.ticks(at_s), clients) for at_s, clients in stages], np.int64),
            heap=heap,
            clients=clients,
            free=np.zeros((count, 2), np.int64),
            backoff=np.array([clock.ticks(workload.backoff)], np.int64),
        )

    def advance(
        self,
        engine: State,
        requests: tuple[Ints, Tokens, Tokens, Ints],
        i: int,
        final: bool,
        until: int,
    ) -> tuple[int, int]:
        """As `entries.advance`; the last of `requests` are think times."""
        if self._loop is None:
            self._loop = Loop(advance_closed_informed if engine.parameters[INFORMED] else advance_closed)
        return self._loop((engine, self.state), *requests, i, final, until)

    def forget_rows(self) -> None:
        """The rows of the engine start again; all that there were have been read."""
        self.state.totals[own.READ] = 0
