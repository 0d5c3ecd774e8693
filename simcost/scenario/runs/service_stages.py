"""Stages of the runs of several services: one that others send requests on to comes after these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from simcost.scenario.runs.forwarding import ForwardingRun
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.serving_runs import ServingRun, list_serving_runs
from simcost.scenario.runs.shared_runs import SharedRun, list_shared_runs
from simcost.scenario.schema.services import Forwarding
from simcost.scenario.storage.ledgers import ROWS

Key = tuple[str, str, int]
"""Plan, service and replication."""


@dataclass(slots=True, kw_only=True)
class SeparateRun:
    """One simulation of a service on nodes of its own."""

    service: str
    run: ServingRun
    share: float = 0.0
    """Share of it that is done."""

    @property
    def replication(self) -> int:
        """Of its arrivals."""
        return self.run.replication

    @property
    def folder(self) -> Path:
        """Of its ledger."""
        return self.run.folder

    @property
    def label(self) -> str:
        """Name of it in messages."""
        return f"service {self.service!r}, {self.run.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredService:
    """Outcome of one service in a run, on whatever nodes: where it is stored, and what others send on to it."""

    folder: Path
    replication: int
    incoming: tuple[ForwardingRun, ...]


Stage = list[SeparateRun | SharedRun]


def list_stages(services: ResolvedServices, folder: Path) -> list[Stage]:
    """The distinct runs, at least one stage; services that share nodes are one run."""
    depths = {plan.name: _depths(services, plan.name) for plan in services.loaded.first.scenario.plans}
    known, stages = dict[Key, StoredService](), list[Stage]()
    for depth in range(1 + max(depth for plan in depths.values() for depth in plan.values())):
        stage = Stage()
        together = {
            plan: {name: _links(services, plan, name, known) for name in on_shared_nodes(services, plan)}
            for plan, of in depths.items()
            if any(of[name] == depth for name in on_shared_nodes(services, plan))
        }
        stage += list_shared_runs(services, folder, together)
        for name in services.questions:
            apart = [
                plan for plan, of in depths.items() if of[name] != depth or (plan, name) in services.loaded.sharing
            ]
            runs = _runs(services, name, folder, apart, known)
            stage += [SeparateRun(service=name, run=run) for run in runs]
        known |= placed([stage])
        stages.append(stage)
    return stages


def longest_first(stage: Stage, requests: Mapping[str, float]) -> Stage:
    """Runs of a stage by falling number of requests, so that the last one to begin is short.

    Runs do not depend on each other, nor does the result on their order. Those of a service stay together: a worker
    keeps its arrivals for the next.

    Args:
        stage: the runs.
        requests: expected in a run, by service.
    """

    def expected(run: SeparateRun | SharedRun) -> float:
        names = [run.service] if isinstance(run, SeparateRun) else list(run.services)
        return fsum(requests.get(name, 0.0) for name in names)

    return sorted(stage, key=expected, reverse=True)


def placed(stages: Sequence[Stage]) -> dict[Key, StoredService]:
    """Outcomes of each service, by each plan that shares the run."""
    found = dict[Key, StoredService]()
    for one in (one for stage in stages for one in stage):
        if isinstance(one, SeparateRun):
            folders, incoming = {one.service: one.run.folder}, {one.service: one.run.incoming}
            plans = [plan.plan.name for plan in one.run.plans]
        else:
            folders, incoming, plans = one.folders(), dict(one.incoming), one.plans
        for name, folder in folders.items():
            stored = StoredService(folder=folder, replication=one.replication, incoming=incoming.get(name, ()))
            found |= {(plan, name, one.replication): stored for plan in plans}
    return found


def on_shared_nodes(services: ResolvedServices, plan: str) -> list[str]:
    """Services of a plan that share nodes, and so are simulated together."""
    return [name for name in services.questions if (plan, name) in services.loaded.sharing]


def _runs(
    services: ResolvedServices, name: str, folder: Path, without: list[str], known: Mapping[Key, StoredService]
) -> list[ServingRun]:
    """The runs of a service but for some plans; what is sent on to it comes from runs that are `known`."""
    incoming, with_rows = dict[tuple[str, int], tuple[ForwardingRun, ...]](), list[str]()
    for plan in (one.name for one in services.loaded.first.scenario.plans if one.name not in without):
        links = _links(services, plan, name, known)
        if links is not None:
            with_rows.append(plan)
        incoming |= {(plan, replication): runs for replication, runs in (links or {}).items()}
    return list_serving_runs(
        services.questions[name],
        folder,
        without=without,
        incoming=incoming,
        with_rows=with_rows,
        replications=services.replications,
    )


def _links(
    services: ResolvedServices, plan: str, name: str, known: Mapping[Key, StoredService]
) -> dict[int, tuple[ForwardingRun, ...]] | None:
    """Requests that others send on to a service, by replication; None = it neither gets nor sends any."""
    forwarding = services.forwarding(plan)
    sources = {source: one.only_to(name) for source, one in forwarding.items() if name in one.targets()}
    if not sources and name not in forwarding:
        return None
    return {
        r: tuple(_forwarded(services, known[plan, source, r], source, one) for source, one in sources.items())
        for r in services.replications
    }


def _forwarded(services: ResolvedServices, run: StoredService, source: str, forwarding: Forwarding) -> ForwardingRun:
    question = services.questions[source]
    return ForwardingRun(
        source=source,
        rows=run.folder / ROWS,
        forwarding=forwarding,
        limits=question.limits,
        seed=question.seed,
        replication=run.replication,
    )


def _depths(services: ResolvedServices, plan: str) -> dict[str, int]:
    """By service, how many others in a row send requests on before they come to it, or to one that shares its nodes."""
    depths, forwarding = dict.fromkeys(services.questions, 0), services.forwarding(plan)
    together = on_shared_nodes(services, plan)
    for _ in services.questions:
        for source, one in forwarding.items():
            for target in one.targets():
                depths[target] = max(depths[target], depths[source] + 1)
        depths |= dict.fromkeys(together, max((depths[name] for name in together), default=0))
    return depths
