"""Cold starts of nodes and replicas, phase by phase, with downloads that share bandwidth.

Each download gets an equal part of its node's network and of the common storage.
"""

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
import simpy

from simcost.plan.startup import Startup, drawn
from simcost.rng import stream
from simcost.sim.fleet.records import Node, Process
from simcost.sim.serving.engine.layout import NEVER
from simcost.sim.serving.recorder import Recorder
from simcost.units import NS_PER_S

_REST = 1e-3
"""Bytes that rounding to nanoseconds may leave."""
_NONE = 1e-6
"""Of a nanosecond: what is not a time."""


@dataclass(slots=True, eq=False)
class Download:
    """One download under way."""

    node: Node
    left_bytes: float
    most_per_s: float
    stored: bool
    """True if it comes from the common storage."""
    done: simpy.Event
    per_s: float = 0.0


class Transfers:
    """All downloads on the nodes. Limits are bytes per second, infinite where there is none."""

    def __init__(self, env: simpy.Environment, network_per_s: float, storage_per_s: float) -> None:
        self.env = env
        self.network_per_s, self.storage_per_s = network_per_s, storage_per_s
        self.active: list[Download] = []
        self._since_ns = 0
        self._turn = 0

    def start(self, node: Node, size_bytes: float, most_per_s: float, *, stored: bool) -> Download:
        """Begin a download; its event happens at its end."""
        transfer = Download(node, size_bytes, most_per_s, stored, self.env.event())
        self._progress()
        self.active.append(transfer)
        self._share()
        return transfer

    def cancel(self, transfer: Download) -> None:
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
            sharing = sum(other.node is one.node for other in self.active)
            one.per_s = min(one.most_per_s, self.network_per_s / sharing)
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


class ColdStart:
    """The phases of the starts of nodes, or of the replicas of one pool on them.

    Where all phases are constants that nothing stretches, the end is known at the order, and one event does.
    """

    def __init__(
        self, transfers: Transfers, startup: Startup, weights_bytes: float, recorder: Recorder, seed: int, pool: int = 0
    ) -> None:
        self.env, self.transfers = transfers.env, transfers
        self.startup, self.weights_bytes = startup, weights_bytes
        self.recorder, self.seed, self.pool = recorder, seed, pool
        self._load_ns = round(startup.seconds(weights_bytes, new_node=False) * NS_PER_S)
        self._starts = 0

    def order(self, node: Node) -> None:
        """The node was ordered now: it will boot and pull the image."""
        rng = stream(self.seed, "node start", node.number)
        node_s, image_s = drawn(self.startup.node, rng), drawn(self.startup.image, rng)
        if self.startup.plain:
            node.ready_ns = node.ordered_ns + round((node_s + image_s) * NS_PER_S)
        else:
            node.ready_ns, node.provisioned, node.up = NEVER, self.env.event(), self.env.event()
            self.env.process(self._boot(node, node_s, image_s))

    def load(self, node: Node) -> Process:
        """Start-up phases of a replica on a node."""
        if self.startup.plain and node.ready_ns < NEVER:
            yield self.env.timeout(max(node.ready_ns - int(self.env.now), 0) + self._load_ns)
            return
        self._starts += 1
        rng = stream(self.seed, "replica start", self._starts)
        while True:
            yield from self._weights(node)
            yield self.env.timeout(round(self._engine_s(node, rng) * NS_PER_S))
            node.compiled.add(self.pool)
            if not self.startup.failed or rng.random() >= self.startup.failed:
                return
            self.recorder.event(int(self.env.now), "failed_start", 1.0)

    def _boot(self, node: Node, node_s: float, image_s: float) -> Process:
        provisioned, up = node.provisioned, node.up
        yield self.env.timeout(round(node_s * NS_PER_S))
        if node.gone or provisioned is None or up is None:
            return
        provisioned.succeed()
        if self.startup.image_size is None:
            yield self.env.timeout(round(image_s * NS_PER_S))
        else:
            pull = self.transfers.start(node, self.startup.image_size, inf, stored=False)
            yield pull.done
        node.ready_ns = int(self.env.now)
        up.succeed()

    def _weights(self, node: Node) -> Process:
        """Until the node has the image and the replica its weights."""
        if not self.startup.together and node.up is not None:
            yield node.up
        elif node.provisioned is not None:
            yield node.provisioned
        elif node.ready_ns > int(self.env.now):
            yield self.env.timeout(node.ready_ns - int(self.env.now))
        if self.startup.reload is not None and self.pool in node.loaded:
            yield self.env.timeout(round(self.weights_bytes / self.startup.reload * NS_PER_S))
        else:
            yield from self._download(node)
            node.loaded.add(self.pool)
        if node.up is not None:
            yield node.up

    def _download(self, node: Node) -> Process:
        """Until the weights have come to the node."""
        transfer: Download | None = None
        try:
            transfer = self.transfers.start(node, self.weights_bytes, self.startup.weights, stored=True)
            yield transfer.done
        finally:
            if transfer is not None:
                self.transfers.cancel(transfer)

    def _engine_s(self, node: Node, rng: np.random.Generator) -> float:
        """The phases after the weights."""
        startup = self.startup
        build_s, graphs_s, engine_s = (drawn(time, rng) for time in (startup.compile, startup.graphs, startup.engine))
        return (0.0 if startup.compile_cached or self.pool in node.compiled else build_s) + graphs_s + engine_s
