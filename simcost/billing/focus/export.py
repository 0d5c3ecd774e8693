"""A settled bill as a FOCUS 1.2 table, in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from simcost.billing.bill import Bill, Charge
from simcost.billing.focus.rows import Writer
from simcost.billing.focus.vocabulary import machines, table_of
from simcost.catalog.facts import CloudService, Offer
from simcost.trace.usage.usage import HOURLY

ACCOUNT = "simcost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Metadata of a table: the run that it describes."""

    run_id: str
    """In x_SimcostRunId of every row."""
    start: str = "2026-01-01T00:00:00"
    """UTC time at which simulated time begins; usage with a calendar has its own."""
    tags: dict[str, str] = field(default_factory=dict)
    """Tags of every row: scenario, plan, model."""


def focus_table(bill: Bill, stamp: Stamp, offers: Iterable[Offer], services: Sequence[CloudService] = ()) -> pa.Table:
    """One row per clock-hour, resource and charge, all 57 columns of FOCUS 1.2 and x_SimcostRunId, x_PriceAsOf.

    Nothing here is an invoice: InvoiceId is null. Of spot, the list price is that on demand, and the contracted one is
    the price in effect. An unused commitment has list and contracted costs of 0. Charges by the month (storage,
    transfer, tokens) have a row a month.

    Args:
        bill: any bill; its hourly books become the rows of compute.
        stamp: of which run.
        offers: what instances are made of, for SkuPriceDetails.
        services: categories of the services that usage names.
    """
    settled = bill.settlement
    start_s = settled.account.start_s
    if start_s is None:
        start_s = float(np.datetime64(stamp.start, "s").astype(np.int64))
    common = {
        "BillingAccountId": ACCOUNT,
        "BillingAccountName": ACCOUNT,
        "BillingAccountType": "Simulation",
        "BillingCurrency": "USD",
        "PricingCurrency": "USD",
        "x_SimcostRunId": stamp.run_id,
    }
    writer = Writer(
        settled=settled, start_s=start_s, common=common, tags=stamp.tags, details=machines(offers), services=services
    )
    others = [block for charge in bill.charges if charge.service != "compute" for block in writer.other(charge)]
    return table_of([*writer.blocks(), *others])


def _by_hour(charge: Charge) -> bool:
    """True if a charge is a sum over the hourly entries."""
    return bool(charge.commitment) or charge.consumed_unit == HOURLY
