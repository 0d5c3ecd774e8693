"""Study of a cost file: usage, cost, prices and commitments, as sums over its lines."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.compare.verdict import percent
from simcost.studies.actuals.result import (
    ActualCosts,
    Basis,
    CommitmentCosts,
    CostPeriod,
    DayCosts,
    ServiceCosts,
    SkuCosts,
)
from simcost.trace.focus.reader import Actuals
from simcost.units import format_usd, plural

COSTS = ("billed_usd", "effective_usd", "list_usd", "contracted_usd")
_WITHOUT: Mapping[Basis, str] = {
    "effective": "unpriced_quantity",
    "billed": "unbilled_quantity",
    "list": "unlisted_quantity",
}
"""Quantity of rows without a cost, by the cost."""
_ONE_SIDED = ("not_on_list_usd", "listed_alone_usd", *_WITHOUT.values())
"""Effective cost of rows without a list cost; list cost of rows without an effective one; quantities of those without
a cost.
"""
_VALUES = (*COSTS, "quantity", "rows", "no_list", "no_contracted", "used_usd", "unused_usd", *_ONE_SIDED)
_MISSING = {"list_usd": "no_list", "contracted_usd": "no_contracted"}


def month(lines: pa.Table) -> pa.Table:
    """The lines with the month of each, as `2026-03`."""
    months = lines["day"].to_numpy().astype("datetime64[D]").astype("datetime64[M]").astype(str)
    return lines.append_column("month", pa.array(months, pa.string()).dictionary_encode())


def is_(lines: pa.Table, column: str, *values: str) -> pa.Table:
    """The lines with one of the values in a column."""
    return lines.filter(pc.is_in(lines[column].cast(pa.string()), pa.array(values)))


def summed(lines: pa.Table, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Sums of the values by key, in the order of the keys; days as dates. One row of all without keys, none of none."""
    if not lines.num_rows:
        return []
    table = lines.select([*keys, *_VALUES])
    for key in keys:
        if pa.types.is_dictionary(table[key].type):
            place = table.schema.get_field_index(key)
            table = table.set_column(place, key, table[key].cast(pa.string()))
    sums = table.group_by(list(keys), use_threads=False).aggregate([(name, "sum") for name in _VALUES])
    named = sums.select([*keys, *(f"{name}_sum" for name in _VALUES)]).rename_columns([*keys, *_VALUES])
    if "day" in keys:
        days = named["day"].cast(pa.int32()).cast(pa.date32())
        named = named.set_column(named.schema.get_field_index("day"), "day", days)
    ordered = named.sort_by([(key, "ascending") for key in keys]) if keys else named
    rows: list[dict[str, Any]] = ordered.to_pylist()
    return rows


def cost(row: Mapping[str, Any], name: str) -> float | None:
    """A sum of costs; None where no row has one."""
    missing = _MISSING.get(name)
    return None if missing and row[missing] >= row["rows"] else float(row[name])


def unit_price(row: Mapping[str, Any], name: str) -> float | None:
    """A cost per unit; None where it is not known of every row, of the effective one of those of which it is."""
    if name == "effective_usd":
        return per(row[name], priced_quantity(row))
    missing = _MISSING.get(name)
    return None if missing and row[missing] else per(row[name], row["quantity"])


def priced_quantity(row: Mapping[str, Any], basis: Basis = "effective") -> float:
    """Quantity of the rows that have a cost of a basis."""
    return float(row["quantity"] - row[_WITHOUT[basis]])


def per(value: float, of: float) -> float | None:
    """A ratio; None where there is nothing to divide by."""
    return value / of if of else None


_USED = ("usage", "unused_capacity")
"""Kinds of rows that have a price on the list: usage, and reserved capacity that was idle."""


def actual_costs(actuals: Actuals) -> ActualCosts:
    """Sum the lines of a cost file."""
    lines = actuals.lines
    total = summed(lines, [])[0]
    by_kind = {row["kind"]: row["effective_usd"] for row in summed(lines, ["kind"])}
    idle_usd = by_kind.get("unused_capacity", 0.0)
    found = ActualCosts(
        verdict="",
        rows=actuals.rows,
        focus_versions=tuple(actuals.versions),
        granularity=actuals.grain,
        period=_period(actuals),
        usd_per=actuals.usd_per,
        **_costs(total),
        below_list_share=_below_list(actuals),
        by_kind_usd=by_kind,
        months=tuple(_service(row) for row in summed(month(lines), ["month", "provider", "service"])),
        skus=_skus(actuals),
        coverage=_coverage(actuals),
        commitments=_commitments(actuals),
        unused_usd=fsum((by_kind.get("unused", 0.0), idle_usd)),
        idle_reservation_usd=idle_usd,
        days=_days(actuals),
        quality=actuals.quality,
    )
    return replace(found, verdict=verdict(found))


def _costs(row: Mapping[str, Any]) -> dict[str, Any]:
    """The sums of costs by name."""
    return {name: cost(row, name) for name in COSTS}


def _period(actuals: Actuals) -> CostPeriod:
    """From the first day on which a charge begins to the last on which one begins or usage ends."""
    days = actuals.lines["day"].to_numpy().astype("datetime64[D]")
    last = max(days.max(), np.datetime64(actuals.end_s - 1, "s").astype("datetime64[D]"))
    return CostPeriod(first_day=str(days.min()), last_day=str(last))


def _below_list(actuals: Actuals) -> float | None:
    """1 - effective cost / list cost, of rows of usage and idle reserved capacity that have both; what was lost of
    commitments is spent, but on no list.
    """
    paid, lost = (summed(is_(actuals.lines, "kind", *kinds), []) for kinds in (_USED, ("unused",)))
    listed = paid[0]["list_usd"] - paid[0]["listed_alone_usd"] if paid else 0.0
    if not listed:
        return None
    spent = fsum([paid[0]["effective_usd"], -paid[0]["not_on_list_usd"], *(row["effective_usd"] for row in lost)])
    return 1 - float(spent) / listed


def _service(row: Mapping[str, Any]) -> ServiceCosts:
    return ServiceCosts(month=row["month"], provider=row["provider"], service=row["service"], **_costs(row))


def _skus(actuals: Actuals) -> tuple[SkuCosts, ...]:
    """Usage and idle reserved capacity of each SKU in each month; what has no quantity is in no row."""
    keys = ["month", "provider", "region", "sku", "unit"]
    return tuple(
        SkuCosts(
            **{key: row[key] for key in keys},
            pricing=row["pricing"] if kind == "usage" else "reserved_idle",
            quantity=row["quantity"],
            **_costs(row),
            effective_usd_per_unit=unit_price(row, "effective_usd"),
            list_usd_per_unit=unit_price(row, "list_usd"),
        )
        for kind, way in (("usage", ["pricing"]), ("unused_capacity", []))
        for row in summed(is_(month(actuals.lines), "kind", kind), [*keys, *way])
        if row["quantity"]
    )


def _coverage(actuals: Actuals) -> dict[str, float | None]:
    """Committed over committed and on-demand usage, idle reserved capacity with it, at list prices; None where there is
    neither.
    """
    used = is_(actuals.lines, "kind", *_USED)
    rows = summed(used, ["provider", "pricing"])
    usd: dict[str, dict[str, float]] = {"all": {}}
    for row in rows:
        for name in ("all", row["provider"]):
            sums = usd.setdefault(name, {})
            sums[row["pricing"]] = sums.get(row["pricing"], 0.0) + row["list_usd"]
    return {
        name: per(sums.get("committed", 0.0), sums.get("committed", 0.0) + sums.get("on_demand", 0.0))
        for name, sums in usd.items()
    }


def _commitments(actuals: Actuals) -> tuple[CommitmentCosts, ...]:
    """Commitments, the largest first."""
    lines = actuals.lines
    paid = {row["commitment"]: row["billed_usd"] for row in summed(is_(lines, "kind", "purchase"), ["commitment"])}
    found = [
        CommitmentCosts(
            commitment=row["commitment"],
            provider=row["provider"],
            used_usd=row["used_usd"],
            unused_usd=row["unused_usd"],
            utilisation=per(row["used_usd"], row["used_usd"] + row["unused_usd"]),
            purchased_usd=paid.get(row["commitment"], 0.0),
        )
        for row in summed(lines, ["provider", "commitment"])
        if row["commitment"]
    ]
    return tuple(sorted(found, key=lambda one: -one.used_usd - one.unused_usd))


def _days(actuals: Actuals) -> tuple[DayCosts, ...]:
    """Effective cost of each day by category."""
    rows = summed(actuals.lines, ["day", "kind", "pricing"])
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        day = found.setdefault(str(row["day"]), {})
        what = row["pricing"] if row["kind"] == "usage" else row["kind"]
        day[what] = day.get(what, 0.0) + row["effective_usd"]
    return tuple(DayCosts(day=day, effective_usd=parts) for day, parts in found.items())


_LEFT_OUT = {"no_effective_cost": "effective cost", "no_billed_cost": "billed cost"}
"""Findings on rows that the totals of the verdict lack."""


def verdict(result: ActualCosts) -> str:
    """Usage cost and its period, savings, and the performance of commitments."""
    period = result.period
    paid = f"{format_usd(result.effective_usd)} effective and {format_usd(result.billed_usd)} billed"
    said = [f"{paid} from {period.first_day} to {period.last_day}"]
    saved = result.below_list_share
    if saved is not None:
        said.append(f"{percent(abs(saved))} {'below' if saved >= 0 else 'above'} list prices")
    coverage = result.coverage["all"]
    if coverage:
        lost = format_usd(fsum(commitment.unused_usd for commitment in result.commitments))
        said.append(f"commitments cover {percent(coverage)} of what they could, and {lost} of them was lost")
    if result.idle_reservation_usd > 0:
        said.append(f"{format_usd(result.idle_reservation_usd)} was lost on reserved capacity that was idle")
    left_out = {each["rule"]: each["rows"] for each in result.quality if each["rule"] in _LEFT_OUT}
    if left_out:
        those = " and ".join(f"{plural(rows, 'row')} without {_LEFT_OUT[rule]}" for rule, rows in left_out.items())
        said.append(f"left out of these: {those}")
    findings = len(result.quality)
    if findings:
        said.append(f"{plural(findings, 'finding')} on the {plural(result.rows, 'row')}")
    return "; ".join(said) + "."
