"""FOCUS files: reading a million rows of a provider's export, and exporting a settled year.

python bench/focus.py [--json] [--rows 1000000] [--skus 200]
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import measure
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from settle import HOURS, plans, year

from simcost.billing.bill import Bill
from simcost.billing.focus import Stamp, focus_table
from simcost.billing.settlement import settle
from simcost.catalog import load_catalog
from simcost.studies.actuals.study import actual_costs
from simcost.trace.focus.export import write_focus
from simcost.trace.focus.reader import read_focus
from simcost.trace.focus.validation import check_focus

COMMON = {
    "BillingAccountId": "123456789012",
    "BillingAccountName": "SunBird",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-03-01T00:00:00Z",
    "BillingPeriodEnd": "2026-04-01T00:00:00Z",
    "ChargeClass": "NULL",
    "ChargeFrequency": "Usage-based",
    "ConsumedUnit": "Hours",
    "PricingUnit": "Hours",
    "ProviderName": "AWS",
    "PublisherName": "AWS",
    "InvoiceIssuerName": "AWS",
    "ServiceCategory": "Compute",
    "ResourceType": "Instance",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "SubAccountId": "517389287820",
    "RegionId": "us-east-1",
    "RegionName": "US East (N. Virginia)",
    "Tags": '{"team": "growth", "environment": "prod"}',
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--skus", type=int, default=200)
    options = parser.parse_args()
    with TemporaryDirectory() as home:
        since = time.monotonic(), measure.cpu_s()
        read, exported = reading(Path(home), options.rows), exporting(Path(home), options.skus)
        spent = measure.account(since, 2 * options.rows + exported["rows"])
    work = f"{options.rows:,} rows read as CSV and as Parquet, a year of {options.skus} SKUs exported and checked"
    measure.show({"name": "focus", "work": work, **spent, **read, **exported}, options)


def reading(folder: Path, rows: int) -> dict[str, Any]:
    """CPU seconds for an export of a month, with its usage by the hour."""
    export, found = month(rows), {}
    pacsv.write_csv(export, folder / "month.csv")
    pq.write_table(export, folder / "month.parquet")
    for kind in ("csv", "parquet"):
        before = measure.cpu_s()
        actual_costs(read_focus([folder / f"month.{kind}"], series=True))
        found[f"read_{kind}_cpu_s"] = measure.cpu_s() - before
        found[f"{kind}_bytes"] = (folder / f"month.{kind}").stat().st_size
    return found


def exporting(folder: Path, skus: int) -> dict[str, Any]:
    """CPU seconds from a settled year to a Parquet file, and to check it."""
    catalog = load_catalog()
    settled = settle(year(skus), plans(), catalog)
    bill = Bill(charges=(), compute_by_state_usd={}, horizon_s=HOURS * 3600.0, settlement=settled)
    start = measure.cpu_s()
    table = focus_table(bill, Stamp(run_id="bench"), catalog.facts.offers)
    write_focus(table, folder / "year.parquet", text=False)
    written = measure.cpu_s()
    told = check_focus(folder / "year.parquet")
    return {
        "rows": table.num_rows,
        "export_cpu_s": written - start,
        "check_cpu_s": measure.cpu_s() - written,
        "broken": len(told["broken"]),
    }


def month(rows: int) -> pa.Table:
    """An export of one month: 300 SKUs by the hour, 30 % under nine commitments, literal NULLs among the cells."""
    rng = np.random.default_rng(1)
    sku, hour = rng.integers(0, 300, rows), rng.integers(0, 744, rows)
    names = np.array([f"SKU{i:05d}" for i in range(300)])
    quantity = rng.integers(1, 4, rows).astype(float)
    listed = (sku + 1) * 0.01 * quantity
    committed = rng.random(rows) < 0.3
    status = np.where(committed, np.where(rng.random(rows) < 0.9, "Used", "Unused"), "NULL")
    plan = np.char.add("arn:aws:savingsplans::1:savingsplan/", (sku % 9).astype("U2"))
    start = np.datetime64("2026-03-01T00", "s") + hour * np.timedelta64(3600, "s")
    columns: dict[str, Any] = {name: pa.array(np.full(rows, word)) for name, word in COMMON.items()}
    columns |= {
        "ChargePeriodStart": np.char.add(start.astype("U19"), "Z"),
        "ChargePeriodEnd": np.char.add((start + np.timedelta64(3600, "s")).astype("U19"), "Z"),
        "ChargeCategory": np.full(rows, "Usage"),
        "PricingCategory": np.where(committed, "Committed", "Standard"),
        "CommitmentDiscountId": np.where(committed, plan, "NULL"),
        "CommitmentDiscountStatus": status,
        "SkuId": names[sku],
        "SkuPriceId": np.char.add(names[sku], ".JRTCKXETXF"),
        "SkuPriceDetails": np.char.add(np.char.add('{"InstanceType": "p5.', (sku % 40).astype("U3")), 'xlarge"}'),
        "ResourceId": np.char.add("arn:aws:ec2:us-east-1:1:instance/i-", rng.integers(0, 20_000, rows).astype("U8")),
        "ChargeDescription": np.char.add("USD per On Demand hour of ", names[sku]),
        "BilledCost": np.where(committed, 0, listed),
        "EffectiveCost": np.where(committed, 0.6 * listed, listed),
        "ListCost": listed,
        "ContractedCost": listed,
        "ListUnitPrice": listed / quantity,
        "ContractedUnitPrice": listed / quantity,
        "PricingQuantity": quantity,
        "ConsumedQuantity": quantity,
    }
    return pa.table({name: pa.array(column) for name, column in columns.items()})


if __name__ == "__main__":
    main()
