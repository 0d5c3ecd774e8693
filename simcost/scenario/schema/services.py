"""Services of a scenario: the requests of each model and their target, apart from how plans serve them."""

from typing import Annotated

from annotated_types import MinLen

from simcost.record import record
from simcost.scenario.schema.demand import Demand
from simcost.scenario.schema.scenario import Workload
from simcost.scenario.schema.tenants import TenantTerms
from simcost.slo import Slo
from simcost.units import PositiveCount, Share


@record
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


@record
class Cascade:
    """A share of the answers of a service is not good enough: another service answers these requests again."""

    to: Annotated[str, MinLen(1)]
    """Name of the service that answers again, such as one with a larger model."""
    escalate: Share
    """Share of the answered requests that are sent on when their answer is complete, drawn for each request from the
    seed; the same requests in all plans."""
    with_answer: bool = False
    """True if the first answer is a part of the further prompt; false = the prompt is the same."""


@record
class ServiceFallback:
    """Requests that a service does not answer go to another: rejected, timed out, or lost with their replica."""

    to: Annotated[str, MinLen(1)]
    """Name of the service that answers instead. A request is sent on unless it has by then missed the `ttft` or `e2e`
    of its `slo`."""


@record
class Forwarding:
    """Requests that a service sends on to others."""

    cascade: Cascade | None = None
    """After its answer."""
    fallback: ServiceFallback | None = None
    """Instead of its answer."""

    def targets(self) -> tuple[str, ...]:
        """Names of the services that get requests; none where a share is 0."""
        cascade = self.cascade if self.cascade is not None and self.cascade.escalate else None
        return tuple(dict.fromkeys(one.to for one in (cascade, self.fallback) if one is not None))

    def only_to(self, service: str) -> "Forwarding":
        """The part of it that goes to one service."""
        cascade, fallback = self.cascade, self.fallback
        return Forwarding(
            cascade=cascade if cascade is not None and cascade.to == service and cascade.escalate else None,
            fallback=fallback if fallback is not None and fallback.to == service else None,
        )


@record
class Sharing:
    """Rights of a service on the nodes that it shares with others."""

    priority: int = 0
    """Services of higher priority get room first."""
    quota: PositiveCount | None = None
    """Most accelerators that the replicas of the service hold together; None = no limit."""
    preempt: bool = False
    """Of the plan: true if a replica that finds no room, where no further node may be ordered, drives away replicas of
    services of lower priority. They drain, and are ordered again."""
