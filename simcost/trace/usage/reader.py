"""Reading a file of usage: one row for each stretch of time, CSV or Parquet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError, columns_said, did_you_mean
from simcost.tables.cells import Flags, as_text, empty, instants, real_numbers, time_rule, without_zone
from simcost.tables.faults import Faults, written
from simcost.tables.header import peek
from simcost.tables.table import LogTable, read_table
from simcost.trace.usage.token_columns import by_unit, token_columns, token_units
from simcost.trace.usage.usage import HOURLY, VOLUMES, Floats, Ints, UsageRows
from simcost.units import NS_PER_S

_WHAT = "file of usage"
_CALLED = {
    "sku": ("sku", "instance_type", "instancetype", "sku_id", "skuid", "type"),
    "start": ("start", "hour", "timestamp", "time", "chargeperiodstart", "usage_start", "from"),
    "end": ("end", "chargeperiodend", "usage_end", "to"),
    "quantity": ("quantity", "instances", "count", "units", "gb"),
    "provider": ("provider", "providername", "cloud"),
    "region": ("region", "regionid"),
    "zone": ("zone", "availabilityzone", "availability_zone"),
    "account": ("account", "subaccountid", "account_id"),
    "pricing": ("pricing", "pricingcategory", "market"),
    "price": ("price", "unit_price"),
    "unit": ("unit", "consumedunit"),
    "interrupted": ("interrupted",),
    "resource": ("resource", "resourceid", "instance_id", "node"),
}
_TAGS = ("workload", "model", "tenant", "team", "project")
_TAG = "tag:"
_KEY = ("provider", "sku", "region", "zone", "account", "pricing", "unit")
_IN_ALL = ("instance-hours", "hours")
"""Units of quantities that are hours in all, however many ran at a time."""
_UNITS = {"": HOURLY, "h": HOURLY, "hour": HOURLY, "instances": HOURLY} | dict.fromkeys(_IN_ALL, HOURLY)
_OF_VOLUME = ("", "gb", "gb-month", "gb-months")
_SPOT = frozenset({"spot", "dynamic", "preemptible"})
_SLACK_S = 1e-6


def read_usage(
    path: Path, *, mapping: Mapping[str, str] | None = None, provider: str = "", region: str = "any"
) -> UsageRows:
    """The usage of a file.

    Args:
        path: CSV (also .gz) or Parquet with `sku`, `start` (or `hour`) and, if they last not an hour each, `end`;
            further columns as in the guide. `sku` may say its provider: `aws/p5.48xlarge`.
        mapping: ours -> the file's column.
        provider: of rows that say none.
        region: of rows that say none.

    Raises:
        FaultsError: rows that cannot be, with their lines, all at once: no time, an end before the start, negative or
            missing quantities, overlapping runs of one resource.
        TraceError: a file or column that cannot be used.
    """
    head = peek(path, _WHAT)
    theirs = _columns(head.names, mapping or {}, path)
    table = by_unit(read_table(path, head.container, lambda _: theirs, _WHAT))
    faults = Faults(path)
    for place, reason in table.malformed:
        faults.add(place, reason)
    faults.check()
    if not table.columns or not len(table.columns["sku"]):
        raise TraceError(f"{path}: no rows; give usage of at least one hour")
    start_s, end_s, findings = _times(table, faults)
    keys, line = _lines(table, provider, region)
    quantity = _at_a_time(table, faults, _numbers(table, faults, "quantity", 1.0), end_s - start_s)
    _note(table, faults, "start", end_s < start_s, "ends before it starts")
    _note(table, faults, "sku", _blank(table, "sku"), "is empty; every row needs a SKU")
    faults.check()
    resource = _codes(table, "resource")
    usage = UsageRows(
        start_s=start_s,
        end_s=end_s,
        quantity=quantity,
        price_usd=_numbers(table, faults, "price", np.nan),
        interrupted=_flags(table),
        line=line,
        keys=keys,
        tags=_tags(theirs),
        resource=resource,
        findings=tuple(findings),
        path=path,
        place=table.place,
    )
    _no_overlap(usage, table, faults)
    faults.check()
    return usage


def _columns(names: list[str], mapping: Mapping[str, str], path: Path) -> dict[str, str]:
    lower = {name.strip().lower(): name for name in reversed(names)}
    faults = [
        f"{ours!r} is not a known column{did_you_mean(ours, list(_CALLED))}; known: {', '.join(_CALLED)}"
        for ours in mapping
        if ours not in _CALLED and not ours.startswith(_TAG)
    ]
    faults += [
        f"no column {theirs!r}{did_you_mean(theirs, names)}" for theirs in mapping.values() if theirs not in names
    ]
    found = {ours: next((lower[name] for name in called if name in lower), "") for ours, called in _CALLED.items()}
    found = {ours: name for ours, name in found.items() if name and name not in mapping.values()}
    found |= {_TAG + name: lower[name] for name in _TAGS if name in lower}
    found |= {name: lower[name] for name in lower if name.startswith(_TAG)}
    found |= mapping
    tokens = token_columns(lower) if "quantity" not in found and "unit" not in found else {}
    if tokens and "sku" not in found and "model" in lower:
        found["sku"] = lower["model"]
    found |= tokens
    faults += [f"no column says the {what}; pass --map {what}=COLUMN" for what in ("sku", "start") if what not in found]
    if faults:
        raise TraceError(f"{path}: {'; '.join(faults)}; {columns_said(names)}")
    return found


def _times(table: LogTable, faults: Faults) -> tuple[Floats, Floats, list[dict[str, Any]]]:
    start, naive = _time(table, faults, "start")
    if "end" not in table.columns:
        return start, start + 3600.0, _said(naive)
    end, naive_end = _time(table, faults, "end")
    return start, end, _said(naive | naive_end)


def _time(table: LogTable, faults: Faults, ours: str) -> tuple[Floats, Flags]:
    column = table.columns[ours]
    missing = empty(column)
    rule = time_rule(column, table.theirs[ours], None)
    ns, ok = instants(column, rule)
    bad = ~ok | missing | (not rule.epoch)
    _note(table, faults, ours, bad, "is not a time; write e.g. 2026-01-05T08:00:00Z, or seconds since 1970")
    naive = without_zone(column) if rule.unit is None else np.zeros(len(ns), np.bool_)
    if naive.any() and not naive.all():
        _note(table, faults, ours, naive & ~bad, "says no zone, but others of this file do; say it in all")
    return ns / NS_PER_S, naive


def _said(naive: Flags) -> list[dict[str, Any]]:
    if not naive.any():
        return []
    text = f"{int(naive.sum()):,} rows have times without a zone; they were read as UTC"
    return [{"kind": "no_zone", "count": int(naive.sum()), "message": text}]


def _numbers(table: LogTable, faults: Faults, ours: str, otherwise: float) -> Floats:
    column = table.columns.get(ours)
    if column is None:
        return np.full(len(table.columns["sku"]), otherwise)
    values, ok = real_numbers(column)
    _note(table, faults, ours, ~ok, "is not a number")
    _note(table, faults, ours, values < 0, "is negative")
    if ours == "quantity":
        _note(table, faults, ours, ok & np.isnan(values), "is empty; write 0 where nothing ran")
    return values


def _lines(table: LogTable, provider: str, region: str) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    """Line of usage of each row."""
    texts = {name: _text(table, name) for name in (*_KEY, *_tag_columns(table))}
    parts = pc.split_pattern(texts["sku"], "/", max_splits=1)
    named = pc.greater(pc.list_value_length(parts), 1)
    if pc.any(named).as_py():
        before = pc.replace_substring_regex(texts["sku"], "/.*$", "")
        texts["provider"] = pc.if_else(named, before, texts["provider"])
        texts["sku"] = pc.if_else(named, pc.replace_substring_regex(texts["sku"], "^[^/]*/", ""), texts["sku"])
    texts["provider"] = pc.utf8_lower(_otherwise(texts["provider"], provider))
    texts["region"] = _otherwise(texts["region"], region)
    spot = pc.is_in(pc.utf8_lower(texts["pricing"]), pa.array(sorted(_SPOT)))
    texts["pricing"] = pc.if_else(spot, "spot", "standard")
    texts["unit"] = token_units(_units(texts), texts["provider"])
    return _distinct(list(texts.values()))


def _units(texts: Mapping[str, pa.Array]) -> pa.Array:
    """`h` of what runs by the hour, none of volumes, else as the file says."""
    unit = pc.utf8_lower(texts["unit"])
    for said, ours in _UNITS.items():
        unit = pc.if_else(pc.equal(unit, said), ours, unit)
    return pc.if_else(pc.is_in(texts["sku"], pa.array(VOLUMES)), "", unit)


def _distinct(columns: list[pa.Array]) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    """The different rows of columns of text in alphabetical order, and which of them each row is."""
    coded = [
        column.combine_chunks().dictionary_encode()
        if isinstance(column, pa.ChunkedArray)
        else column.dictionary_encode()
        for column in columns
    ]
    words = [column.dictionary.to_pylist() for column in coded]
    sizes = [len(said) for said in words]
    flat = np.ravel_multi_index([column.indices.to_numpy(zero_copy_only=False) for column in coded], sizes)
    distinct, row = np.unique(flat, return_inverse=True)
    found = [
        tuple(said[i] for said, i in zip(words, codes, strict=True))
        for codes in zip(*np.unravel_index(distinct, sizes), strict=True)
    ]
    order = sorted(range(len(found)), key=found.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return tuple(found[i] for i in order), rank[row]


def _text(table: LogTable, ours: str) -> pa.Array:
    """A column of text without blanks around; empty where there is none."""
    column = table.columns.get(ours)
    if column is None:
        return pa.array([""] * len(table.columns["sku"]))
    return pc.fill_null(pc.utf8_trim_whitespace(as_text(column)), "")


def _otherwise(column: pa.Array, value: str) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), value, column)


def _tag_columns(table: LogTable) -> list[str]:
    return [ours for ours in table.theirs if ours.startswith(_TAG)]


def _tags(theirs: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(ours.removeprefix(_TAG) for ours in theirs if ours.startswith(_TAG))


def _blank(table: LogTable, ours: str) -> Flags:
    flags: Flags = pc.equal(_text(table, ours), "").to_numpy(zero_copy_only=False)
    return flags


def _flags(table: LogTable) -> Flags:
    yes = pa.array(["true", "1", "yes", "provider"])
    flags: Flags = pc.is_in(pc.utf8_lower(_text(table, "interrupted")), yes).to_numpy(zero_copy_only=False)
    return flags


def _codes(table: LogTable, ours: str) -> Ints | None:
    if ours not in table.columns:
        return None
    found: Ints = _distinct([_text(table, ours)])[1]
    return found


def _at_a_time(table: LogTable, faults: Faults, quantity: Floats, length_s: Floats) -> Floats:
    """Units that ran at a time, where the file says hours in all; and whether volumes are in GB."""
    unit = pc.utf8_lower(_text(table, "unit"))
    volume = pc.is_in(pc.replace_substring_regex(_text(table, "sku"), "^[^/]*/", ""), pa.array(VOLUMES))
    wrong = pc.and_(volume, pc.invert(pc.is_in(unit, pa.array(_OF_VOLUME))))
    _note(
        table,
        faults,
        "unit",
        wrong.to_numpy(zero_copy_only=False),
        "is not a unit of a volume; write it in GB",
    )
    total: Flags = pc.is_in(unit, pa.array(_IN_ALL)).to_numpy(zero_copy_only=False)
    _note(
        table,
        faults,
        "end",
        total & (length_s <= 0) & (quantity > 0),
        "leaves no time for the hours of its row",
    )
    return np.where(total, quantity * 3600.0 / np.where(length_s > 0, length_s, 1.0), quantity)


def _note(table: LogTable, faults: Faults, ours: str, bad: Flags, wrong: str) -> None:
    """A fault for each bad cell of a column."""
    rows = np.flatnonzero(bad)

    def say(i: int) -> tuple[str, str]:
        return table.place(i), f"{table.theirs[ours]}: {written(table.columns[ours], i)!r} {wrong}"

    faults.add_all(rows, say)


def _no_overlap(usage: UsageRows, table: LogTable, faults: Faults) -> None:
    """One machine is not two: its runs of a line follow one another."""
    if usage.resource is None:
        return
    order = np.lexsort((usage.end_s, usage.start_s, usage.line, usage.resource))
    same = (np.diff(usage.resource[order]) == 0) & (np.diff(usage.line[order]) == 0)
    over = same & (usage.start_s[order][1:] < usage.end_s[order][:-1] - _SLACK_S)
    rows = order[1:][over]
    _note(
        table,
        faults,
        "resource",
        np.isin(np.arange(len(usage)), rows),
        "runs already in another row at that time",
    )
