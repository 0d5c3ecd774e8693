"""Nodes as they are bought, without a simulation."""

import pyarrow as pa

from simcost.billing import Buy
from simcost.billing.metering import Line
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.runs.bills import PurchasedNodes

HOUR, DAY_H = 3600.0, 24.0
N1 = Line(
    provider="gcp",
    sku="n1-standard-8",
    region="us-central1",
    list_usd=1.0,
    contracted_usd=1.0,
    as_of="",
    quality="given",
)
"""A machine with sustained-use discounts, at a price of 1 USD an hour."""


def there(buy: Buy, *hours: float) -> PurchasedNodes:
    """Nodes of one accelerator from the start of a day on, idle, each for so many hours."""
    count = len(hours)
    columns = [["pool"] * count, list(range(count)), [0] * count, [0.0] * count, [each * HOUR for each in hours]]
    table = pa.table([pa.array(column, kind.type) for column, kind in zip(columns, NODES, strict=True)], schema=NODES)
    usage = LedgerUsage(
        horizon_s=DAY_H * HOUR, slots_per_node=1, nodes=table, slot_seconds={"idle": sum(hours) * HOUR}, gb_out=1.0
    )
    return PurchasedNodes(usage=usage, buy=buy)
