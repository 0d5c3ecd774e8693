"""Limits of supply: accelerators of a quota, instances that can be had, and what plans take of both at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, inf

from simcost.billing import Buy
from simcost.catalog import Catalog
from simcost.errors import CatalogError
from simcost.plan.nodes import whole_nodes
from simcost.plan.replica_counts import most_replicas
from simcost.scenario.inputs.clusters import Cluster
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.schema.jobs import OnShared, OnSpot, SpotNodes

_ALMOST = 1e-9
Taken = tuple[float, ...]
"""Most that plans take at a time, by limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyLimit:
    """Most of an accelerator, or of the instances of an offer, at a time."""

    name: str
    """Accelerator by its name in the catalog; or `OFFER`, or `OFFER@REGION`."""
    most: int
    offer: str = ""
    """Empty = a limit of accelerators."""
    region: str | None = None
    """None = of all regions together."""

    @property
    def reason(self) -> str:
        """Reason why a plan is left out that takes more."""
        if self.offer:
            return f"may take more than the {self.most} x {self.name} that are available"
        return f"may take more than the quota of {self.most} x {self.name}"

    def is_of(self, buy: Buy | SpotNodes, catalog: Catalog) -> bool:
        """True if it limits the nodes of a purchase."""
        name = getattr(buy, "offer", "")
        if not self.offer or name.lower() != self.offer.lower():
            return False
        return self.region in (None, catalog.offer(name, getattr(buy, "region", None)).region)


class SupplyLimits:
    """All limits of a search; without any, nothing is counted.

    Each pool counts with the most replicas of its policy, and its nodes as if they held no others: a prefill side,
    further pools, services and clusters of jobs too. Replicas that drain do not count.

    Args:
        quota: most accelerators by name; of others any number.
        available: most instances by `OFFER`, in all regions together, or by `OFFER@REGION`.
        catalog: for names and nodes.

    Raises:
        CatalogError: an accelerator or an offer that it does not know, or one that is named twice.
    """

    def __init__(self, quota: Mapping[str, int], available: Mapping[str, int], catalog: Catalog) -> None:
        self._catalog = catalog
        found = (SupplyLimit(name=_accelerator(name, catalog), most=most) for name, most in quota.items())
        self.limits = (*found, *(_of_offer(name, most, catalog) for name, most in available.items()))
        names = Counter(limit.name for limit in self.limits)
        if again := [name for name, count in names.items() if count > 1]:
            raise CatalogError(f"{', '.join(again)} is limited more than once; write one number")

    def __bool__(self) -> bool:
        return bool(self.limits)

    @property
    def most(self) -> Taken:
        """Most that there is, by limit."""
        return tuple(float(limit.most) for limit in self.limits)

    def over(self, taken: Sequence[float]) -> str:
        """Reason why so much cannot be had; empty = it can."""
        return next(
            (limit.reason for limit, count in zip(self.limits, taken, strict=True) if count > limit.most + _ALMOST), ""
        )

    def of_plans(self, plans: Iterable[ResolvedPlan]) -> Taken:
        """Most that plans take at a time, each on nodes of its own."""
        pools = [pool for plan in plans for pool in _pools(plan)]
        return tuple(fsum(self._of_pool(limit, pool) for pool in pools) for limit in self.limits)

    def of_question(self, question: ResolvedScenario | ResolvedServices) -> Taken:
        """Most that all plans of a question take together: of requests, of services on their own nodes or on the same
        ones, and of jobs.
        """
        if not self:
            return ()
        if isinstance(question, ResolvedScenario):
            return self._sum([self.of_plans(_off_clusters(question.plans)), self._of_clusters(question.clusters)])
        clusters = () if question.jobs is None else question.jobs.clusters
        sharing = question.sharing_plans()
        apart = [
            plan
            for name, one in question.questions.items()
            for plan in _off_clusters(one.plans)
            if name not in sharing.get(plan.plan.name, {})
        ]
        together = [self._of_shared_nodes(list(one.values())) for one in sharing.values()]
        return self._sum([self.of_plans(apart), self._of_clusters(clusters), *together])

    def per_replica(self, plan: ResolvedPlan) -> Taken:
        """Part of each limit that one more replica takes: accelerators, or the share of a node."""
        return tuple(fsum(self._part(limit, pool) for pool in _pools(plan)) for limit in self.limits)

    def _part(self, limit: SupplyLimit, pool: ResolvedPlan) -> float:
        if not limit.offer:
            return pool.pool.accelerators_per_replica if self._accelerator(pool) == limit.name else 0.0
        return max((1 / slots for buy, slots in _kinds(pool) if limit.is_of(buy, self._catalog)), default=0.0)

    def _of_pool(self, limit: SupplyLimit, pool: ResolvedPlan) -> float:
        if not limit.offer:
            part = self._part(limit, pool)
            return part * most_replicas(pool.pool.scaling) if part else 0.0
        kinds = [slots for buy, slots in _kinds(pool) if limit.is_of(buy, self._catalog)]
        return pool.pool.nodes.most(whole_nodes(most_replicas(pool.pool.scaling) / min(kinds))) if kinds else 0.0

    def _of_shared_nodes(self, services: Sequence[ResolvedPlan]) -> Taken:
        """Of services on the same nodes: replicas are placed on them from the largest to the smallest."""
        first = services[0]
        parts = first.plan.buy.node_accelerators(self._catalog, 1)
        needed = _packed(
            [(most_replicas(one.pool.scaling), one.pool.accelerators_per_replica) for one in services], parts
        )
        nodes = first.pool.nodes.most(needed)
        return tuple(
            (nodes if limit.is_of(first.plan.buy, self._catalog) else 0.0)
            if limit.offer
            else fsum(self._of_pool(limit, one) for one in services)
            for limit in self.limits
        )

    def _of_clusters(self, clusters: Iterable[Cluster]) -> Taken:
        """Of clusters of jobs: all their nodes, the spot nodes while their trace is at its most."""
        held = [one for cluster in clusters for one in _nodes_of(cluster)]
        return tuple(
            fsum(self._of_nodes(limit, buy, gpus, nodes) for buy, gpus, nodes in held) for limit in self.limits
        )

    def _of_nodes(self, limit: SupplyLimit, buy: Buy | SpotNodes, gpus: float, nodes: float) -> float:
        if limit.offer:
            return nodes if limit.is_of(buy, self._catalog) else 0.0
        name = getattr(buy, "offer", "")
        bought = self._catalog.offer(name, getattr(buy, "region", None)).accelerator if name else ""
        return gpus if bought == limit.name else 0.0

    def _accelerator(self, pool: ResolvedPlan) -> str:
        replica = pool.plan.replica
        return "" if replica is None else self._catalog.accelerator(replica.accelerator).name

    def _sum(self, each: Sequence[Taken]) -> Taken:
        return tuple(fsum(one[i] for one in each) for i in range(len(self.limits)))


def _accelerator(name: str, catalog: Catalog) -> str:
    """Name of an accelerator in the catalog, or of one that it has in offers alone."""
    offered = {offer.accelerator for offer in catalog.facts.offers if offer.accelerator}
    return name if name in offered else catalog.accelerator(name).name


def _of_offer(text: str, most: int, catalog: Catalog) -> SupplyLimit:
    """The limit of `OFFER` or `OFFER@REGION`."""
    name, _, region = text.partition("@")
    try:
        offer = catalog.offers_named(name)[0] if not region else catalog.offer(name, region)
    except CatalogError as error:
        raise CatalogError(f"available: {error}") from None
    if not region:
        return SupplyLimit(name=offer.name, most=most, offer=offer.name)
    return SupplyLimit(name=f"{offer.name}@{region}", most=most, offer=offer.name, region=offer.region)


def _pools(plan: ResolvedPlan) -> Iterator[ResolvedPlan]:
    """The pools of a plan, each prefill side apart."""
    for pool in plan.each_pool():
        yield pool
        if pool.prefill is not None:
            yield pool.prefill


def _kinds(pool: ResolvedPlan) -> list[tuple[Buy, int]]:
    """Purchases of the nodes of a pool, with the replicas that fit on one."""
    bought = (pool.plan.buy, *pool.plan.or_buy)
    return [(buy, kind.slots) for buy, kind in zip(bought, pool.pool.kinds, strict=False)]


def _off_clusters(plans: Iterable[ResolvedPlan]) -> list[ResolvedPlan]:
    """Plans of requests that are not on a fleet which jobs share, all of whose GPUs count already."""
    return [plan for plan in plans if not isinstance(plan.plan.training, OnShared)]


def _nodes_of(cluster: Cluster) -> Iterator[tuple[Buy | SpotNodes, float, float]]:
    """Nodes of a cluster of jobs: their purchase, all their GPUs, and how many they are."""
    training = cluster.training
    gpus = float(cluster.nodes.gpus.sum()) if cluster.nodes is not None else float(getattr(training, "gpus", 0))
    yield cluster.buy, gpus, whole_nodes(gpus / cluster.gpus_per_node)
    if isinstance(training, OnSpot) and cluster.spot is not None:
        count = training.spot.nodes
        yield training.spot, float(count * cluster.spot.gpus_per_node), float(count)


def _packed(replicas: Sequence[tuple[float, float]], parts: float) -> float:
    """Nodes of so many parts that hold replicas, given as counts and sizes: each on the first with enough left."""
    if any(count == inf for count, _ in replicas):
        return inf
    left: list[float] = []
    for count, size in sorted(replicas, key=lambda one: -one[1]):
        for _ in range(int(count)):
            at = next((i for i, free in enumerate(left) if free >= size - _ALMOST), None)
            if at is None:
                left.append(parts - size)
            else:
                left[at] -= size
    return float(len(left))
