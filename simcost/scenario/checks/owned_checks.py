"""Owned nodes as a limit: no plan has more of them than there are.

A fleet of requests gets no more nodes than are owned: replicas beyond them wait. What has nodes of its own, such as
further pools, a prefill side, services and clusters of jobs, may be on one account; in the simulation none lends nodes
to another, so that their most must be within what is owned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import fsum, inf
from pathlib import Path

from simcost.billing import Owned
from simcost.catalog import Catalog
from simcost.errors import Fault, FaultsError, InputError
from simcost.plan import Scaling
from simcost.plan.autoscaling import Fixed
from simcost.plan.nodes import FixedNodes, Nodes, whole_nodes
from simcost.plan.replica_counts import StartingReplicas, most_replicas
from simcost.scenario.checks.manifest_references import manifest_of, nodes_in, policy_in
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, is_given, items
from simcost.scenario.inputs.disaggregation import prefill_plan
from simcost.scenario.schema.jobs import OnNodes, OnShared
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.scenario.schema.scaling import FollowForecast, FromManifest
from simcost.scenario.schema.scenario import Plan
from simcost.units import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedFleet:
    """A fleet of a plan that has owned nodes of its own."""

    name: str
    place: YamlNode
    """Of its purchase."""
    buy: Owned
    nodes: Nodes
    """Its provisioning."""
    needed: float
    """Nodes that its replicas need at most; infinite = no limit is known."""
    least: int
    """Nodes without which it never has what is written."""
    share: float = 0.0
    """The same of its fewest replicas, in parts of a node."""
    of_least: YamlNode
    """Value that its fewest nodes follow from."""
    why: str
    """The same in words."""

    @property
    def most(self) -> float:
        """Nodes at a time at most."""
        return self.nodes.most(self.needed)


def owned_fleets(node: YamlNode, plan: Plan, catalog: Catalog, folder: Path, *, jobs: bool = True) -> list[OwnedFleet]:
    """The fleets of a plan on owned nodes of a known number; those of its jobs only where `jobs` says so."""
    found: list[OwnedFleet | None] = []
    pools = items(node.get("pools")) if plan.pools else [node]
    for place, alone in zip(pools, plan.by_pool(), strict=True):
        name = f"pool {_part(place, 'name').value}" if plan.pools else "requests"
        found.append(_of_requests(name, place, alone, catalog, folder))
    apart = node.get("disaggregation")
    if apart is not None and plan.disaggregation is not None:
        found.append(_of_requests("prefill", apart, prefill_plan(plan), catalog, folder, node))
    if jobs:
        found.append(_of_jobs(node, plan, catalog, folder))
    return [fleet for fleet in found if fleet is not None]


def too_many_faults(fleets: Iterable[OwnedFleet], file: str) -> Iterator[Fault]:
    """Fleets of a plan that need, or together may take, more nodes than are owned."""
    accounts: list[list[OwnedFleet]] = []
    for fleet in fleets:
        account = next((one for one in accounts if one[0].buy == fleet.buy), None)
        if account is None:
            accounts.append(account := [])
        account.append(fleet)
    for account in accounts:
        owned = account[0].buy.nodes or 0
        alone = [one for one in account if one.least > owned]
        for one in alone:
            only = f"only {owned} {'is' if owned == 1 else 'are'} owned"
            yield fault_at(one.of_least, f"{one.why}, and {only}; take fewer, or own more nodes", file)
        if not alone and len(account) > 1 and fsum(one.most for one in account) > owned:
            yield fault_at(account[0].place.get("nodes") or account[0].place, _together(account, owned), file)


def owned_faults(
    nodes: Sequence[YamlNode], plans: Sequence[Plan], catalog: Catalog, folder: Path, file: str
) -> Iterator[Fault]:
    """The same of plans of one service."""
    for node, plan in zip(nodes, plans, strict=True):
        yield from too_many_faults(owned_fleets(node, plan, catalog, folder), file)


def owned_faults_of_services(loaded: LoadedServices) -> Iterator[Fault]:
    """The same of plans of several services, and of the jobs beside them."""
    parts = {**loaded.services, **({} if loaded.jobs is None else {"": loaded.jobs})}
    for number, plan in enumerate(loaded.first.scenario.plans):
        apart, together = list[OwnedFleet](), list[OwnedFleet]()
        for name, part in parts.items():
            [node, mine] = items(part.root.get("plans"))[number], part.scenario.plans[number]
            fleets = owned_fleets(node, mine, part.catalog, part.folder, jobs=not name)
            fleets = [replace(one, name=f"{name} {one.name}") if name else one for one in fleets]
            (together if (plan.name, name) in loaded.sharing else apart).extend(fleets)
        if together:
            apart.append(_shared(together))
        yield from too_many_faults(apart, str(loaded.path))


def _shared(fleets: Sequence[OwnedFleet]) -> OwnedFleet:
    """Services on the same nodes as one fleet."""
    one = max(fleets, key=lambda one: one.least)
    needed, together = fsum(one.needed for one in fleets), int(whole_nodes(fsum(one.share for one in fleets)))
    if together > one.least:
        why = f"the fewest replicas of the services on the same nodes need {plural(together, 'node')}"
        one = replace(one, least=together, why=why, of_least=_part(one.place, "nodes"))
    return replace(one, name="shared by services", needed=needed)


def _together(account: list[OwnedFleet], owned: int) -> str:
    each = ", ".join(f"{one.name} {'any number' if one.most == inf else f'{one.most:g}'}" for one in account)
    return (
        f"may take more than the {owned} owned {'node' if owned == 1 else 'nodes'} together ({each}): what buys alike "
        "is one account, and none lends nodes to another; limit each, as `nodes: {kind: at-once, max: 1}`, or own more"
    )


def _of_requests(
    name: str, place: YamlNode, plan: Plan, catalog: Catalog, folder: Path, whole: YamlNode | None = None
) -> OwnedFleet | None:
    """A fleet of requests, which has its rules from the `whole` plan where its own place has none."""
    buy, replica = plan.buy, plan.replica
    if not isinstance(buy, Owned) or buy.nodes is None or replica is None or isinstance(plan.training, OnShared):
        return None
    try:
        scaling, nodes = _settled(plan, catalog, folder)
        copies = 1 if replica.slice is None else catalog.slice_of(replica.accelerator, replica.slice).copies
    except (InputError, FaultsError):
        return None  # said where the manifest or the slice is named
    slots = buy.accelerators // replica.accelerators * copies
    if not slots:
        return None  # said already
    elsewhere = whole or place
    wanted = _fewest(scaling)
    count = int(whole_nodes(wanted / slots))
    why = f"{plural(wanted, 'replica')} {'needs' if wanted == 1 else 'need'} {plural(count, 'node')}"
    at = _part(place, "scaling")
    at = _part(at, "replicas", _part(at, "min", at))
    if nodes.least > count:
        count, why, at = nodes.least, f"{plural(nodes.least, 'node')} are asked for", _part(elsewhere, "nodes")
    return OwnedFleet(
        name=name,
        place=_part(place, "buy", _part(elsewhere, "buy")),
        buy=buy,
        nodes=nodes,
        needed=inf if scaling is None else whole_nodes(most_replicas(scaling) / slots),
        least=count,
        share=wanted / slots,
        of_least=at,
        why=why,
    )


def _of_jobs(node: YamlNode, plan: Plan, catalog: Catalog, folder: Path) -> OwnedFleet | None:
    """The cluster of the jobs of a plan; a shared one has its requests too."""
    buy, on = plan.training_buy or plan.buy, plan.training
    if not isinstance(buy, Owned) or buy.nodes is None or on is None:
        return None
    training = _part(node, "training")
    if isinstance(on, OnNodes):
        from simcost.scenario.inputs.clusters import find_clusters

        try:
            listed = find_clusters([plan], catalog, folder)[0].nodes
        except (InputError, FaultsError, OSError):
            return None  # said where the list is named
        count = 0 if listed is None else len(listed.gpus)
    else:
        count = int(whole_nodes(on.gpus / buy.accelerators))
    return OwnedFleet(
        name="jobs",
        place=_part(node, "training_buy", _part(node, "buy")),
        buy=buy,
        nodes=FixedNodes(nodes=max(count, 1)),
        needed=count,
        least=count,
        of_least=_part(training, "nodes" if isinstance(on, OnNodes) else "gpus"),
        why=f"the cluster of the jobs has {plural(count, 'node')}",
    )


def _settled(plan: Plan, catalog: Catalog, folder: Path) -> tuple[Scaling | FollowForecast | None, Nodes]:
    """Policy and provisioning of a plan, its manifests read."""
    scaling, nodes = plan.scaling, plan.nodes
    if isinstance(scaling, FromManifest):
        scaling = policy_in(manifest_of(scaling, folder, catalog), scaling)
    if isinstance(nodes, FromManifest):
        nodes = nodes_in(manifest_of(nodes, folder, catalog), nodes)
    return scaling, nodes


def _fewest(scaling: Scaling | FollowForecast | None) -> int:
    """Replicas that a policy never goes below, where it says so."""
    if isinstance(scaling, Fixed):
        return scaling.replicas
    return scaling.min if isinstance(scaling, StartingReplicas | FollowForecast) else 0


def _part(node: YamlNode, key: str, otherwise: YamlNode | None = None) -> YamlNode:
    """A part of a node, or else another: the same part of a whole plan, or the node itself."""
    part = node.get(key)
    if part is not None and is_given(part):
        return part
    return node if otherwise is None else otherwise
