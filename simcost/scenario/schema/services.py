"""Services of a scenario: the requests of each model and their target, apart from how plans serve them."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MinLen

from simcost.scenario.schema.scenario import Demand, Workload
from simcost.scenario.schema.tenants import TenantTerms
from simcost.slo import Slo
from simcost.units import PositiveCount


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDemand:
    """A model behind one entry: its requests and their target. Each plan says under `services` how it is served."""

    name: Annotated[str, MinLen(1)]
    """As plans, tables and charts name it."""
    model: str | None = None
    """Name of a model in the catalog; None = that of the scenario, or that which each plan serves it with."""
    workload: tuple[Workload, ...] = ()
    """Its requests, as those of a scenario."""
    demand: Demand | None = None
    """Its requests where they are forecast, instead of a workload. All demands of a scenario are as long and have the
    same `risk`; workloads beside them are as long too."""
    slo: Slo
    """Targets of its requests."""
    tenants: tuple[TenantTerms, ...] = ()
    """Terms of its tenants that have some of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Rights of a service on the nodes that it shares with others."""

    priority: int = 0
    """Services of higher priority get room first."""
    quota: PositiveCount | None = None
    """Most accelerators that the replicas of the service hold together; None = no limit."""
    preempt: bool = False
    """Of the plan: true if a replica that finds no room, where no further node may be ordered, drives away replicas of
    services of lower priority. They drain, and are ordered again."""
