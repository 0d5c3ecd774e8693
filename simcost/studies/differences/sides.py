"""Costs that are compared: a plan of a results folder, a bill of `simcost bill --json`, a FOCUS file."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.billing.api.pricing import MILLION
from simcost.billing.api.tokens import ITEM_OF, ITEMS
from simcost.catalog import Catalog
from simcost.catalog.facts import Offer
from simcost.compare.bridge import BillItem, BillSide
from simcost.errors import InputError
from simcost.scenario.files.other_documents import known_document
from simcost.scenario.storage.results import (
    costs_by_replication,
    finished_plan,
    other_version,
    plan_charges,
    runs_of_plan,
    versions_of,
)
from simcost.tables.digests import sha256_of
from simcost.trace.usage.usage import LONG_WRITE
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

if TYPE_CHECKING:
    import pyarrow as pa

    from simcost.trace.focus.reader import Actuals

Row = Mapping[str, Any]
_ACCEPTED = (
    "a results folder of `simcost run`, a bill that `simcost bill ... --json > FILE.json` wrote, or a cost file in the "
    "FOCUS format"
)
_GIGABYTES = "GB"
_TOKENS_OF = "tokens of "
"""Begin of the unit of tokens, which is that of one model."""
_LONG = "cache write for 1 h"
"""Item of tokens that are kept for an hour; they cost more than those of minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replications:
    """Costs of a run by replication."""

    usd_per_month: tuple[float, ...]
    seed: int
    level: float
    """Of intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSide:
    """One of the two costs."""

    name: str
    """As sentences say it."""
    bill: BillSide
    hours: float
    """Time that it covers."""
    is_cost_file: bool = False
    """True of a FOCUS file, which has all tokens of a model in one item."""
    inputs: dict[str, str]
    """SHA-256 of its files."""
    requests_per_month: float | None = None
    """Of a run that served some, and had no jobs beside them: their hours are in one bill."""
    findings: tuple[Row, ...] = ()
    """Of a FOCUS file: its currencies, and rows that count otherwise than they stand. Of a plan: that it misses its
    SLO, or has a model that is not good enough.
    """
    work: str = ""
    """Of a run: requests, jobs or both; empty = not known."""
    replications: Replications | None = None
    """Of a run in which something is random."""
    prices: Sequence[Row] = ()
    """Those paid, of a plan or a bill."""
    versions: tuple[str, str] | None = None
    """Of simcost and of its engine, by which a run was simulated."""

    def times(self, factor: float) -> BillSide:
        """So many times the bill."""
        return BillSide(
            items={
                name: BillItem(quantity=item.quantity * factor, list_usd=item.list_usd, rate=item.rate, unit=item.unit)
                for name, item in self.bill.items.items()
            },
            unused_usd={name: usd * factor for name, usd in self.bill.unused_usd.items()},
            other_usd={name: usd * factor for name, usd in self.bill.other_usd.items()},
        )

    def with_tokens_together(self) -> CostSide:
        """The same, with all tokens of a model as one item at their mean price."""
        groups: dict[str, list[BillItem]] = {}
        for name, item in self.bill.items.items():
            groups.setdefault(_model_of(name) if item.unit.startswith(_TOKENS_OF) else name, []).append(item)
        items = {name: _one_item(same) for name, same in groups.items()}
        return replace(self, bill=replace(self.bill, items=items))


def has_tiers(unit: str) -> bool:
    """True of disks and traffic, whose mean price falls with their volume, from nothing for the first GB."""
    return unit.startswith(_GIGABYTES)


def _model_of(name: str) -> str:
    return next((name.removesuffix(f" {kind}") for kind in (_LONG, *ITEMS) if name.endswith(f" {kind}")), name)


def _one_item(same: Sequence[BillItem]) -> BillItem:
    if len(same) == 1:
        return same[0]
    quantity = fsum(item.quantity for item in same)
    listed = fsum(item.quantity * item.list_usd for item in same)
    rate = fsum(item.usd for item in same) / listed
    return replace(same[0], quantity=quantity, list_usd=listed / quantity, rate=rate)


def cost_side(
    path: Path, plan: str | None, catalog: Catalog, usd_per: Mapping[str, float], month: str | None = None
) -> CostSide:
    """Read a results folder, the document of a bill, or a FOCUS file.

    Args:
        path: the folder or file.
        plan: of a folder or a document of several; None = the best plan, or the only one.
        catalog: tells how many accelerators an instance has.
        usd_per: value of a unit of each other currency of a FOCUS file.
        month: of a FOCUS file, as 2026-03; None = all that it has.

    Raises:
        InputError: it is none of them, or has not the plan or the month.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give {_ACCEPTED}")
    if month is not None and (path.is_dir() or path.suffix == ".json"):
        raise InputError(f"{path}: has no months; leave {month} out, or give a FOCUS file")
    if path.is_dir():
        return _of_folder(path, plan, catalog)
    if path.suffix == ".json":
        return _of_document(path, plan, catalog)
    if plan is not None:
        raise InputError(f"{path}: a FOCUS file has no plans; leave the plan out, or give a results folder")
    return _of_focus(path, catalog, usd_per, month)


def _of_folder(folder: Path, plan: str | None, catalog: Catalog) -> CostSide:
    document, _ = finished_plan(folder, plan)
    name = str(document["name"])
    charges, length_s = plan_charges(folder, name)
    counts = {"requests": "arrived", "jobs": "submitted"}
    try:
        work = [kind for kind, key in counts.items() if (document.get(kind) or {}).get(key)]
        return CostSide(
            name=f"{name} of {folder}",
            bill=_side(map(_row_of_charge, charges), catalog),
            hours=length_s / SECONDS_PER_HOUR,
            inputs={str(folder / "result.json"): sha256_of(folder / "result.json")},
            requests_per_month=None if "jobs" in work else _requests_per_month(runs_of_plan(folder, name)),
            findings=tuple(_lacks(f"{name} of {folder}", document)),
            work=" and ".join(work),
            replications=_replications(folder, document),
            prices=document.get("prices", ()),
            versions=versions_of(folder),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise other_version(folder, error) from error


def _lacks(name: str, plan: Row) -> Iterator[Row]:
    """Reasons not to choose a plan: it may cost less for the wrong ones."""
    if not plan["slo"]["met"]:
        why = plan["slo"].get("missed")
        yield {"kind": "slo-missed", "message": f"{name} misses its SLO{f': {why}' if why else ''}"}
    if (plan.get("quality") or {}).get("met") is False:
        yield {"kind": "quality-missed", "message": f"{name} has a model that is not as good as asked for"}


def _requests_per_month(runs: Sequence[Row]) -> float | None:
    """Mean over the replications of those that clients send: a request that services send on counts once. None
    without requests.
    """
    counts = [run.get("arrived", 0) - (run.get("received") or 0) for run in runs]
    rates = [
        count / run["horizon_s"] * SECONDS_PER_HOUR * HOURS_PER_MONTH for count, run in zip(counts, runs, strict=True)
    ]
    return fsum(rates) / len(rates) or None


def _replications(folder: Path, plan: Row) -> Replications | None:
    """Costs by replication; None where nothing is random."""
    usd, seed, is_random = costs_by_replication(folder, str(plan["name"]))
    level = (plan["intervals"]["per_month_usd"] or {}).get("level", 0.95)
    return Replications(usd_per_month=usd, seed=seed, level=level) if is_random else None


def _of_document(path: Path, plan: str | None, catalog: Catalog) -> CostSide:
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        plans = whole.get("plans", [whole]) if isinstance(whole, dict) else []
        if not _are_bills(plans):
            other = known_document(whole) if isinstance(whole, dict) else None
            raise InputError(f"{path}: {f'is {other}, no bill' if other else 'not a bill'}; give {_ACCEPTED}")
        bills = {str(one["plan"]): one for one in plans}
        chosen = plan or (next(iter(bills)) if len(bills) == 1 else None)
        if chosen not in bills:
            raise InputError(f"{path}: has the plans {', '.join(bills)}; name one of them with --plan-a or --plan-b")
        bill, rows = bills[chosen], [_row_of_charge(charge) for charge in bills[chosen]["charges"]]
        hours = float(bill["hours"])
        return CostSide(
            name=f"{chosen} of {path}",
            bill=_side(rows, catalog),
            hours=hours,
            inputs={str(path): sha256_of(path)},
            prices=bill.get("prices", ()),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not a bill ({f'no key {error}' if isinstance(error, KeyError) else error}); give {_ACCEPTED}"
        ) from None


def _are_bills(plans: object) -> bool:
    """True of the bills of one plan or several."""
    return isinstance(plans, list) and bool(plans) and all(isinstance(one, dict) and "plan" in one for one in plans)


def _of_focus(path: Path, catalog: Catalog, usd_per: Mapping[str, float], month: str | None) -> CostSide:
    from simcost.trace.focus.reader import read_focus

    actuals = read_focus([path], usd_per=usd_per)
    lines, hours = actuals.lines, actuals.span_h
    if month is not None:
        lines, hours = _of_month(path, lines, month)
    return CostSide(
        name=str(path) if month is None else f"{month} of {path}",
        bill=_side(map(_row_of_line, lines.to_pylist()), catalog),
        hours=hours,
        is_cost_file=True,
        inputs={str(path): sha256_of(path)},
        findings=tuple(_findings(path, actuals)),
    )


def _of_month(path: Path, lines: pa.Table, month: str) -> tuple[pa.Table, float]:
    """The lines of a month, and the hours of the days from its first usage to its last."""
    import numpy as np

    day = lines["day"].to_numpy().astype("datetime64[D]")
    months = day.astype("datetime64[M]").astype(str)
    if month not in months:
        raise InputError(f"{path}: has nothing of {month}; its months are {', '.join(np.unique(months))}")
    chosen = months == month
    used = day[chosen & (lines["kind"].to_numpy() == "usage")].astype(np.int64)
    hours = 24.0 * float(np.ptp(used) + 1) if len(used) else 0.0
    return lines.filter(chosen), hours


def _findings(path: Path, actuals: Actuals) -> Iterator[Row]:
    """Rows that count otherwise than they stand in a FOCUS file, and the worth of other currencies."""
    for kind, message in actuals.told():
        yield {"kind": kind, "message": f"{path}: {message}"}


def _row_of_charge(charge: Row) -> Row:
    kind, unit, sku, each = charge["charge_category"].lower(), charge["consumed_unit"], charge["sku"], 1.0
    if charge.get("capacity_reservation_status") == "Unused":
        kind = "unused_capacity"
    if unit == MILLION:
        unit, each = "tokens", 1e6
    elif unit in ITEM_OF:
        unit, sku = "tokens", f"{sku} {_LONG if unit == LONG_WRITE else ITEM_OF[unit]}"
    return {
        "sku": f"{charge['provider']}/{sku}",
        "region": "" if charge["region"] == "any" else charge["region"],
        "unit": unit,
        "quantity": each * charge["consumed_quantity"] if kind == "usage" else 0.0,
        "unused": charge["commitment_status"] == "Unused" or kind == "unused_capacity",
        "commitment": charge["commitment"],
        "kind": kind,
        "spot": charge["pricing_category"] == "Dynamic",
        "list_usd": charge["list_cost_usd"],
        "usd": charge["effective_cost_usd"],
    }


def _row_of_line(line: Row) -> Row:
    return {
        "sku": f"{line['provider']}/{line['sku']}",
        "region": line["region"],
        "unit": line["unit"],
        "quantity": line["quantity"] - line["unpriced_quantity"] if line["kind"] == "usage" else 0.0,
        "unused": line["kind"] in ("unused", "unused_capacity"),
        "commitment": line["commitment"],
        "kind": line["kind"],
        "spot": line["pricing"] == "spot",
        "list_usd": line["effective_usd"] if line["no_list"] else line["list_usd"] - line["listed_alone_usd"],
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
        if row["unit"] == "tokens":
            return 1, f"{_TOKENS_OF}{_model_of(row['sku'])}"
        if row["unit"] != "h":
            return 1, f"{row['unit']} of {row['sku']}"
        offer = self._named.get(row["sku"].lower())
        return (offer.accelerators, "accelerator-h") if offer is not None and offer.accelerators else (1, "h")

    def list_usd(self, row: Row) -> float:
        """Cost at the list price; of spot, at that of the same instance on demand where the catalog has it."""
        offer = self._placed.get((row["sku"].lower(), row["region"])) if row["spot"] and row["unit"] == "h" else None
        return float(row["list_usd"] if offer is None else row["quantity"] * offer.on_demand_usd_per_h)


def _side(rows: Iterable[Row], catalog: Catalog) -> BillSide:
    """The rows as items, of which no two have one name; what has no quantity, or no list price, is an other cost."""
    offers = _Offers(catalog)
    sums: dict[tuple[str, str], list[float]] = {}
    units: dict[str, str] = {}
    unused, other = defaultdict[str, float](float), defaultdict[str, float](float)
    for row in rows:
        list_usd, usd, quantity = offers.list_usd(row), row["usd"], row["quantity"]
        is_free = list_usd == usd == 0
        if row["unused"] or quantity <= 0 or (list_usd <= 0 and not is_free):
            (unused if row["unused"] else other)[_without_quantity(row)] += usd
            continue
        per_unit, unit = offers.accelerators(row)
        item = sums.setdefault((f"{row['sku']} {row['region']}".rstrip(), unit), [0.0, 0.0, 0.0])
        for i, value in enumerate((quantity * per_unit, list_usd, usd)):
            item[i] += value
    for name, unit in sorted(sums, key=lambda key: (key[1] not in ("accelerator-h", "h"), key[1])):
        units.setdefault(name, unit)
    items = {
        name if units[name] == unit else f"{name} ({unit})": BillItem(
            quantity=quantity, list_usd=listed / quantity, rate=usd / listed if listed else 1.0, unit=unit
        )
        for (name, unit), (quantity, listed, usd) in sums.items()
        if listed or has_tiers(unit)
    }
    return BillSide(items=items, unused_usd=unused, other_usd=other)


def _without_quantity(row: Row) -> str:
    """Name of a cost that has no quantity: its commitment, its kind such as `aws tax`, else its SKU."""
    if row["kind"] == "unused_capacity":
        return f"{row['sku']}, reserved and idle"
    if row["unused"]:
        return str(row["commitment"] or row["sku"])
    if row["kind"] == "usage":
        return f"{row['sku']} {row['region']}".rstrip()
    return f"{row['sku'].partition('/')[0]} {row['kind']}".lstrip()
