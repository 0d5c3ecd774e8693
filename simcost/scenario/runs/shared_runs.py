"""Simulations of services on nodes that they share: the distinct ones of a question, stored and reused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from simcost.catalog import Catalog
from simcost.ledger.shared_nodes import SharedLedger
from simcost.plan.shared_nodes import SharedNodes
from simcost.rng import stream
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.bills import PurchasedNodes, as_whole_nodes
from simcost.scenario.runs.contributions import ServedSide, served_side
from simcost.scenario.runs.forwarding import ForwardingRun, joined
from simcost.scenario.runs.resolve import ResolvedPlan, node_kinds
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.run_keys import key_of
from simcost.scenario.runs.serving_runs import keeps_rows, reads_hashes, replication_seed, run_label
from simcost.scenario.schema.services import Sharing
from simcost.scenario.storage.folders import reused, whole_folder
from simcost.scenario.storage.ledgers import (
    ROWS,
    load_ledger,
    load_shared_ledger,
    save_ledger,
    save_shared_nodes,
    with_rows_in,
    without_rows,
)
from simcost.sim.serving.pool import Pool


@dataclass(slots=True, kw_only=True)
class SharedRun:
    """One simulation of the services on the nodes of a plan, and the plans that share it."""

    services: Mapping[str, Pool]
    """Pools by service."""
    rights: Mapping[str, Sharing]
    nodes: SharedNodes
    replication: int
    folder: Path
    """Of the nodes; that of a service has its number at the end."""
    incoming: Mapping[str, tuple[ForwardingRun, ...]] = field(default_factory=dict)
    """Runs of other services that send requests on to those of this one, by service."""
    with_rows: set[str] = field(default_factory=set)
    """Services of which the outcome of each request is kept, whatever their number: requests are sent on from it, or to
    it."""
    plans: list[str] = field(default_factory=list)
    share: float = 0.0
    """Share of it that is done."""

    @property
    def label(self) -> str:
        """Name of it in messages."""
        return run_label(self.plans, self.replication)

    def folders(self) -> dict[str, Path]:
        """The folder of each service."""
        return {
            name: self.folder.with_name(f"{self.folder.name}-{number}") for number, name in enumerate(self.services)
        }


Links = Mapping[str, Mapping[int, tuple[ForwardingRun, ...]] | None]
"""Requests that are sent on to each service, by replication; None = it neither gets nor sends any."""


def list_shared_runs(services: ResolvedServices, folder: Path, links: Mapping[str, Links]) -> list[SharedRun]:
    """The distinct runs on nodes that services share, of the plans with `links`."""
    runs: dict[str, SharedRun] = {}
    for replication in services.replications:
        for plan, plans in services.sharing_plans().items():
            if plan in links:
                found = {name: of[replication] for name, of in links[plan].items() if of is not None}
                incoming = {name: sources for name, sources in found.items() if sources}
                made = _run(services, plan, plans, replication, folder, incoming)
                one = runs.setdefault(made.folder.name, made)
                one.plans.append(plan)
                one.with_rows |= set(found)
    return list(runs.values())


def _run(
    services: ResolvedServices,
    plan: str,
    plans: Mapping[str, ResolvedPlan],
    replication: int,
    folder: Path,
    incoming: Mapping[str, tuple[ForwardingRun, ...]],
) -> SharedRun:
    pools = {name: replace(one.sampled(replication), name=name) for name, one in plans.items()}
    rights = {name: services.loaded.sharing[plan, name] for name in plans}
    nodes = _nodes(
        next(iter(plans.values())), services.catalog, preempt=any(right.preempt for right in rights.values())
    )
    questions = {name: services.questions[name] for name in plans}
    tenants = {
        name: {tenant: asdict(limits) for tenant, limits in question.tenants.items()}
        for name, question in questions.items()
        if question.tenants
    }
    key = key_of(
        pools={name: asdict(pool) | {"step": pool.step.numbers()} for name, pool in pools.items()},
        rights={name: asdict(right) for name, right in rights.items()},
        nodes=asdict(nodes),
        seed=services.seed,
        requests={
            name: question.source.identity(replication) if question.source else None
            for name, question in questions.items()
        },
        horizon_s=services.first.horizon_s,
        limits={name: asdict(question.limits) for name, question in questions.items()},
        **({"tenants": tenants} if tenants else {}),
    )
    if incoming:
        sent = {name: [source.identity() for source in sources] for name, sources in incoming.items()}
        key = key_of(own=key, incoming=sent)
    return SharedRun(
        services=pools,
        rights=rights,
        nodes=nodes,
        replication=replication,
        folder=folder / key[:32],
        incoming=incoming,
    )


def _nodes(plan: ResolvedPlan, catalog: Catalog, *, preempt: bool) -> SharedNodes:
    """The nodes of a plan, which each of its services has alike."""
    return SharedNodes(
        kinds=node_kinds(plan.plan, catalog, 1),
        rules=plan.pool.nodes,
        startup=plan.pool.startup,
        interruptions=plan.pool.interruptions,
        preempt=preempt,
        starts_utc_s=plan.pool.starts_utc_s,
    )


def shared_ledger(
    services: ResolvedServices,
    run: SharedRun,
    arrivals: Mapping[str, Arrivals],
    tell: Callable[[float], None],
    *,
    fresh: bool,
) -> SharedLedger:
    """The stored ledgers, or those of a new simulation."""
    stored = None if fresh else reused(run.folder, lambda folder: _stored(run, folder))
    if stored is not None and all(stored.services[name].outcomes.rows is not None for name in run.with_rows):
        return _assessed(stored, run, arrivals)
    folders = run.folders()
    with ExitStack() as stack:  # the folder of the nodes comes last: it says that all are there
        draft = stack.enter_context(whole_folder(run.folder))
        drafts = {name: stack.enter_context(whole_folder(folder)) for name, folder in folders.items()}
        found = _simulate(services, run, arrivals, drafts, tell)
        for name, ledger in found.services.items():
            save_ledger(ledger, drafts[name])
        save_shared_nodes(found, draft)
    kept = {name: with_rows_in(ledger, folders[name]) for name, ledger in found.services.items()}
    return _assessed(replace(found, services=kept), run, arrivals)


def _assessed(ledger: SharedLedger, run: SharedRun, arrivals: Mapping[str, Arrivals]) -> SharedLedger:
    """The ledgers, without the outcome of each request where it was kept to be sent on alone."""
    services = {
        name: service if keeps_rows(run.replication, arrivals[name]) else without_rows(service)
        for name, service in ledger.services.items()
    }
    return replace(ledger, services=services)


def _stored(run: SharedRun, folder: Path) -> SharedLedger:
    return load_shared_ledger(folder, {name: load_ledger(place) for name, place in run.folders().items()})


def _simulate(
    services: ResolvedServices,
    run: SharedRun,
    arrivals: Mapping[str, Arrivals],
    drafts: Mapping[str, Path],
    tell: Callable[[float], None],
) -> SharedLedger:
    from simcost.sim import Service, simulate_services

    asked = []
    for name, pool in run.services.items():
        question, incoming, rights = services.questions[name], arrivals[name], run.rights[name]
        kept = name in run.with_rows or keeps_rows(run.replication, incoming)
        asked.append(
            Service(
                pool=pool,
                arrivals=joined(incoming.of(run.replication, prefixes=reads_hashes(pool)), run.incoming.get(name, ())),
                limits=question.limits,
                tenants=question.tenants,
                rows=drafts[name] / ROWS if kept else None,
                closed=question.loaded.scenario.closed_workload(),
                seed=replication_seed(question.seed, run.replication),
                accelerators=None if pool.slice is None else pool.slice.part,
                priority=rights.priority,
                quota=rights.quota,
            )
        )
    return simulate_services(
        asked,
        run.nodes,
        horizon_s=services.first.horizon_s or 0.0,
        seed=int(stream(services.seed, "nodes", run.replication).integers(2**62)),
        progress=tell,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSide:
    """Services of a plan on nodes that they share, from one run."""

    services: dict[str, ServedSide]
    """By name; what each has bought is time of whole nodes, its usage that of its replicas."""
    nodes: list[PurchasedNodes]
    """The nodes themselves, by kind."""


def shared_side(services: ResolvedServices, plan: str, replication: int, ledger: SharedLedger) -> SharedSide:
    """Assess the services of a plan, and the usage of its nodes."""
    plans = services.sharing_plans()[plan]
    first = next(iter(plans.values())).plan
    options = (first.buy, *first.or_buy)
    sides = {}
    for name, resolved in plans.items():
        side = served_side(services.questions[name], resolved, replication, ledger.services[name])
        held = [
            replace(one, usage=as_whole_nodes(one.usage, accelerators))
            for one, accelerators in zip(side.bought, ledger.accelerators, strict=True)
        ]
        sides[name] = replace(side, bought=held)
    nodes = [
        PurchasedNodes(usage=usage, buy=buy, account=options[0])
        for usage, buy in zip(ledger.usage(), options, strict=True)
    ]
    return SharedSide(services=sides, nodes=nodes)
