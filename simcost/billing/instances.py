"""The bill of a run on instances, however they are paid: nodes as an account, disks and responses beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simcost.billing.books import compute_charges
from simcost.billing.charges import Bill, Place
from simcost.billing.commitment import Commitment
from simcost.billing.compute import by_state, nodes_account
from simcost.billing.metered import Floats, Line
from simcost.billing.settle import settle
from simcost.billing.volume import gb_months, volume_charges
from simcost.catalog.facts import BillingRule
from simcost.ledger import Usage

if TYPE_CHECKING:
    from simcost.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """A price from some time on."""

    from_s: float
    usd_per_h: float


def instances_bill(
    usage: Usage,
    line: Line,
    rule: BillingRule,
    catalog: "Catalog",
    *,
    commitments: Sequence[Commitment] = (),
    steps: Sequence[PriceStep] = (),
    storage_usd: float | None = None,
    egress_usd: float | None = None,
) -> Bill:
    """Charges for compute, and one each for disks and for responses where there were any.

    Nodes and their disks are billed from order to release; what still runs at the end of the run is cut there.
    Simulated time has no calendar: it begins with a clock-hour, and a month of 730 h is like the run.

    Args:
        usage: nodes, and what their slots did.
        line: what a node is, with its price.
        rule: how nodes are metered.
        catalog: prices of disks and responses, and of commitments that state none.
        commitments: what was bought in advance.
        steps: prices in effect over time, in place of that of the line; spot alone has them.
        storage_usd: own price per GB-month; None = the catalog's.
        egress_usd: own price per GB; None = the catalog's.

    Raises:
        CatalogError: a price that is needed and nobody states.
        InputError: a commitment that ends before the run, or fits nothing.
        RunError: the ledger contradicts itself.
    """
    nodes = nodes_account(usage, line, rule, steps)
    settled = settle(nodes.account, commitments, catalog)
    place = Place(provider=line.provider, region=line.region, start_s=0.0, end_s=usage.horizon_s)
    stored = gb_months(usage.disk_gb_per_node * usage.node_hours())
    disks = volume_charges("storage", stored, place, storage_usd, catalog)
    responses = volume_charges("egress", usage.gb_out, place, egress_usd, catalog)
    return Bill(
        charges=(*compute_charges(settled), *disks, *responses),
        compute_by_state_usd=by_state(usage, nodes, settled),
        horizon_s=usage.horizon_s,
        notes=tuple(note for one in settled.bought for note in one.bound.notes),
        settlement=settled,
    )


def most_at_a_time(usage: Usage) -> int:
    """Nodes that are there at once, at most."""
    start, end = usage.nodes["start_s"].to_numpy(), usage.nodes["end_s"].to_numpy()
    kept = end > start
    at = np.concatenate([end[kept], start[kept]])  # of one instant, releases first
    change: Floats = np.repeat([-1.0, 1.0], kept.sum())
    level = np.cumsum(change[np.argsort(at, kind="stable")])
    return int(level.max()) if len(level) else 0
