"""Prefill and decode apart: two pools, their data planes, and what there is between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from simcost.ledger.requests import LatencyLimits, TransferUse
from simcost.plan import Admission
from simcost.sim.clock import NOT_IN_A_RUN, Clock
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import transfer_state as own
from simcost.sim.serving.engine.layout import NIL, Ints
from simcost.sim.serving.engine.transfer_state import TransferState
from simcost.sim.serving.engine_driver import DataPlane
from simcost.trace.requests.batch import RequestBatch

if TYPE_CHECKING:
    from simcost.sim.by_reference import Loop
    from simcost.sim.serving.pool import Pool, PrefillSide

_SHIFT = 16
"""Fractional bits of the ticks of a token on the link."""
LONGEST_PROMPT = 1 << 20
"""Tokens of a prompt whose transfer can be counted."""


class SidePlane(DataPlane):
    """The data plane of one side; both move together."""

    pair: DisaggregatedPlanes

    def advance(self, until_ns: int) -> None:
        """Play everything on both sides strictly before `until_ns`."""
        self.pair.advance(until_ns)

    def finish(self) -> None:
        """Hand over the rows that are left."""
        if self._on_rows:
            self._hand_over_rows()

    def open(self, slot: int, kind: int = 0) -> None:
        """The replica in `slot` is ready: it takes requests from now on."""
        super().open(slot, kind)
        self.pair.open(self, slot)

    def is_empty(self, slot: int) -> bool:
        """True if a replica has no requests left, nor the tokens of any."""
        return super().is_empty(slot) and not self.state.replicas[slot, col.KV]

    def answered(self) -> tuple[int, int, int]:
        """As of one pool; what the prefill side has read is answered on either side."""
        completed, prompts, outputs = super().answered()
        if self is not self.pair.prefill:
            return completed, prompts, outputs
        others = self.pair.decode.answered()
        return completed + others[0], prompts + others[1], outputs + others[2]

    def play(self, loop: Loop[tuple[int, int]], until: int) -> int:
        """Continue with the arrivals of this side; why the loop stopped."""
        states = self.state, self.pair.decode.state, self.pair.transfers
        self._next, why = loop(states, *self._requests, self._next, self._final, until)
        return why

    def next_batch(self) -> None:
        """Take the next arrivals."""
        self._take(next(self._arrivals, None))

    def make_room(self, for_more: int) -> None:
        """Hand over rows, and have nodes for so many more requests."""
        if self._on_rows:
            self._hand_over_rows()
        while len(self.state.nodes) - self.state.totals[col.IN_SYSTEM] <= for_more:
            self._grow_nodes(2 * len(self.state.nodes))


class DisaggregatedPlanes:
    """Both data planes, on one clock.

    Args:
        pool: the decode replicas, with their prefill side.
        clocks: of the prefill and of the decode side, with the same tick.
        arrivals: request batches, sorted by arrival.
        salts: seed the hashes of routing on each side.
        others: as `DataPlane` takes them.
    """

    def __init__(
        self,
        pool: Pool,
        side: PrefillSide,
        clocks: Sequence[Clock],
        arrivals: Iterator[RequestBatch],
        *,
        limits: LatencyLimits,
        window_ns: int,
        windows: int,
        salts: tuple[int, int] = (0, 0),
        on_rows: Callable[[Ints], None] | None = None,
    ) -> None:
        from simcost.sim.by_reference import Loop  # loads numba
        from simcost.sim.serving.engine.transfer_entries import advance_apart

        self._loop = Loop(advance_apart)
        self.most = side.pool.batching.max_num_seqs + 1
        common: dict[str, Any] = {"limits": limits, "window_ns": window_ns, "windows": windows, "on_rows": on_rows}
        unranked = (replace(batch, priority=None) for batch in arrivals)  # engines and gateways serve all alike
        self.prefill = SidePlane(side.pool, clocks[0], unranked, salt=salts[0], **common)
        unlimited = replace(pool, admission=Admission())  # limits are those of arrivals, at the other gateway
        self.decode = SidePlane(unlimited, clocks[1], iter(()), salt=salts[1], **common)
        self.prefill.pair = self.decode.pair = self
        self.prefill.moves_alone = self.decode.moves_alone = False
        counted = self.prefill.state
        self.decode.state = self.decode.state._replace(windows=counted.windows, histograms=counted.histograms)
        self.transfers = TransferState(
            parameters=_parameters(side, clocks[1]),
            totals=np.zeros(own.TOTALS, np.int64),
            stalled=np.zeros(0, np.int64),
            decode=np.zeros((0, own.DECODE), np.int64),
            began=np.zeros(0, np.int64),
            requests=np.zeros((0, own.REQUEST), np.int64),
            releases=np.zeros((0, own.RELEASE), np.int64),
        )
        self._fit()

    def advance(self, until_ns: int) -> None:
        """Play everything on both sides strictly before `until_ns`."""
        until = until_ns * self.prefill.clock.ticks_per_ns
        while (why := self.prefill.play(self._loop, until)) != col.UNTIL:
            if why == col.INPUT:
                self.prefill.next_batch()
            else:
                self.prefill.make_room(1)
                self.decode.make_room(self.most)
            self._fit()

    def open(self, plane: SidePlane, slot: int) -> None:
        """A replica is ready; what was in its slot before is another one."""
        self._fit()
        if plane is self.decode:
            self.transfers.decode[slot] = NIL, NIL, 0, 0
        else:
            self.transfers.stalled[slot] = 0

    def use(self) -> TransferUse:
        """The transfers so far."""
        totals, tick_s = self.transfers.totals, self.decode.clock.tick_s
        return TransferUse(
            transfers=int(totals[own.TRANSFERS]),
            tokens=int(totals[own.MOVED_TOKENS]),
            transfer_s=float(totals[own.TRANSFER_TIME] * tick_s),
            held_s=float(totals[own.HELD_TIME] * tick_s),
            local=int(totals[own.LOCAL]),
            failed=int(totals[own.FAILED]),
        )

    def _fit(self) -> None:
        """Make what is between the sides as large as they are."""
        prefill, decode, h = self.prefill.state, self.decode.state, self.transfers
        self.transfers = h._replace(
            stalled=_grown(h.stalled, len(prefill.load)),
            decode=_grown(h.decode, len(decode.load)),
            began=_grown(h.began, len(prefill.nodes)),
            requests=_grown(h.requests, len(decode.nodes)),
            releases=_grown(h.releases, 2 * len(decode.nodes) + 1),
        )


def _grown(array: Ints, count: int) -> Ints:
    if len(array) >= count:
        return array
    bigger = np.zeros((count, *array.shape[1:]), np.int64)
    bigger[: len(array)] = array
    return bigger


def token_ticks(token_s: float, clock: Clock) -> tuple[int, int]:
    """Ticks of a token on the link as a fixed-point number, and its fractional bits: none on a link so slow that with
    them the ticks of the longest prompt could not be counted.

    Raises:
        InputError: they cannot be counted without them either.
    """
    clock.ticks_of_each(token_s, LONGEST_PROMPT)
    ticks = token_s * clock.ticks_per_ns * 1e9
    shift = _SHIFT if ticks * (LONGEST_PROMPT << _SHIFT) < NOT_IN_A_RUN else 0
    return round(ticks * 2**shift), shift


def _parameters(side: PrefillSide, clock: Clock) -> Ints:
    rules = side.hand_over
    return np.array(
        [
            clock.ticks(rules.link.base),
            *token_ticks(side.transfer_s_per_token, clock),
            rules.link.sharing == "fifo",
            rules.first_output == "prefill",
            side.layers if rules.overlap == "layers" else 0,
            rules.local_below,
            round(rules.failures * 2**53),
            rules.on_failure == "recompute",
        ],
        np.int64,
    )
