"""Purchasing plans in files: what they say, and the catalog they ask."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from simcost.billing.purchasing import Purchasing
from simcost.catalog import Catalog, load_catalog
from simcost.scenario.folders import sha256_of, whole_file
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


def write_focus_bill(path: Path, bill: Any, usage: Path, plan: Path) -> None:
    """Write a bill of `price_usage` in the FOCUS format; its run id stands for the usage and the plan.

    Raises:
        InputError: the name says no format, or nothing can be written there.
    """
    from simcost.billing.focus import Stamp, focus_table
    from simcost.trace.focus.write import check_suffix, write_focus

    check_suffix(path)
    purchasing, catalog = load_purchasing(plan)
    run_id = sha256(f"{sha256_of(usage)} {sha256_of(plan)}".encode()).hexdigest()[:16]
    stamp = Stamp(run_id=run_id, tags={"plan": purchasing.purchasing})
    with whole_file(path) as draft:
        write_focus(focus_table(bill, stamp, catalog.facts.offers), draft, text=path.suffix == ".csv")
