"""The usage in a cost file, as the rows that `simcost bill` reads."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.trace.focus.lines import PRICING, Reading, measured, pricing, sku_codes
from simcost.trace.focus.rows import Rows
from simcost.trace.focus.sums import Names, Sums, named
from simcost.trace.log.cells import Flags

READ = ("AvailabilityZone", "SubAccountId", "Tags")
"""Columns that are read beside those of lines."""
_KEYS = ("start_s", "end_s", "provider", "region", "sku", "unit", "zone", "account", "pricing", "tags")


@dataclass(slots=True)
class UsageSeries:
    """Collects usage by period, SKU, zone, account and tags."""

    reading: Reading
    zone: Names = field(default_factory=Names)
    account: Names = field(default_factory=Names)
    tags: Names = field(default_factory=Names)
    sums: Sums = field(default_factory=lambda: Sums(_KEYS, ("quantity",)))

    def add(self, rows: Rows) -> None:
        """The rows of a chunk; those without a quantity or a period are left out."""
        quantity, unit = measured(rows, self.reading.unit)
        keep = ~np.isnan(quantity) & (quantity != 0) & _timed(rows)
        if not keep.any():
            return
        keys = {
            "start_s": rows.times_s["ChargePeriodStart"], "end_s": rows.times_s["ChargePeriodEnd"],
            "provider": self.reading.provider.codes(rows.word("ProviderName")),
            "region": self.reading.region.codes(rows.word("RegionId")),
            "sku": sku_codes(rows, self.reading.sku), "unit": unit,
            "zone": self.zone.codes(rows.word("AvailabilityZone")),
            "account": self.account.codes(rows.word("SubAccountId")),
            "pricing": pricing(rows), "tags": self.tags.codes(rows.word("Tags")),
        }  # fmt: skip
        self.sums.add({name: column[keep] for name, column in keys.items()}, {"quantity": quantity[keep]})

    def table(self) -> tuple[pa.Table, pa.Table]:
        """The usage, and what is left negative when corrections are netted: that is no usage.

        Columns: provider, sku, region, zone, account, start, end (UTC), quantity (above 0), unit, pricing, tags
        (a JSON object).
        """
        sums = self.sums.table()
        names = {**self.reading.names(), "zone": self.zone, "account": self.account, "tags": self.tags}
        found = named(sums, {key: names[key] for key in names if key in sums.column_names})
        labels = pa.DictionaryArray.from_arrays(
            pa.array(sums["pricing"].to_numpy().astype(np.int32)), list(PRICING)
        )
        columns = {
            **{name: found[name] for name in ("provider", "sku", "region", "zone", "account")},
            "start": _utc(sums["start_s"]), "end": _utc(sums["end_s"]),
            "quantity": found["quantity"], "unit": found["unit"], "pricing": labels, "tags": found["tags"],
        }  # fmt: skip
        table = pa.table(columns)
        positive = pc.greater(table["quantity"], 1e-9)
        return table.filter(positive), table.filter(pc.less(table["quantity"], -1e-9))


def _timed(rows: Rows) -> Flags:
    known: Flags = rows.has("ChargePeriodStart") & rows.has("ChargePeriodEnd")
    return known & (rows.times_s["ChargePeriodEnd"] > rows.times_s["ChargePeriodStart"])


def _utc(seconds: pa.ChunkedArray) -> pa.ChunkedArray:
    return seconds.cast(pa.timestamp("s", "UTC"))
