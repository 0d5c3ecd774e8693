"""Rows of a FOCUS table that differ in time and amounts only, and the table of many such blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from simcost.billing.metering import Floats, Ints
from simcost.trace.focus.columns import COLUMNS

OWN = ("x_SimcostRunId", "x_PriceAsOf")
"""Columns of ours, behind those of FOCUS."""
_DIGITS = 10
_UTC = pa.timestamp("s", "UTC")
_SAME_CURRENCY = {"PricingCurrencyListUnitPrice": "ListUnitPrice", "PricingCurrencyEffectiveCost": "EffectiveCost",
                  "PricingCurrencyContractedUnitPrice": "ContractedUnitPrice"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Rows that share all their words."""

    start_s: Floats
    """Of each charge period, since 1970 UTC."""
    end_s: Floats
    words: Mapping[str, str]
    """FOCUS column -> what stands in it; columns that are not there are null."""
    numbers: Mapping[str, Floats] = field(default_factory=dict)
    """FOCUS column -> amounts; columns that are not there are null."""

    def __len__(self) -> int:
        return len(self.start_s)


def priced(quantity: Floats, list_usd: Floats | float, contracted_usd: Floats | float) -> dict[str, Floats]:
    """A pricing quantity with its unit prices and costs: costs are the products."""
    listed, contracted = (np.broadcast_to(usd, quantity.shape) for usd in (list_usd, contracted_usd))
    return {
        "PricingQuantity": quantity, "ListUnitPrice": listed, "ContractedUnitPrice": contracted,
        "ListCost": quantity * listed, "ContractedCost": quantity * contracted,
    }  # fmt: skip


def table_of(blocks: Sequence[Block]) -> pa.Table:
    """All rows, columns in the order of the specification, ours behind them."""
    lengths = np.array([len(block) for block in blocks], np.int64)
    starts = _joined([block.start_s for block in blocks])
    times = _times(starts, _joined([block.end_s for block in blocks]))
    columns: dict[str, pa.Array] = {}
    for name in (*COLUMNS, *OWN):
        if name in times:
            columns[name] = times[name]
        elif name in COLUMNS and COLUMNS[name].kind == "decimal":
            columns[name] = _amounts(blocks, _SAME_CURRENCY.get(name, name), lengths)
        else:
            columns[name] = _words([block.words.get(name) for block in blocks], lengths)
    return pa.table(columns)


def _joined(parts: Sequence[Floats]) -> Ints:
    whole = np.concatenate(parts) if parts else np.empty(0)
    return np.rint(whole).astype(np.int64)


def _times(starts: Ints, ends: Ints) -> dict[str, pa.Array]:
    """Charge periods, and the calendar months in which they begin."""
    month = starts.astype("datetime64[s]").astype("datetime64[M]")
    bounds = {"BillingPeriodStart": month, "BillingPeriodEnd": month + np.timedelta64(1, "M")}
    seconds = {name: value.astype("datetime64[s]").astype(np.int64) for name, value in bounds.items()}
    whole = {"ChargePeriodStart": starts, "ChargePeriodEnd": ends, **seconds}
    return {name: pa.array(value).cast(_UTC) for name, value in whole.items()}


def _words(values: Sequence[str | None], lengths: Ints) -> pa.Array:
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    known = {value: i for i, value in enumerate(distinct)}
    codes = pa.array([None if value is None else known[value] for value in values], pa.int32())
    rows = codes.take(pa.array(np.repeat(np.arange(len(values), dtype=np.int32), lengths)))
    return pa.DictionaryArray.from_arrays(rows, pa.array(distinct, pa.string()), safe=False)


def _amounts(blocks: Sequence[Block], name: str, lengths: Ints) -> pa.Array:
    """Amounts to ten decimals, null in the blocks without."""
    there = np.array([name in block.numbers for block in blocks], np.bool_)
    whole = np.zeros(int(lengths.sum()))
    at = 0
    for block in blocks:
        if name in block.numbers:
            whole[at : at + len(block)] = block.numbers[name]
        at += len(block)
    rounded = np.round(whole, _DIGITS) + 0.0
    return pa.array(rounded) if there.all() else pa.array(rounded, mask=~np.repeat(there, lengths))
