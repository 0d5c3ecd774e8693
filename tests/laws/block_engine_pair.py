"""Prefill and decode apart, on KV blocks: one prefill and one decode `BlockEngine`, and a link, in plain Python.

The prefill engine runs every request with output 1 and keeps its blocks until the transfer has ended. The decode
engine takes the blocks first, then fetches. Order at one instant: transfers end, the prefill step ends, the boundary
of the decode engine, the boundary of the prefill engine.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from block_engine import BlockEngine, Request, Settings


@dataclass(frozen=True)
class Link:
    base_ticks: int
    block_bytes: int
    bytes_per_tick: int
    link: Literal["parallel", "fifo"] = "parallel"

    def ticks(self, blocks: int) -> int:
        return self.base_ticks + -(-blocks * self.block_bytes // self.bytes_per_tick)


@dataclass
class Handed:
    """A request on its way: its copy at each engine, and when what happened."""

    prefill: Request
    decode: Request
    prefill_end: int | None = None
    transfer_start: int | None = None
    transfer_ticks: int | None = None
    transfer_end: int | None = None
    blocks: int | None = None


@dataclass
class Pair:
    prefill: Settings
    decode: Settings
    link: Link
    first_token_from: Literal["prefill", "decode"]
    handed: list[Handed] = field(default_factory=list)
    link_free_at: int = 0

    def __post_init__(self) -> None:
        self.p = BlockEngine(self.prefill, keep=True)
        self.d = BlockEngine(self.decode, transfer=self._start_transfer)

    def _start_transfer(self, request: Request, blocks: int, now: int) -> None:
        (one,) = [one for one in self.handed if one.decode is request]
        one.blocks, one.transfer_ticks = blocks, self.link.ticks(blocks)
        one.transfer_start = max(now, self.link_free_at) if self.link.link == "fifo" else now
        one.transfer_end = self.link_free_at = one.transfer_start + one.transfer_ticks

    def run(self, requests: Sequence[Request]) -> None:
        """Play requests until all are done."""
        self.handed = [
            Handed(
                Request(one.id, one.prompt, 1, one.arrival, one.priority, one.adapter),
                Request(one.id, one.prompt, one.output, one.arrival, one.priority, one.adapter, remote=True),
            )
            for one in requests
        ]
        coming = deque(sorted(self.handed, key=lambda one: one.prefill.arrival))
        now = -1
        while (at := self._next(coming, now)) is not None:
            now = at
            for one in self.handed:
                if one.transfer_end == now:
                    self._end_transfer(one)
            if self.p.step and self.p.step.end == now:
                for request in self.p.end_step(now):
                    self._hand_over(request, now)
            if not self.d.step or self.d.step.end == now:
                self.d.boundary(now)
            while coming and coming[0].prefill.arrival <= now:
                self.p.waiting.append(coming.popleft().prefill)
            if not self.p.step:
                self.p.begin_step(now)

    def _next(self, coming: deque[Handed], now: int) -> int | None:
        times = [engine.step.end for engine in (self.p, self.d) if engine.step]
        times += [one.transfer_end for one in self.handed if one.transfer_end is not None]
        times += [coming[0].prefill.arrival] if coming else []
        return min((time for time in times if time > now), default=None)

    def _hand_over(self, request: Request, now: int) -> None:
        (one,) = [one for one in self.handed if one.prefill is request]
        one.prefill_end = now
        if self.first_token_from == "prefill":
            one.decode.first_token, one.decode.generated = now, 1
            if one.decode.output == 1:
                one.decode.finish = now
                self.p.pool.release(request)
                return
        self.d.waiting.append(one.decode)

    def _end_transfer(self, one: Handed) -> None:
        self.p.pool.release(one.prefill)
        one.decode.loading = False
        one.decode.computed = len(one.decode.prompt) - (self.first_token_from == "decode")
        self.d.pool.store(one.decode, one.decode.computed)


def exposed_ticks(compute_ticks: float, transfer_ticks: float, layers: int) -> float:
    """Time of a transfer after its prefill, where a layer is sent once it is computed and the last one was sent."""
    computed = sent = 0.0
    for _ in range(layers):
        computed += compute_ticks / layers
        sent = max(computed, sent) + transfer_ticks / layers
    return sent - computed
