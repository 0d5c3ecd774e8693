"""Costs that are compared: a plan of a results folder, a bill of `simcost bill --json`, a FOCUS file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

from simcost.catalog import Catalog
from simcost.catalog.facts import Offer
from simcost.compare.bridge import BillItem, BillSide
from simcost.errors import InputError
from simcost.scenario.storage.folders import sha256_of
from simcost.scenario.storage.results import finished_plan, plan_charges
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSide:
    """One of the two costs."""

    name: str
    """As sentences say it."""
    bill: BillSide
    hours: float
    """Time that it covers."""
    inputs: dict[str, str]
    """SHA-256 of its files."""
    requests_per_month: float | None = None
    """Of a run that served some."""

    def times(self, factor: float) -> BillSide:
        """So many times the bill."""
        return BillSide(
            items={
                name: BillItem(quantity=item.quantity * factor, list_usd=item.list_usd, rate=item.rate, unit=item.unit)
                for name, item in self.bill.items.items()
            },
            unused_commitment_usd=self.bill.unused_commitment_usd * factor,
            other_usd=self.bill.other_usd * factor,
        )


def cost_side(path: Path, plan: str | None, catalog: Catalog) -> CostSide:
    """Read a results folder, the document of a bill, or a FOCUS file.

    Args:
        path: the folder or file.
        plan: of a folder or a document of several; None = the best plan, or the only one.
        catalog: tells how many accelerators an instance has.

    Raises:
        InputError: it is none of them, or there is no such plan.
    """
    if path.is_dir():
        return _of_folder(path, plan, catalog)
    if path.suffix == ".json":
        return _of_document(path, plan, catalog)
    if plan is not None:
        raise InputError(f"{path}: a FOCUS file has no plans; leave the plan out, or give a results folder")
    return _of_focus(path, catalog)


def _of_folder(folder: Path, plan: str | None, catalog: Catalog) -> CostSide:
    document, horizon_s = finished_plan(folder, plan)
    charges, replications = plan_charges(folder, str(document["name"]))
    months = horizon_s / SECONDS_PER_HOUR / HOURS_PER_MONTH
    arrived = document.get("requests", {}).get("arrived", 0)
    return CostSide(
        name=f"{document['name']} of {folder}",
        bill=_side(map(_row_of_charge, charges), catalog, 1 / replications),
        hours=horizon_s / SECONDS_PER_HOUR,
        inputs={str(folder / "result.json"): sha256_of(folder / "result.json")},
        requests_per_month=arrived / months if arrived else None,
    )


def _of_document(path: Path, plan: str | None, catalog: Catalog) -> CostSide:
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        bills = {str(one["plan"]): one for one in whole.get("plans", [whole])}
        chosen = plan or (next(iter(bills)) if len(bills) == 1 else None)
        if chosen not in bills:
            raise InputError(f"{path}: has the plans {', '.join(bills)}; name one of them")
        bill, rows = bills[chosen], [_row_of_charge(charge) for charge in bills[chosen]["charges"]]
        hours = float(bill["hours"])
        return CostSide(
            name=f"{chosen} of {path}", bill=_side(rows, catalog), hours=hours, inputs={str(path): sha256_of(path)}
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not a bill ({error}); write one with `simcost bill ... --json > FILE.json`"
        ) from None


def _of_focus(path: Path, catalog: Catalog) -> CostSide:
    from simcost.trace.focus.reader import read_focus

    actuals = read_focus([path])
    rows = map(_row_of_line, actuals.lines.to_pylist())
    return CostSide(
        name=str(path), bill=_side(rows, catalog), hours=actuals.span_h, inputs={str(path): sha256_of(path)}
    )


def _row_of_charge(charge: Row) -> Row:
    used = charge["charge_category"] == "Usage"
    return {
        "sku": f"{charge['provider']}/{charge['sku']}",
        "region": "" if charge["region"] == "any" else charge["region"],
        "unit": charge["consumed_unit"],
        "quantity": charge["consumed_quantity"] if used else 0.0,
        "unused": charge["commitment_status"] == "Unused",
        "spot": charge["pricing_category"] == "Dynamic",
        "list_usd": charge["list_cost_usd"],
        "usd": charge["effective_cost_usd"],
    }


def _row_of_line(line: Row) -> Row:
    return {
        "sku": f"{line['provider']}/{line['sku']}",
        "region": line["region"],
        "unit": line["unit"],
        "quantity": line["quantity"] if line["kind"] == "usage" else 0.0,
        "unused": line["kind"] == "unused",
        "spot": line["pricing"] == "spot",
        "list_usd": line["effective_usd"] if line["no_list"] else line["list_usd"],
        "usd": line["effective_usd"],
    }


class _Offers:
    """Instances of the catalog by name, and by name and region."""

    def __init__(self, catalog: Catalog) -> None:
        self._named: dict[str, Offer] = {}
        self._placed: dict[tuple[str, str], Offer] = {}
        for offer in catalog.facts.offers:
            self._named.setdefault(offer.name.lower(), offer)
            self._placed[offer.name.lower(), offer.region] = offer

    def accelerators(self, row: Row) -> tuple[int, str]:
        """Units of a mix in a unit of the row: hours of instances are accelerator-hours where their number is known."""
        if row["unit"] != "h":
            return 1, f"{row['unit']} of {row['sku']}"
        offer = self._named.get(row["sku"].lower())
        return (offer.accelerators, "accelerator-h") if offer is not None and offer.accelerators else (1, "h")

    def list_usd(self, row: Row) -> float:
        """Cost at the list price; of spot, at that of the same instance on demand where the catalog has it."""
        offer = self._placed.get((row["sku"].lower(), row["region"])) if row["spot"] and row["unit"] == "h" else None
        return float(row["list_usd"] if offer is None else row["quantity"] * offer.on_demand_usd_per_h)


def _side(rows: Iterable[Row], catalog: Catalog, factor: float = 1.0) -> BillSide:
    """The rows as items; what has no quantity, or no list price, is an other cost."""
    offers = _Offers(catalog)
    sums: dict[tuple[str, str], list[float]] = {}
    unused, other = [0.0], [0.0]
    for row in rows:
        list_usd, usd, quantity = offers.list_usd(row) * factor, row["usd"] * factor, row["quantity"] * factor
        if row["unused"] or quantity <= 0 or list_usd <= 0:
            (unused if row["unused"] else other).append(usd)
            continue
        per_unit, unit = offers.accelerators(row)
        item = sums.setdefault((f"{row['sku']} {row['region']}".rstrip(), unit), [0.0, 0.0, 0.0])
        for i, value in enumerate((quantity * per_unit, list_usd, usd)):
            item[i] += value
    items = {
        name: BillItem(quantity=quantity, list_usd=listed / quantity, rate=usd / listed, unit=unit)
        for (name, unit), (quantity, listed, usd) in sums.items()
    }
    return BillSide(items=items, unused_commitment_usd=fsum(unused), other_usd=fsum(other))
