"""Purchasing plans in files: what they say, and the catalog they ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from simcost.billing.purchasing import Purchasing
from simcost.catalog import Catalog, load_catalog
from simcost.scenario.schema_file import load_as
from simcost.trace.paths import inside

Document = dict[str, Any]


def load_purchasing(path: Path) -> tuple[Purchasing, Catalog]:
    """The plan of a file, named after it unless it has a name, and our facts with those of its folder over them.

    Raises:
        FaultsError: all faults of the file, each with its place.
        InputError: a folder of facts outside that of the file, or with faults.
    """
    plan = load_as(path, Purchasing)
    catalog = load_catalog(inside(path.parent, plan.catalog)) if plan.catalog else load_catalog()
    return replace(plan, purchasing=plan.purchasing or path.stem), catalog


def price_usage(usage: Path, plans: list[Path], mapping: dict[str, str]) -> list[tuple[Document, Any]]:
    """The bill of a file of usage under each plan: its document and itself.

    Raises:
        FaultsError: rows of the usage, or lines of a plan, that cannot be.
        InputError: prices that are missing, commitments that do not suit the usage.
    """
    from simcost.billing.account import bill_usage
    from simcost.billing.document import bill_document
    from simcost.trace.usage.read import read_usage

    found = []
    for path in plans:
        plan, catalog = load_purchasing(path)
        read = read_usage(usage, mapping=mapping, provider=plan.provider, region=plan.region)
        bill = bill_usage(read, plan, catalog)
        document = bill_document(bill, plan.purchasing) | {"catalog_date": catalog.as_of}
        found.append((document | {"findings": list(read.findings)}, bill))
    return found
