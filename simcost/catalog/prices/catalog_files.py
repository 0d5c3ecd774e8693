"""Quotes that passed -> fact rows, and fact rows -> the CSV files of a catalog folder."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from simcost.catalog.facts import CommitmentRate, Offer, Provenance
from simcost.catalog.prices.devices import Devices
from simcost.catalog.prices.quote import Quote, Reading


def offers(quotes: Sequence[Quote], reading: Reading, provenance: dict[str, Any], day: str) -> list[Offer]:
    """One offer for each instance type and region with an on-demand price."""
    devices = Devices(reading.catalog)
    spot = {(q.provider, q.sku.lower(), q.region): q for q in quotes if q.way == "spot"}
    found = []
    for quote in (quote for quote in quotes if quote.way == "on-demand"):
        shape = devices.shape(quote, reading)
        if shape is None:
            continue
        cheaper = spot.get((quote.provider, quote.sku.lower(), quote.region))
        notes = [quote.notes, cheaper.notes if cheaper and cheaper.notes != quote.notes else ""]
        found.append(Offer(
            provider=quote.provider, sku=quote.sku, region=quote.region, accelerator=shape.accelerator,
            accelerators=shape.accelerators, on_demand_usd_per_h=_tidy(quote.price_per_h),
            spot_usd_per_h=_tidy(cheaper.price_per_h) if cheaper else None, vcpus=shape.vcpus,
            memory_bytes=shape.memory_bytes,
            **{**provenance, "as_of": quote.as_of or day, "notes": "; ".join(filter(None, notes))},
        ))  # fmt: skip
    return found


def commitment_rates(quotes: Sequence[Quote], provenance: dict[str, Any], day: str) -> list[CommitmentRate]:
    """One rate for each commitment."""
    return [
        CommitmentRate(
            provider=quote.provider, instrument=quote.way, sku=quote.sku, region=quote.region,
            term_years=quote.term_years, upfront=quote.upfront, usd_per_h=_tidy(quote.price_per_h),
            **{**provenance, "as_of": quote.as_of or day, "notes": quote.notes},
        )
        for quote in quotes
        if quote.way != "on-demand" and quote.way != "spot"
    ]  # fmt: skip


def csv_text(rows: Sequence[Provenance]) -> str:
    """Fact rows of one kind as a CSV file, where they come from last."""
    columns = [field.name for field in fields(rows[0])]
    order = [name for name in columns if name not in _LAST] + list(_LAST)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(order)
    writer.writerows([_cell(getattr(row, name)) for name in order] for row in rows)
    return text.getvalue()


_LAST = tuple(field.name for field in fields(Provenance))


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not value.isprintable():
        return " ".join(value.split())
    return repr(value) if isinstance(value, float) else value


def _tidy(usd: float) -> float:
    """Without the last bits of sums and conversions."""
    return float(f"{usd:.9g}")
