"""Charges of a ledger under a price book. Billing knows money, not time steps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from simcost.billing.bill import Bill, Charge, Costs
from simcost.billing.on_demand import OnDemand
from simcost.billing.owned import Owned
from simcost.billing.serverless import ManagedEndpoint, Serverless
from simcost.billing.spot import Spot
from simcost.units import ByKind

if TYPE_CHECKING:
    from simcost.billing.commitment import Commitment
    from simcost.catalog import Catalog
    from simcost.ledger.requests import Ledger, LedgerUsage

Buy = Annotated[OnDemand | Spot | Owned | Serverless | ManagedEndpoint, ByKind("on-demand")]
"""The nodes of a run and their purchase option."""

__all__ = [
    "Bill",
    "Buy",
    "Charge",
    "Costs",
    "ManagedEndpoint",
    "OnDemand",
    "Owned",
    "Serverless",
    "Spot",
    "bill",
    "bill_together",
]


def bill_together(
    bought: "Sequence[tuple[LedgerUsage, OnDemand | Spot]]", commitments: "Sequence[Commitment]", catalog: "Catalog"
) -> Bill:
    """Charges of nodes of several kinds on one account: a commitment covers what it can of all. Raises as `bill`."""
    from simcost.billing.instances import instances_bill

    kinds, prices = [buy.instances(usage, catalog) for usage, buy in bought], catalog
    for _, buy in bought:
        prices = buy.prices(prices) if isinstance(buy, OnDemand) else prices
    return instances_bill(kinds, prices, commitments=commitments)


def bill(ledger: "Ledger | LedgerUsage", buy: Buy, catalog: "Catalog") -> Bill:
    """The charges of a run on nodes of one kind.

    Raises:
        CatalogError: the catalog lacks the offer, its billing rule, or a price that is needed.
        InputError: a commitment that ends before the run, or nodes that are not owned.
        RunError: the ledger contradicts itself.
    """
    from simcost.billing.metering import usages_of
    from simcost.ledger.requests import Ledger

    if isinstance(ledger, Ledger):
        [ledger] = usages_of(ledger)
    return buy.bill(ledger, catalog)
