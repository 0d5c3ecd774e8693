"""The driver of clients who send requests again: owns what they remember, and counts requests as they see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.ledger import Buckets
from simcost.plan.retries import Retries
from simcost.sim.clock import Clock
from simcost.sim.kernel import attempts
from simcost.sim.kernel import layout as at
from simcost.sim.kernel.clients import advance_clients
from simcost.sim.kernel.layout import NIL, Ints, State

_ENTRIES = 1 << 10
_ON = {"rejected": at.IS_REJECTED, "timeout": at.IS_TIMED_OUT, "lost": at.IS_LOST}


class People:
    """The clients of one pool.

    Args:
        retries: what they do when a request fails.
        clock: the integer clock of the run.
        windows: number of the windows that outcomes are counted in.
        on_rows: takes rows of requests (layout.R_*) as they come; None = rows are not kept.
    """

    def __init__(
        self, retries: Retries, clock: Clock, windows: int, on_rows: Callable[[Ints], None] | None
    ) -> None:
        self._on_rows = on_rows
        rules = np.zeros(attempts.RULES, np.int64)
        rules[attempts.ATTEMPTS] = retries.attempts
        rules[[attempts.ON + _ON[one] for one in retries.on]] = 1
        rules[attempts.GAIN] = NIL if retries.budget is None else round(retries.budget * attempts.ONE)
        rules[attempts.BURST] = retries.burst * attempts.ONE
        self.state = attempts.Clients(
            rules=rules,
            delays=np.array([clock.ticks(wait_s) for wait_s in retries.delays_s()], np.int64),
            jitter=np.array([retries.jitter]),
            totals=np.zeros(attempts.TOTALS, np.int64),
            ring=np.zeros((_ENTRIES, attempts.REQUEST), np.int64),
            heap=np.zeros((_ENTRIES, attempts.REQUEST), np.int64),
            windows=np.zeros((windows, at.W_OUTPUT + 1), np.int64),
            histograms=np.zeros((windows, 3, Buckets().count), np.int32),
            rows=np.zeros((4 * _ENTRIES if on_rows else 0, at.R_RETRIES + 1), np.int64),
        )
        self.state.totals[attempts.BUCKET] = rules[attempts.BURST]

    def advance(self, engine: State, *requests: Any) -> tuple[int, int]:
        """As `kernel.run.advance`."""
        found: tuple[int, int] = advance_clients(engine, self.state, *requests)
        return found

    def hand_over_rows(self, engine: State) -> None:
        """Hand over the rows of requests, and make room for those that may follow."""
        mine = self.state.totals
        if self._on_rows is None:
            return
        self._on_rows(self.state.rows[: mine[attempts.OUT]])
        mine[attempts.OUT] = 0
        needed = 2 * int(engine.totals[at.ROWS] + engine.totals[at.IN_SYSTEM]) + 8
        if len(self.state.rows) < needed:
            self.state = self.state._replace(rows=np.zeros((2 * needed, at.R_RETRIES + 1), np.int64))

    def grow(self, engine: State) -> None:
        """Double what is full."""
        mine, ring, heap = self.state.totals, self.state.ring, self.state.heap
        if mine[attempts.RING_COUNT] >= len(ring):
            ring = _longer(np.roll(ring, -int(mine[attempts.RING_HEAD]), axis=0), 2 * len(ring))
            mine[attempts.RING_HEAD] = 0
        needed = int(mine[attempts.HEAP_COUNT] + engine.totals[at.ROWS]) + 8
        if needed >= len(heap):
            heap = _longer(heap, 2 * needed)
        self.state = self.state._replace(ring=ring, heap=heap)

    def ends(self) -> dict[str, int]:
        """Requests, and what became of them, by the names of the ledger."""
        mine = self.state.totals.tolist()
        ended = dict(zip(at.STATUSES, mine[attempts.ENDED : attempts.ENDED + len(at.STATUSES)], strict=True))
        arrived = mine[attempts.REQUESTS]
        return {"arrived": arrived, **ended, "in_system": arrived - sum(ended.values())}

    def again(self) -> dict[str, int]:
        """Retries sent, refused and still to come."""
        mine = self.state.totals.tolist()
        return {"retries": mine[attempts.RETRIED], "refused": mine[attempts.REFUSED],
                "waiting": mine[attempts.HEAP_COUNT]}  # fmt: skip

    def open_since(self, engine: State) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Of requests without an end: when each was first asked, and whether a token of the last sending is there."""
        mine, ring = self.state.totals, self.state.ring
        k = np.arange(mine[attempts.RING_COUNT])
        entries = ring[(mine[attempts.RING_HEAD] + k) & (len(ring) - 1)]
        live = entries[:, attempts.ORDER] == 1
        serial = (mine[attempts.FIRST_SERIAL] + k)[live]
        nodes = engine.nodes[engine.nodes[:, at.REQUEST] != NIL]
        begun = np.isin(serial, nodes[nodes[:, at.FIRST] != NIL, at.REQUEST])
        waiting = self.state.heap[: mine[attempts.HEAP_COUNT], attempts.ASKED]
        asked = np.concatenate([entries[live, attempts.ASKED], waiting])
        return asked, np.concatenate([begun, np.zeros(len(waiting), np.bool_)])


def _longer(array: Ints, length: int) -> Ints:
    longer = np.zeros((length, array.shape[1]), np.int64)
    longer[: len(array)] = array
    return longer
