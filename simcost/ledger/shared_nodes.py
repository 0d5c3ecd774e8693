"""The ledger of services that share nodes: a ledger of each, and the nodes."""

from dataclasses import dataclass, replace
from math import fsum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simcost.ledger.months import shares_together
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import Ledger, LedgerUsage

SHARED = "shared"
"""Name of the pool of shared nodes in their table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLedger:
    """A run of services on shared nodes.

    The ledger of a service has in its table of nodes what it holds of them: a row for each replica, with the number
    of its node, from its placement to its end, and one slot. So its own sums are right, and no time is unallocated;
    the nodes themselves, and the time of their accelerators that no replica held, are here.
    """

    horizon_s: float
    accelerators: tuple[int, ...]
    """Of a node, by its kind."""
    nodes: Any
    """Table of schema NODES: the shared nodes."""
    events: Any
    """Table of schema EVENTS: those of the nodes; each is in the ledgers of the services on the node too."""
    services: dict[str, Ledger]
    """By name."""
    disk_gb_per_node: float

    def offered_s(self) -> npt.NDArray[np.float64]:
        """Accelerator-seconds of each node, from order to release."""
        length = self.nodes["end_s"].to_numpy() - self.nodes["start_s"].to_numpy()
        offered: npt.NDArray[np.float64] = length * np.array(self.accelerators)[self.nodes["kind"].to_numpy()]
        return offered

    def held_s(self) -> dict[str, npt.NDArray[np.float64]]:
        """Accelerator-seconds that each service held of each node, in the order of `nodes`."""
        return {
            name: ledger.accelerators_per_replica * self._by_node(ledger.replicas)
            for name, ledger in self.services.items()
        }

    def unallocated_s(self) -> npt.NDArray[np.float64]:
        """Accelerator-seconds of each node that no service held."""
        unallocated = self.offered_s()
        for held in self.held_s().values():
            unallocated = unallocated - held
        return unallocated

    def accelerator_seconds(self) -> dict[str, float]:
        """By state, over all services, and unallocated: they add up to the nodes' time x their accelerators."""
        seconds = dict.fromkeys(("computing", "idle", "starting", "draining", "unallocated"), 0.0)
        for ledger in self.services.values():
            for state, slot_s in ledger.slot_seconds().items():
                seconds[state] += slot_s * ledger.accelerators_per_replica
        offered_s = float(self.offered_s().sum())
        unallocated_s = offered_s - fsum(seconds.values())
        residue_s = min(1e-6, 1e-11 * offered_s)  # what float sums leave
        return seconds | {"unallocated": 0.0 if abs(unallocated_s) < residue_s else unallocated_s}

    def usage(self) -> list[LedgerUsage]:
        """Usage to bill of all services together, by kind of node; a slot is an accelerator. What they sent out stands
        with the first kind.
        """
        return [self._usage(kind) for kind in range(len(self.accelerators))]

    def _usage(self, kind: int) -> LedgerUsage:
        parts = {name: ledger.of_kind(kind) for name, ledger in self.services.items()}
        of_kind = replace(self, nodes=self.nodes.filter(pc.equal(self.nodes["kind"], kind)), services=parts)
        stepping = [
            part.busy_ready_s() * (1 - part.computing_share()) * part.accelerators_per_replica
            for part in parts.values()
        ]
        return LedgerUsage(
            horizon_s=self.horizon_s,
            slots_per_node=self.accelerators[kind],
            nodes=of_kind.nodes,
            slot_seconds=of_kind.accelerator_seconds(),
            stepping_s=fsum(stepping),
            disk_gb_per_node=self.disk_gb_per_node,
            gb_out=fsum(ledger.gb_out for ledger in self.services.values()) if kind == 0 else 0.0,
            out_shares=shares_together([(one.gb_out, one.out_shares()) for one in self.services.values()]),
        )

    def _by_node(self, replicas: Any) -> npt.NDArray[np.float64]:
        numbers = self.nodes["node"].to_numpy()
        length = replicas["end_s"].to_numpy() - replicas["start_s"].to_numpy()
        place = np.searchsorted(numbers, replicas["node"].to_numpy())
        taken: npt.NDArray[np.float64] = np.bincount(place, length, minlength=len(numbers)).astype(np.float64)
        return taken


def parts_of_nodes(replicas: Any, nodes: Any) -> Any:
    """Table of schema NODES with the part of a node that each replica held, in the order of replicas.

    Args:
        replicas: table of schema REPLICAS, by replica and time.
        nodes: table of schema NODES, by number.
    """
    number = replicas["replica"].to_numpy()
    first = np.flatnonzero(np.diff(number, prepend=-1))
    last = np.append(first[1:], len(number)) - 1 if len(first) else first
    node = replicas["node"].to_numpy()[first]
    kind = nodes["kind"].to_numpy()[np.searchsorted(nodes["node"].to_numpy(), node)]
    start, end = replicas["start_s"].to_numpy()[first], replicas["end_s"].to_numpy()[last]
    return pa.table([replicas["pool"].take(pa.array(first)), node, kind, start, end], schema=NODES)
