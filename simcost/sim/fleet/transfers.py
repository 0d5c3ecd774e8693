"""Downloads that share bandwidth: each gets an equal part of its node's network and of the common storage."""

from dataclasses import dataclass
from math import ceil

import simpy

from simcost.sim.fleet.records import Node
from simcost.units import NS_PER_S

_REST = 1e-3
"""Bytes that rounding to nanoseconds may leave."""
_NONE = 1e-6
"""Of a nanosecond: what is no time."""


@dataclass(slots=True, eq=False)
class Transfer:
    """One download under way."""

    node: Node
    left_bytes: float
    most_per_s: float
    stored: bool
    """Whether it comes from the common storage."""
    done: simpy.Event
    per_s: float = 0.0


class Transfers:
    """All downloads of a pool. Limits are bytes per second, infinite where there is none."""

    def __init__(self, env: simpy.Environment, network_per_s: float, storage_per_s: float) -> None:
        self.env = env
        self.network_per_s, self.storage_per_s = network_per_s, storage_per_s
        self.active: list[Transfer] = []
        self._since_ns = 0
        self._turn = 0

    def start(self, node: Node, size_bytes: float, most_per_s: float, *, stored: bool) -> Transfer:
        """Begin a download; its event happens at its end."""
        transfer = Transfer(node, size_bytes, most_per_s, stored, self.env.event())
        self._progress()
        self.active.append(transfer)
        self._share()
        return transfer

    def cancel(self, transfer: Transfer) -> None:
        """Stop a download, if it has not ended."""
        if transfer in self.active:
            self._progress()
            self.active.remove(transfer)
            self._share()

    def _progress(self) -> None:
        now = int(self.env.now)
        for one in self.active:
            one.left_bytes -= one.per_s * (now - self._since_ns) / NS_PER_S
        self._since_ns = now

    def _share(self) -> None:
        """New speeds, and the next end."""
        stored = sum(one.stored for one in self.active)
        for one in self.active:
            beside = sum(other.node is one.node for other in self.active)
            one.per_s = min(one.most_per_s, self.network_per_s / beside)
            if one.stored:
                one.per_s = min(one.per_s, self.storage_per_s / stored)
        self._turn += 1
        if self.active:
            turn = self._turn
            first_s = min(max(one.left_bytes, 0.0) / one.per_s for one in self.active)
            wake = self.env.timeout(ceil(first_s * NS_PER_S - _NONE))
            wake.callbacks.append(lambda _: self._due(turn))

    def _due(self, turn: int) -> None:
        if turn != self._turn:
            return
        self._progress()
        ended = [one for one in self.active if one.left_bytes <= _REST]
        self.active = [one for one in self.active if one.left_bytes > _REST]
        self._share()
        for one in ended:
            one.done.succeed()
