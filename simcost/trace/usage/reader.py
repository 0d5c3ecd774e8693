"""Reading a file of usage: one row for each stretch of time, CSV or Parquet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Flags
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.combinations import combinations
from simcost.tables.faults import Faults
from simcost.tables.header import peek
from simcost.tables.typed import TypedTable
from simcost.tables.typed_batches import TypedBatches
from simcost.trace.usage import purchase_options, time_units, token_columns, volume_units
from simcost.trace.usage.findings import UsageFindings
from simcost.trace.usage.sums import PRICES, Columns, UsageBatch, UsageSums
from simcost.trace.usage.usage import HOURLY, KEY, PROMPT, TOKENS, VOLUMES, Floats, Ints, UsageRows, price_groups
from simcost.units import NS_PER_S, SECONDS_PER_DAY, SECONDS_PER_HOUR

_TAG = "tag:"
_CHARGES = "chargecategory"
"""A column of cost files, whose rows are not only usage."""
_OPENAI = "num_model_requests"
"""A column of OpenAI's usage exports: their times are Unix seconds
(https://cookbook.openai.com/examples/completions_usage_api; read 2026-12).
"""
_YES = token_columns.YES | {"provider": 1.0}
USAGE = DeclaredTable(
    what="file of usage",
    columns=(
        Column(
            name="sku",
            aliases=("instance_type", "instancetype", "sku_id", "skuid", "type"),
            required=True,
            filled=True,
            remedy="every row needs a SKU",
        ),
        Column(
            name="start",
            aliases=(
                "hour",
                "timestamp",
                "time",
                "chargeperiodstart",
                "usage_start",
                "start_time",
                "starting_at",
                token_columns.DAILY,
                "from",
            ),
            kind="time",
            required=True,
            filled=True,
        ),
        Column(
            name="end",
            aliases=("chargeperiodend", "usage_end", "end_time", "ending_at", "to"),
            kind="time",
            filled=True,
        ),
        Column(
            name="quantity",
            aliases=("instances", "count", "units", "gb"),
            kind="number",
            low=0,
            filled=True,
            remedy="write 0 where nothing ran",
        ),
        Column(name="provider", aliases=("providername", "cloud")),
        Column(name="region", aliases=("regionid", "inference_geo")),
        Column(
            name="service",
            aliases=(
                "servicename",
                "service_name",
                "product/productname",
                "product_product_name",
                "lineitem/productcode",
                "line_item_product_code",
                "product_code",
                "productcode",
                "metercategory",
                "meter_category",
                "service.description",
                "service_description",
            ),
        ),
        Column(name="zone", aliases=("availabilityzone", "availability_zone")),
        Column(name="account", aliases=("subaccountid", "account_id")),
        Column(name="pricing", aliases=("pricingcategory", "market")),
        Column(name="price", aliases=("unit_price",), kind="number", low=0),
        Column(name="list_price", aliases=("listunitprice", "list_unit_price"), kind="number", low=0),
        Column(name="contracted_price", aliases=("contractedunitprice", "contracted_unit_price"), kind="number", low=0),
        Column(name="currency", aliases=("billingcurrency", "pricingcurrency")),
        Column(name="unit", aliases=("consumedunit",)),
        Column(name="interrupted", kind="choice", words=_YES, on_bad="empty"),
        Column(
            name="charge_category",
            aliases=(
                _CHARGES,
                "lineitem/lineitemtype",
                "line_item_line_item_type",
                "lineitemtype",
            ),
            kind="choice",
            words=dict.fromkeys(("usage", "discountedusage", "savingsplancoveredusage"), 1.0),
            remedy="leave out its row, which is a fee, a tax or a credit",
        ),
        Column(name="resource", aliases=("resourceid", "instance_id", "node")),
        Column(name=_TAG),
        Column(name=token_columns.COLUMN, kind="number", low=0),
        *token_columns.PRICING,
    ),
)
_TAGS = ("workload", "model", "tenant", "team", "project")
_MODELS = ("model", "model_version")
"""Columns that name what tokens are of, where none is called as a SKU is."""
_PRICE_COLUMNS = ("price", "list_price", "contracted_price")
"""Of `PRICES`."""
_KEY = ("provider", "sku", "region", "zone", "account", "pricing", "service", "unit")
_ANYWHERE = ("global", "not_available")
"""Regions of tokens that name none."""
_PRICING = tuple(column.name for column in token_columns.PRICING)
_SLACK_S = 1e-6


def read_usage(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    provider: str = "",
    region: str = "any",
    models: Collection[str] = (),
) -> UsageRows:
    """The usage of a file.

    Args:
        path: CSV (also .gz) or Parquet with `sku`, `start` (or `hour`) and, if they last not an hour each, `end`;
            further columns as in the guide. `sku` may say its provider: `aws/p5.48xlarge`.
        mapping: ours -> the file's column.
        provider: of rows that say none.
        region: of rows that say none.
        models: `provider/model` of the models whose prices per token are known, in lower case. One that `provider`
            sells by the whole SKU of a row is of this provider, whatever stands before the slash.

    Raises:
        FaultsError: rows that cannot be, with their lines, all at once: no time, an end before the start, negative or
            missing quantities, overlapping runs of one resource.
        TraceError: a file or column that cannot be used.
    """
    head = peek(path, USAGE.what)
    theirs = _columns(head.names, mapping or {}, path)
    batches = TypedBatches(
        path=path,
        head=head,
        declared=USAGE,
        theirs=theirs,
        check=_check,
        documented_unit="s" if _OPENAI in head.names else None,
    )
    sums = UsageSums(machines="resource" in theirs)
    findings = UsageFindings(theirs, head.names)
    unnamed = _Unnamed(provider=provider, region=region, models=pa.array(sorted(models), pa.string()))
    for table in batches:
        findings.see(table)
        if not batches.faults.count:
            batch = _batch(table, len(batches) - len(table), unnamed)
            findings.take(batch, len(table))
            sums.add(batch)
    if batches.faults.count or not len(batches):
        batches.finish()
    found, keys = _by_stated_price(sums.columns(), sums.keys())
    usage = UsageRows(
        start_s=found["start_s"],
        end_s=found["end_s"],
        quantity=found["quantity"],
        price_usd=found["price_usd"],
        list_usd=found["list_usd"],
        contracted_usd=found["contracted_usd"],
        interrupted=found["interrupted"],
        line=found["line"],
        keys=keys,
        tags=tuple(ours.removeprefix(_TAG) for ours in theirs if ours.startswith(_TAG)),
        resource=found.get("resource"),
        findings=(
            *({"kind": kind, "count": count, "message": text} for kind, count, text in batches.findings()),
            *findings.all_of(found, keys),
        ),
        path=path,
        place=lambda i: batches.place(int(found["first"][i])),
        file_rows=found.get("file_rows"),
    )
    _no_overlap(usage, batches, found["first"], tuple(sums.machines_known))
    batches.finish()
    return usage


def _by_stated_price(found: Columns, keys: Sequence[tuple[str, ...]]) -> tuple[Columns, tuple[tuple[str, ...], ...]]:
    """The rows and keys with a line for each stated price of what is paid by the hour: other prices, other things."""
    hourly = np.array([key[KEY - 1] == HOURLY for key in keys], np.bool_)[found["line"]]
    groups = price_groups(found["list_usd"], found["contracted_usd"]) * hourly[:, None]
    lines, place = np.unique(np.column_stack([found["line"], groups]), axis=0, return_inverse=True)
    return found | {"line": place.reshape(-1)}, tuple(keys[line] for line in lines[:, 0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unnamed:
    """Provider and region of rows that name none."""

    provider: str
    region: str
    models: pa.Array
    """Models whose prices are known, as in `read_usage`."""

    def sells(self, sku: pa.Array) -> pa.Array:
        """True of the SKUs that are models of the provider."""
        return pc.is_in(pc.utf8_lower(pc.binary_join_element_wise(self.provider, sku, "/")), self.models)


def _batch(table: TypedTable, before: int, unnamed: _Unnamed) -> UsageBatch:
    """The rows of a batch, before which the file has so many; columns of tokens are below each other."""
    counted = [ours for ours in table.theirs if ours.startswith(token_columns.COLUMN)]
    row = np.tile(np.arange(len(table)), max(len(counted), 1))
    start_s, end_s = _span_s(table)
    texts, which = _texts(table, counted, row)
    keys, line = _lines(texts, unnamed)
    return UsageBatch(
        start_s=start_s[row],
        end_s=end_s[row],
        quantity=np.nan_to_num(np.concatenate([table.numbers[ours] for ours in counted]))
        if counted
        else _at_a_time(table),
        prices_usd={
            name: table.numbers[column][row]
            for name, column in zip(PRICES, _PRICE_COLUMNS, strict=True)
            if column in table
        },
        interrupted=table.numbers["interrupted"][row] == 1 if "interrupted" in table else None,
        keys=keys,
        line=line[which],
        first=row + before,
        machines=table.texts("resource"),
        resource=table.codes["resource"][row] if "resource" in table else None,
    )


def _columns(names: list[str], mapping: Mapping[str, str], path: Path) -> dict[str, str]:
    """Ours -> the file's: those declared, the tags, and columns that count tokens where nothing else does."""
    result, faults = USAGE.match(names, mapping)
    if "quantity" not in result and any(name.lower().replace("_", "") == _CHARGES for name in names):
        raise TraceError(
            f"{path}: has charges in the FOCUS format, purchases and credits among them; "
            f"`simcost focus read {path.name} -o usage.parquet` writes the usage of it; take that file"
        )
    lower = {name.strip().lower(): name for name in reversed(names)}
    result = {_TAG + name: lower[name] for name in _TAGS if name in lower} | result
    result |= {name: lower[name] for name in lower if name.startswith(_TAG) and name not in mapping}
    if "quantity" not in result and "unit" not in result and (tokens := token_columns.token_columns(lower)):
        if "sku" not in result and (models := [name for name in _MODELS if name in lower]):
            result["sku"] = lower[models[0]]
        result |= tokens
    elif "unit" not in result:
        for column in token_columns.PRICING:
            result.pop(column.name, None)
    USAGE.refuse([*faults, *USAGE.lacking(result)], names, path)
    return result


def _span_s(table: TypedTable) -> tuple[Floats, Floats]:
    """Start and end of each row; without ends it is an hour long, or a day in an export by the day."""
    start = table.times_ns["start"] / NS_PER_S
    length_s = SECONDS_PER_DAY if table.theirs["start"].lower() == token_columns.DAILY else SECONDS_PER_HOUR
    return start, table.times_ns["end"] / NS_PER_S if "end" in table else start + length_s


def _numbers(table: TypedTable, ours: str, otherwise: float) -> Floats:
    return table.numbers.get(ours, np.full(len(table), otherwise))


def _check(table: TypedTable) -> None:
    """Note rows whose cells contradict each other."""
    for ours, rule in table.rules.items():
        if not rule.epoch:
            relative = ~table.missing[ours]
            table.note(ours, relative, "is not a date; write e.g. 2026-01-05T08:00:00Z, or seconds since 1970")
    start_s, end_s = _span_s(table)
    known = ~table.missing["start"] & ~table.missing.get("end", np.zeros(len(table), np.bool_))
    table.note("start", known & (end_s < start_s), "ends before it starts")
    if "unit" in table:
        known = volume_units.sent(table) | _kept_in_all(table)
        remedy = "is not a unit of a volume; write it in GB (TB, GiB or TiB; of storage also as GB-month or GB-hours)"
        table.note("unit", _of(table, VOLUMES) & ~known, remedy)
    if "currency" in table:
        foreign = table.where("currency", lambda word: pc.invert(pc.is_in(pc.utf8_upper(word), pa.array(["", "USD"]))))
        for price in _PRICE_COLUMNS:
            if price in table:
                stated = ~np.isnan(table.numbers[price])
                table.note("currency", foreign & stated, f"is not USD; write the `{price}` in USD")
    idle = known & (end_s <= start_s) & (_numbers(table, "quantity", 1.0) > 0)
    if "end" in table:
        table.note("end", idle & time_units.in_all(table), "leaves no time for the hours of its row")
        table.note("end", idle & _kept_in_all(table), "leaves no time for the GB-months or GB-hours of its row")


def _at_a_time(table: TypedTable) -> Floats:
    """Units that ran at a time, also where the file says hours or GB-months in all."""
    start_s, end_s = _span_s(table)
    length_s = np.where(end_s > start_s, end_s - start_s, 1.0)
    quantity = _numbers(table, "quantity", 1.0) * np.where(_of(table, VOLUMES), volume_units.gb_per_unit(table), 1.0)
    hours = quantity * time_units.hours_per_unit(table)
    found = np.where(np.isnan(hours), quantity, hours * SECONDS_PER_HOUR / length_s)
    kept = _kept_in_all(table)
    return np.where(kept, volume_units.kept_at_a_time(table, quantity, start_s, end_s), found) if kept.any() else found


def _kept_in_all(table: TypedTable) -> Flags:
    """Rows of storage that say GB-months or GB-hours in all; of other SKUs these are counted as they are."""
    return _of(table, VOLUMES[:1]) & volume_units.in_all(table)


def _of(table: TypedTable, skus: Sequence[str]) -> Flags:
    """Rows of these SKUs of any provider."""
    return table.where("sku", lambda sku: pc.is_in(_without_provider(sku), pa.array(skus)))


def _texts(table: TypedTable, counted: Sequence[str], row: Ints) -> tuple[dict[str, pa.Array], Ints]:
    """The different texts that say what a row is of, and which of them those of each row are.

    Columns of tokens stand below each other.
    """
    names = (*_KEY, *_PRICING, *(ours for ours in table.theirs if ours.startswith(_TAG)))
    words = {name: table.texts(name) for name in names}
    codes = {name: table.codes[name][row] for name in names if name in table.codes}
    if counted:
        words["unit"] = tuple(ours.removeprefix(token_columns.COLUMN) for ours in counted)
        codes["unit"] = np.repeat(np.arange(len(counted)), len(table))
    which, first = combinations(list(codes.values()), [len(words[name]) for name in codes])
    none = np.zeros(len(first), np.int64)
    of_first = {name: codes[name][first] if name in codes else none for name in names}
    return {name: pa.array(words[name], pa.string()).take(pa.array(of_first[name])) for name in names}, which


def _lines(texts: dict[str, pa.Array], unnamed: _Unnamed) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    """The lines of usage in alphabetical order, and that of each row."""
    named = pc.match_substring(texts["sku"], "/")
    if pc.any(named).as_py():
        own = pc.and_(pc.equal(texts["provider"], ""), unnamed.sells(texts["sku"]))
        texts["provider"] = pc.if_else(own, unnamed.provider, texts["provider"])
        whole = token_columns.whole_models(texts["sku"], texts["unit"], texts["provider"])
        named = pc.and_(named, pc.invert(whole))
        before = pc.replace_substring_regex(texts["sku"], "/.*$", "")
        texts["provider"] = pc.if_else(named, before, texts["provider"])
        texts["sku"] = pc.if_else(named, _without_provider(texts["sku"]), texts["sku"])
    texts["provider"] = pc.utf8_lower(_otherwise(texts["provider"], unnamed.provider))
    texts["region"] = _otherwise(texts["region"], unnamed.region)
    texts["pricing"] = purchase_options.purchase_option(texts["pricing"])
    texts["unit"] = token_columns.token_units(_units(texts), texts["provider"])
    of_tokens = token_columns.pricing_of_tokens(*(texts.pop(name) for name in _PRICING))
    tokens = pc.is_in(texts["unit"], pa.array((*TOKENS, PROMPT)))
    texts["pricing"] = pc.if_else(tokens, of_tokens, texts["pricing"])
    nowhere = pc.and_(tokens, pc.is_in(pc.utf8_lower(texts["region"]), pa.array(_ANYWHERE)))
    texts["region"] = pc.if_else(nowhere, unnamed.region, texts["region"])
    rows = list(zip(*(column.to_pylist() for column in texts.values()), strict=True))
    keys = tuple(sorted(set(rows)))
    number = {key: i for i, key in enumerate(keys)}
    return keys, np.array([number[row] for row in rows], np.int64)


def _without_provider(sku: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(sku, "^[^/]*/", "")


def _units(texts: Mapping[str, pa.Array]) -> pa.Array:
    """`h` of what runs by the hour, none of volumes, else as the file says."""
    unit = pc.utf8_lower(texts["unit"])
    unit = pc.if_else(time_units.are_times(unit), HOURLY, unit)
    return pc.if_else(pc.is_in(texts["sku"], pa.array(VOLUMES)), "", unit)


def _otherwise(column: pa.Array, value: str) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), value, column)


def _no_overlap(usage: UsageRows, batches: TypedBatches, first: Ints, machines: Sequence[str]) -> None:
    """One machine is not two: its runs of a line follow one another."""
    if usage.resource is None:
        return
    order = np.lexsort((usage.end_s, usage.start_s, usage.line, usage.resource))
    same = (np.diff(usage.resource[order]) == 0) & (np.diff(usage.line[order]) == 0) & (usage.resource[order][1:] >= 0)
    over = same & (usage.start_s[order][1:] < usage.end_s[order][:-1] - _SLACK_S)
    rows, at = np.unique(first[order[1:][over]], return_index=True)
    named = dict(zip(rows.tolist(), usage.resource[order[1:][over][at]].tolist(), strict=True))
    noted = batches.noted.setdefault(("resource", "overlap"), Faults(batches.path))
    noted.add_all(
        rows,
        lambda row: (
            batches.place(row),
            f"{batches.theirs['resource']}: {machines[named[row]]!r} runs already in another row at that time",
        ),
    )
