"""The bill of a run on instances, however they are paid: nodes as an account, disks and responses beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from simcost.billing.bill import Bill, Charge, Place
from simcost.billing.books import compute_charges
from simcost.billing.commitment import Commitment
from simcost.billing.compute import by_state, nodes_account
from simcost.billing.metering import Floats, Line
from simcost.billing.settlement import settle
from simcost.billing.volume import gb_months, volume_charges
from simcost.catalog.facts import BillingRule
from simcost.ledger.requests import Usage

if TYPE_CHECKING:
    from simcost.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """A price from some time on."""

    from_s: float
    usd_per_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Instances:
    """Nodes of one kind, as they are metered."""

    usage: Usage
    """Nodes, and what their slots did."""
    line: Line
    """What a node is, with its price."""
    rule: BillingRule
    """How nodes are metered."""
    steps: Sequence[PriceStep] = ()
    """Prices in effect over time, in place of that of the line; spot alone has them."""
    storage_usd: float | None = None
    """Own price per GB-month; None = the catalog's."""
    egress_usd: float | None = None
    """Own price per GB; None = the catalog's."""


def instances_bill(
    kinds: Sequence[Instances],
    catalog: "Catalog",
    *,
    commitments: Sequence[Commitment] = (),
) -> Bill:
    """Charges for compute, and for disks and for responses where there were any: one account.

    Nodes and their disks are billed from order to release; what still runs at the end of the run is cut there.
    Simulated time has no calendar: it begins with a clock-hour, and a month of 730 h is like the run.

    Args:
        kinds: the nodes.
        catalog: prices of disks and responses, and of commitments that state none.
        commitments: what was bought in advance; it covers what it can of all kinds.

    Raises:
        CatalogError: a price that is needed and nobody states.
        InputError: a commitment that ends before the run, or fits nothing.
        RunError: the ledger contradicts itself.
    """
    nodes = nodes_account(kinds)
    settled = settle(nodes.account, commitments, catalog)
    return Bill(
        charges=(
            *compute_charges(settled),
            *_volumes(kinds, "storage", catalog),
            *_volumes(kinds, "egress", catalog),
        ),
        compute_by_state_usd=by_state(kinds, nodes, settled),
        horizon_s=kinds[0].usage.horizon_s,
        notes=tuple(note for one in settled.bought for note in one.bound.notes),
        settlement=settled,
    )


def _volumes(
    kinds: Sequence[Instances], item: Literal["storage", "egress"], catalog: "Catalog"
) -> list[Charge]:
    """Disks or responses, by place and own price; a place's tiers count what all kinds of nodes have there."""
    held: dict[tuple[Place, float | None], float] = {}
    for kind in kinds:
        usage, line = kind.usage, kind.line
        place = Place(provider=line.provider, region=line.region, start_s=0.0, end_s=kinds[0].usage.horizon_s)
        if item == "storage":
            own, gb = kind.storage_usd, gb_months(usage.disk_gb_per_node * usage.node_hours())
        else:
            own, gb = kind.egress_usd, usage.gb_out
        held[place, own] = held.get((place, own), 0.0) + gb
    return [one for (place, own), gb in held.items() for one in volume_charges(item, gb, place, own, catalog)]


def most_at_a_time(usage: Usage) -> int:
    """Nodes that are there at once, at most."""
    start, end = usage.nodes["start_s"].to_numpy(), usage.nodes["end_s"].to_numpy()
    kept = end > start
    at = np.concatenate([end[kept], start[kept]])  # of one instant, releases first
    change: Floats = np.repeat([-1.0, 1.0], kept.sum())
    level = np.cumsum(change[np.argsort(at, kind="stable")])
    return int(level.max()) if len(level) else 0
