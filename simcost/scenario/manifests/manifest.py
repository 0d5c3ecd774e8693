"""Manifest as plain objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from simcost.errors import Fault, FaultsError
from simcost.plan import Admission
from simcost.plan.autoscaling import Autoscaler
from simcost.plan.nodes import NodePool
from simcost.plan.routing import EndpointPicker


class Unmapped(NamedTuple):
    """A metric that none of the simulator's signals makes; recorded metrics may still have it."""

    metric: str
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that simcost takes from one file."""

    file: str
    kind: str
    """Kind of the object, or its meaning where objects of this system have no kind."""
    name: str
    policy: Autoscaler | None = None
    nodes: NodePool | None = None
    router: EndpointPicker | None = None
    admission: Admission = field(default_factory=Admission)
    """Limits at the gateway; those that it does not state keep their defaults."""
    gpus: int | None = None
    """Accelerators of a replica."""
    unmapped: tuple[Unmapped, ...] = ()
    not_simulated: tuple[str, ...] = ()
    """Paths of fields that change nothing here, and other objects of the file."""

    def mapped(self) -> Manifest:
        """The manifest itself, where every metric is made of signals.

        Raises:
            FaultsError: the metrics that are not, each with its place.
        """
        if self.unmapped:
            raise FaultsError([one.fault for one in self.unmapped])
        return self
