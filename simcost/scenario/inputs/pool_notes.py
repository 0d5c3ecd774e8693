"""Notes on plans of several pools: one gateway with limits of one of them, and pools that are far from each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from simcost.billing import ManagedEndpoint, OnDemand, Spot

if TYPE_CHECKING:
    from simcost.catalog import Catalog
    from simcost.scenario.schema.scenario import Plan
    from simcost.sim.serving.pool import Pool


def pool_notes(plan: Plan, pools: Sequence[Pool], catalog: Catalog) -> Iterator[str]:
    """Sentences on the pools of a plan together."""
    first, *others = pools
    if unlike := [other.name for other in others if other.admission != first.admission]:
        yield (
            f"limits of the gateway are those of pool {first.name}, for {', '.join(unlike)} too, whose own differ: "
            "there is one gateway; write them as `admission` of the plan."
        )
    places = {
        f"{offer.provider} {offer.region}"
        for pool in plan.by_pool()
        if isinstance(pool.buy, OnDemand | Spot | ManagedEndpoint)
        for offer in (catalog.offer(pool.buy.offer, pool.buy.region),)
    }
    if len(places) < 2:
        return
    if len({pool.first_token_overhead_s for pool in pools}) == 1:
        of_network = (
            "the network between them takes no time and costs nothing here; write its time as `first_token_overhead` "
            "of the replicas that are farther from the gateway."
        )
    else:
        of_network = "traffic between them costs nothing here; add its price to `egress` of the pools that are farther."
    yield f"Its pools are in {' and '.join(sorted(places))}: {of_network}"
