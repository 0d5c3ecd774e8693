"""Machine usage of a cost file as the rows that `simcost bill` reads, and FOCUS tables as Parquet or CSV."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from simcost.errors import InputError
from simcost.tables.cells import Flags, Floats, Ints
from simcost.trace.focus.cells import FocusRows
from simcost.trace.focus.lines import COSTS, LineNames, Names, Sums, cost, measured, named, sku_codes
from simcost.trace.usage.usage import RESERVED_IDLE, price_groups
from simcost.units import SECONDS_PER_HOUR

READ = ("AvailabilityZone", "SubAccountId", "Tags")
"""Columns that are read in addition to those of lines."""
TAGS = ("workload", "model", "tenant", "team", "project")
"""Tags that tell what a machine was used for; case does not matter."""
_KEYS = ("start_s", "end_s", "provider", "service", "region", "sku", "zone", "account", "pricing", *TAGS)
_PRICES = ("list", "contracted")
_PRICING = ("standard", "spot", RESERVED_IDLE)


@dataclass(slots=True)
class UsageSeries:
    """Collects hours of machines by period, SKU, zone, account and tags."""

    reading: LineNames
    zone: Names = field(default_factory=Names)
    account: Names = field(default_factory=Names)
    tags: dict[str, Names] = field(default_factory=lambda: {tag: Names() for tag in TAGS})
    sums: Sums = field(default_factory=lambda: Sums((*_KEYS, *_PRICES), ("hours", "usd", "list_usd", "contracted_usd")))
    others: int = 0
    """Rows of usage that are not counted in hours."""

    def add(self, rows: FocusRows, rate: Floats) -> None:
        """The rows of a chunk; those without a quantity or a period are left out. `rate` as in `Lines.add`."""
        quantity, unit = measured(rows, self.reading.unit)
        hourly = unit == self.reading.unit.code("h")
        self.others += int((~np.isnan(quantity) & ~hourly).sum())
        keep = ~np.isnan(quantity) & hourly & _timed(rows)
        if not keep.any():
            return
        spot = rows.is_("PricingCategory", "Dynamic")
        costs = {f"{name}_usd": cost(rows, COSTS[f"{name}_usd"]) * rate for name in _PRICES}
        hours = np.where(quantity == 0, np.nan, quantity)
        groups = price_groups(*(usd / hours for usd in costs.values()))
        keys = {
            "start_s": rows.times_s["ChargePeriodStart"],
            "end_s": rows.times_s["ChargePeriodEnd"],
            "provider": self.reading.provider.codes(rows.word("ProviderName")),
            "service": self.reading.service.codes(rows.word("ServiceName")),
            "region": self.reading.region.codes(rows.word("RegionId")),
            "sku": sku_codes(rows, self.reading.sku),
            "zone": self.zone.codes(rows.word("AvailabilityZone")),
            "account": self.account.codes(rows.word("SubAccountId")),
            "pricing": np.select([rows.idle, spot], [2, 1], 0).astype(np.int64),
            **dict(zip(_PRICES, groups.T, strict=True)),
            **self._tags(rows),
        }
        values = {"hours": quantity, "usd": rows.number("EffectiveCost") * rate, **costs}
        self.sums.add(*({name: column[keep] for name, column in part.items()} for part in (keys, values)))

    def _tags(self, rows: FocusRows) -> dict[str, Ints]:
        said = rows.word("Tags")
        values = [tags_of(text) for text in said.distinct.to_pylist()]
        result = {}
        for i, (tag, names) in enumerate(self.tags.items()):
            result[tag] = np.array([*(names.code(value[i]) for value in values), 0], np.int64)[said.codes]
        return result

    def table(self) -> tuple[pa.Table, int]:
        """The usage, and how many periods are below zero once corrections are netted: that is not usage.

        The columns are those that a file of usage is read with, `tag:` aside: provider, service, sku, region, zone,
        account, start, end (UTC), quantity (machines that ran all the time from start to end), unit (h), pricing
        (standard, spot or reserved_idle), price (USD an hour of a machine, of spot: what was paid), list_price and
        contracted_price (the same, before commitments; empty where the export does not say), and the tags of some row.
        """
        sums = _netted(self.sums.table())
        names = {**self.reading.names(), **self.tags, "zone": self.zone, "account": self.account}
        found = named(sums, {key: known for key, known in names.items() if key in sums.column_names})
        length_h = pc.divide(pc.subtract(sums["end_s"], sums["start_s"]).cast(pa.float64()), SECONDS_PER_HOUR)
        spot = pc.equal(sums["pricing"], 1)
        table = pa.table(
            {
                **{name: found[name] for name in ("provider", "service", "sku", "region", "zone", "account")},
                "start": _utc(sums["start_s"]),
                "end": _utc(sums["end_s"]),
                "quantity": pc.divide(sums["hours"], length_h),
                "unit": pa.array(["h"] * len(sums)),
                "pricing": pa.array(_PRICING, pa.string()).take(sums["pricing"]),
                "price": pc.if_else(spot, pc.divide(sums["usd"], sums["hours"]), pa.scalar(None, pa.float64())),
                **{f"{name}_price": _price(sums[f"{name}_usd"], sums["hours"]) for name in _PRICES},
                **{tag: found[tag] for tag, known in self.tags.items() if len(known.names) > 1},
            }
        )
        below = int(pc.sum(pc.less(table["quantity"], -1e-9)).as_py() or 0)
        return table.filter(pc.greater(table["quantity"], 1e-9)), below


def _netted(sums: pa.Table) -> pa.Table:
    """The sums, in which corrections below zero are taken off what they correct, also at another price."""
    below = sums.filter(pc.less(sums["hours"], 0.0))
    if not below.num_rows:
        return sums
    corrected = below.select(_KEYS).group_by(list(_KEYS), use_threads=False).aggregate([])
    touched = sums.join(corrected, list(_KEYS), join_type="left semi", use_threads=False)
    others = sums.join(corrected, list(_KEYS), join_type="left anti", use_threads=False)
    values = [name for name in sums.column_names if name not in (*_KEYS, *_PRICES)]
    added = touched.group_by(list(_KEYS), use_threads=False).aggregate(
        [*((name, "max") for name in _PRICES), *((name, "sum") for name in values)]
    )
    renamed = added.select([*_KEYS, *(f"{name}_max" for name in _PRICES), *(f"{name}_sum" for name in values)])
    whole = pa.concat_tables([others.select(sums.column_names), renamed.rename_columns(sums.column_names)])
    return whole.sort_by([(name, "ascending") for name in (*_KEYS, *_PRICES)])


def _price(usd: pa.ChunkedArray, hours: pa.ChunkedArray) -> pa.ChunkedArray:
    """Price of an hour; null where a cost is not said, or is 0."""
    price = pc.divide(usd, hours)
    return pc.if_else(pc.greater(price, 0.0), price, pa.scalar(None, pa.float64()))


@lru_cache(65_536)
def tags_of(text: str) -> tuple[str, ...]:
    """The values of TAGS in a JSON object of tags; empty where it has none."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    lower = {str(key).lower(): value for key, value in said.items()} if isinstance(said, dict) else {}
    return tuple(str(lower[tag]) if lower.get(tag) is not None else "" for tag in TAGS)


def _timed(rows: FocusRows) -> Flags:
    known: Flags = rows.has("ChargePeriodStart") & rows.has("ChargePeriodEnd")
    return known & (rows.times_s["ChargePeriodEnd"] > rows.times_s["ChargePeriodStart"])


def _utc(seconds: pa.ChunkedArray) -> pa.ChunkedArray:
    return seconds.cast(pa.timestamp("s", "UTC"))


_ROWS = 131_072
SUFFIXES = (".parquet", ".csv")


def check_suffix(path: Path) -> None:
    """Raise InputError unless the name says how to write."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: is written by its suffix; name it .parquet or .csv")


def write_focus(table: pa.Table, path: Path, *, text: bool) -> None:
    """Write a table, as CSV if `text` says so, else as Parquet."""
    if text:
        _write_csv(table, path)
    else:
        repeated = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
        pq.write_table(
            table,
            path,
            compression="zstd",
            compression_level=1,
            row_group_size=1_048_576,
            use_dictionary=repeated,
        )


def _write_csv(table: pa.Table, path: Path) -> None:
    schema = pa.schema([(field.name, _written(field.type)) for field in table.schema])
    with pacsv.CSVWriter(path, schema, write_options=pacsv.WriteOptions(quoting_style="needed")) as writer:
        for batch in table.to_batches(max_chunksize=_ROWS):
            columns = [_text(column) for column in batch.columns]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _written(kind: pa.DataType) -> pa.DataType:
    return pa.float64() if pa.types.is_floating(kind) else pa.string()


def _text(column: pa.Array) -> pa.Array:
    """Words as they are, times as 2026-01-31T23:00:00Z; each distinct time is formatted once."""
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        encoded = column.dictionary_encode()
        said = pc.strftime(encoded.dictionary.cast(pa.timestamp("s", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
        return said.take(encoded.indices)
    return column
