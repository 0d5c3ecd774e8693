"""Spot nodes of a plan along recorded availability: how many there are, when each is there, and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from simcost.billing import Spot
from simcost.catalog import Catalog
from simcost.catalog.facts import Offer
from simcost.errors import CatalogError, InputError, did_you_mean
from simcost.ledger.request_tables import NODES
from simcost.rng import stream
from simcost.scenario.inputs.file_hashes import hashes
from simcost.scenario.schema.jobs import SpotNodes
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.tables.paths import inside
from simcost.trace.series.series import Floats
from simcost.trace.spot import Ints, SpotSeries, obtained, read_availability, read_prices, with_prices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AvailableSpotNodes:
    """The spot nodes of a plan; the availability starts again past its end."""

    asked: SpotNodes
    trace: SpotSeries
    offer: Offer
    inputs: dict[str, str]
    """SHA-256 of each file by its name in the scenario."""

    @classmethod
    def of(cls, asked: SpotNodes, catalog: Catalog, folder: Path) -> Self:
        """Read availability, and prices where they are given.

        Raises:
            InputError: files that cannot be read, no such trace, or one without a node.
        """
        trace = _chosen(read_availability(inside(folder, asked.availability), exact=True), asked)
        if trace.nodes.max() == 0:
            raise InputError(f"{asked.availability}: the trace {trace.name!r} never has a node; choose another")
        if asked.prices is not None:
            trace = with_prices(trace, read_prices(inside(folder, asked.prices)))
        names = [name for name in (asked.availability, asked.prices) if name is not None]
        offer = catalog.offer(asked.offer, asked.region)
        return cls(asked=asked, trace=trace, offer=offer, inputs=hashes(folder, names))

    @property
    def gpus_per_node(self) -> int:
        """Of a spot node."""
        return self.offer.accelerators

    @property
    def period_s(self) -> float:
        """Time after which the availability starts again."""
        return self.trace.span_s

    def first_tick(self, seed: int, replication: int) -> int:
        """Start of a replication in the trace; the first at its start."""
        if replication == 0:
            return 0
        draws = stream(seed, "spot", self.asked.availability, self.trace.name, replication)
        return int(draws.integers(len(self.trace.nodes)))

    def nodes(self, first: int) -> Ints:
        """Nodes there at each tick of a run that begins at the tick `first` of the trace."""
        return obtained(np.roll(self.trace.nodes, -first), self.asked.nodes)

    def capacity(self, first: int, steady: int) -> GpuCapacity:
        """GPUs of the run, the steady ones included."""
        nodes = self.nodes(first)
        changes = np.flatnonzero(np.diff(nodes, prepend=-1))
        return GpuCapacity(
            since_s=changes.astype(np.float64) * self.trace.gap_s,
            gpus=steady + nodes[changes] * self.gpus_per_node,
            period_s=self.period_s,
        )

    def intervals(self, first: int, horizon_s: float) -> pa.Table:
        """Intervals in which each node is there, of schema NODES: the one with the lowest number stays longest."""
        there = self._until(self.nodes(first), horizon_s)
        edges = np.minimum(np.arange(len(there) + 1) * self.trace.gap_s, horizon_s)
        rows: list[tuple[str, int, int, float, float]] = []
        for node in range(int(there.max(initial=0))):
            up = np.diff((there > node).astype(np.int8), prepend=0, append=0)
            rows += [
                ("spot", node, 0, float(edges[start]), float(edges[end]))
                for start, end in zip(np.flatnonzero(up == 1), np.flatnonzero(up == -1), strict=True)
            ]
        columns = zip(*rows, strict=True) if rows else [()] * len(NODES)
        return pa.table([list(column) for column in columns], schema=NODES)

    def purchase(self, first: int, horizon_s: float) -> Spot:
        """The nodes at the price of each second they were there, as its mean over them.

        Raises:
            CatalogError: no price is given, and the catalog has observed none.
        """
        price = self._mean_usd_per_h(first, horizon_s) if self.asked.price is None else self.asked.price
        return Spot(offer=self.asked.offer, region=self.asked.region, price=price)

    def _mean_usd_per_h(self, first: int, horizon_s: float) -> float:
        if self.trace.usd_per_h is None:
            if self.offer.spot_usd_per_h is None:
                raise CatalogError(f"{self.offer.name}: no spot price; give spot.price or spot.prices")
            return self.offer.spot_usd_per_h
        there = self._until(self.nodes(first), horizon_s)
        prices = self._until(np.roll(self.trace.usd_per_h, -first), horizon_s)
        length_s = np.diff(np.minimum(np.arange(len(there) + 1) * self.trace.gap_s, horizon_s))
        held = there * length_s
        return float(np.dot(held, prices) / held.sum()) if held.sum() else 0.0

    def identity(self, first: int) -> Any:
        """All that the nodes there depend on, as plain data; nothing of prices."""
        return {
            "availability": self.inputs[self.asked.availability],
            "trace": self.trace.name,
            "nodes": self.asked.nodes,
            "most": int(self.trace.nodes.max()),
            "gpus_per_node": self.gpus_per_node,
            "first_tick": first,
        }

    def _until(self, ticks: Any, horizon_s: float) -> Floats:
        """Values of ticks, started again as often as it takes."""
        count = int(np.ceil(horizon_s / self.trace.gap_s))
        result: Floats = np.resize(ticks, count)
        return result


def _chosen(traces: list[SpotSeries], asked: SpotNodes) -> SpotSeries:
    names = [trace.name for trace in traces]
    if asked.trace is None and len(traces) == 1:
        return traces[0]
    if asked.trace is None:
        raise InputError(
            f"{asked.availability}: has {len(traces)} traces; name one in spot.trace: {', '.join(names[:5])}"
        )
    if asked.trace not in names:
        near = did_you_mean(asked.trace, names) or f"; there are {', '.join(names[:5])}"
        raise InputError(f"{asked.availability}: no trace {asked.trace!r}{near}")
    return traces[names.index(asked.trace)]
