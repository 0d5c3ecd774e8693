"""The bill of a run: the mean of its replications, with the interval that they leave."""

from collections.abc import Sequence
from math import fsum
from typing import Any

from simcost.billing.bill import Bill
from simcost.billing.document import bill_document
from simcost.billing.mean import mean_bill
from simcost.compare.confidence import interval
from simcost.compare.verdict import bounds

Document = dict[str, Any]


def replicated_bill(bills: Sequence[Bill], name: str, level: float | None) -> tuple[Document, Bill]:
    """The document of the mean of bills, and that mean.

    Args:
        bills: of each replication; of metered usage there is one.
        name: of the purchasing plan.
        level: of the intervals, between 0 and 1; None = the bill is of metered usage, and exact.
    """
    mean = mean_bill(bills)
    if level is None:
        return bill_document(mean, name), mean
    count = len(bills)
    spreads = {
        "effective_usd": interval([bill.total_usd for bill in bills], level),
        "billed_usd": interval([bill.billed_usd for bill in bills], level),
        "per_month_usd": interval([bill.per_month_usd for bill in bills], level),
    }
    rests_on = f"mean of {count} replications, {bounds(spreads['effective_usd'])}" if count > 1 else ""
    document = bill_document(mean, name, rests_on)
    document["per_month_usd"] = fsum(bill.per_month_usd for bill in bills) / count
    intervals = {key: None if spread.lo is None else spread.document() for key, spread in spreads.items()}
    return document | {"replications": count, "intervals": intervals}, mean
