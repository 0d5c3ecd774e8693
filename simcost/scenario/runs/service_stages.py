"""Stages of the runs of several services: one that others send requests on to comes after these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simcost.scenario.runs.forwarding import ForwardingRun
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.serving_runs import ServingRun, list_serving_runs
from simcost.scenario.runs.shared_runs import SharedRun
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


Stage = list[SeparateRun | SharedRun]


def list_stages(services: ResolvedServices, folder: Path) -> list[Stage]:
    """The distinct runs of services on nodes of their own, at least one stage."""
    depths = {plan.name: _depths(services, plan.name) for plan in services.loaded.first.scenario.plans}
    known, stages = dict[Key, ServingRun](), list[Stage]()
    for depth in range(1 + max(depth for plan in depths.values() for depth in plan.values())):
        stage = Stage()
        for name in services.questions:
            apart = [
                plan for plan, of in depths.items() if of[name] != depth or (plan, name) in services.loaded.sharing
            ]
            runs = _runs(services, name, folder, apart, known)
            stage += [SeparateRun(service=name, run=run) for run in runs]
        known |= placed([stage])
        stages.append(stage)
    return stages


def placed(stages: Sequence[Stage]) -> dict[Key, ServingRun]:
    """Runs of services on nodes of their own, each plan that shares them."""
    return {
        (plan.plan.name, one.service, one.replication): one.run
        for stage in stages
        for one in stage
        if isinstance(one, SeparateRun)
        for plan in one.run.plans
    }


def _runs(
    services: ResolvedServices, name: str, folder: Path, without: list[str], known: Mapping[Key, ServingRun]
) -> list[ServingRun]:
    """The runs of a service but for some plans; what is sent on to it comes from runs that are `known`."""
    incoming, with_rows = dict[tuple[str, int], tuple[ForwardingRun, ...]](), list[str]()
    for plan in (one.name for one in services.loaded.first.scenario.plans if one.name not in without):
        forwarding = services.forwarding(plan)
        sources = {source: one.only_to(name) for source, one in forwarding.items() if name in one.targets()}
        if sources or name in forwarding:
            with_rows.append(plan)
        for replication in range(services.first.seeds):
            incoming[plan, replication] = tuple(
                _forwarded(services, known[plan, source, replication], source, one) for source, one in sources.items()
            )
    return list_serving_runs(services.questions[name], folder, without=without, incoming=incoming, with_rows=with_rows)


def _forwarded(services: ResolvedServices, run: ServingRun, source: str, forwarding: Forwarding) -> ForwardingRun:
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
    """By service, how many others in a row send requests on before they come to it."""
    depths, forwarding = dict.fromkeys(services.questions, 0), services.forwarding(plan)
    for _ in services.questions:
        for source, one in forwarding.items():
            for target in one.targets():
                depths[target] = max(depths[target], depths[source] + 1)
    return depths
