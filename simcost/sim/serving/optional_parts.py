"""Parts of the data plane that few runs need: each is loaded where a run has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from simcost.ledger.requests import LatencyLimits
from simcost.sim.clock import Clock
from simcost.sim.serving.engine.layout import Ints
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch

if TYPE_CHECKING:
    from simcost.sim.serving.client_driver import ReturningClients
    from simcost.sim.serving.closed_driver import ClosedClients
    from simcost.sim.serving.tenant_counts import TenantCounts
    from simcost.trace.workload.closed import ClosedWorkload


def tenant_counts(
    tenants: Mapping[str, LatencyLimits], clock: Clock, window_ns: int, windows: int
) -> TenantCounts | None:
    """Counts by tenant; None = requests have no tenants."""
    if not tenants:
        return None
    from simcost.sim.serving.tenant_counts import TenantCounts

    return TenantCounts(tenants, clock.tick_s, window_ns * clock.ticks_per_ns, windows)


def closed_clients(closed: ClosedWorkload | None, clock: Clock) -> ClosedClients | None:
    """Clients of a closed loop; None = requests come when they do."""
    if closed is None:
        return None
    from simcost.sim.serving.closed_driver import ClosedClients

    return ClosedClients(closed, clock)


def returning_clients(
    pool: Pool,
    clock: Clock,
    windows: int,
    on_rows: Callable[[Ints], None] | None,
    first: RequestBatch | None,
    closed: ClosedWorkload | None,
) -> ReturningClients | None:
    """Clients who send requests again, wait in queues by priority or have prefixes; None = none of these."""
    ranked = first is not None and first.priority is not None
    by_prefix = closed is None and (pool.in_blocks or pool.prefix_block_tokens is not None)
    if not (pool.retries or pool.rates or pool.admission.max_wait or ranked or by_prefix):
        return None
    from simcost.sim.serving.client_driver import ReturningClients

    return ReturningClients(pool, clock, windows, on_rows)
