"""Catalog files of imported prices: quotes to fact rows, rows to CSV files, and changes between two price books."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from simcost.catalog.catalog import Catalog
from simcost.catalog.facts import CommitmentRate, Offer, Provenance
from simcost.catalog.loading import named_by
from simcost.catalog.prices.components import Devices
from simcost.catalog.prices.quote import ImportContext, Quote
from simcost.catalog.usual_prices import unusual_machine_price


def offers(quotes: Sequence[Quote], reading: ImportContext, provenance: dict[str, Any], day: str) -> list[Offer]:
    """One offer for each instance type and region with an on-demand price."""
    devices = Devices(reading.catalog)
    spot = {q.type_and_region: q for q in quotes if q.way == "spot"}
    result = []
    for quote in (quote for quote in quotes if quote.way == "on-demand"):
        shape = devices.shape(quote, reading)
        if shape is None:
            continue
        cheaper = spot.get(quote.type_and_region)
        notes = [quote.notes, cheaper.notes if cheaper and cheaper.notes != quote.notes else ""]
        offer = Offer(
            provider=quote.provider,
            sku=quote.sku,
            region=quote.region,
            accelerator=shape.accelerator,
            accelerators=shape.accelerators,
            on_demand_usd_per_h=_tidy(quote.price_per_h),
            spot_usd_per_h=_tidy(cheaper.price_per_h) if cheaper else None,
            vcpus=shape.vcpus,
            memory_bytes=shape.memory_bytes,
            **{**provenance, "as_of": quote.as_of or day, "notes": "; ".join(filter(None, notes))},
        )
        if unusual := unusual_machine_price(offer, offer.on_demand_usd_per_h):
            reading.findings.add("far-from-catalog", quote.place, f"{quote.what}: {unusual}")
        result.append(offer)
    return result


def commitment_rates(quotes: Sequence[Quote], provenance: dict[str, Any], day: str) -> list[CommitmentRate]:
    """One rate for each commitment."""
    return [
        CommitmentRate(
            provider=quote.provider,
            instrument=quote.way,
            sku=quote.sku,
            region=quote.region,
            term_years=quote.term_years,
            upfront=quote.upfront,
            usd_per_h=_tidy(quote.price_per_h),
            **{**provenance, "as_of": quote.as_of or day, "notes": quote.notes},
        )
        for quote in quotes
        if quote.way != "on-demand" and quote.way != "spot"
    ]


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


_PRICES = {
    "offers": ("on_demand_usd_per_h", "spot_usd_per_h"),
    "commitment_rates": ("usd_per_h", "discount"),
    "tier_prices": ("price_usd",),
    "token_prices": (
        "input_usd_per_m",
        "output_usd_per_m",
        "cache_read_usd_per_m",
        "cache_write_usd_per_m",
        "cache_write_1h_usd_per_m",
        "tier_input_usd_per_m",
        "tier_output_usd_per_m",
        "batch_multiplier",
        "batch_input_usd_per_m",
        "batch_output_usd_per_m",
        "batch_cache_read_usd_per_m",
        *(f"{tier}_{item}_usd_per_m" for tier in ("flex", "priority") for item in ("input", "output", "cache_read")),
        "audio_input_usd_per_m",
        "audio_output_usd_per_m",
        "region_multiplier",
    ),
    "contracts": ("price_per_h", "discount"),
    "currencies": ("usd_per_unit",),
}
SHAPES = {"offers": ("accelerator", "accelerators")}
"""Make-up of what is priced: the same price of another one is a change."""


def price_changes(before: Catalog, after: Catalog) -> list[dict[str, Any]]:
    """Each price that differs, and what a price is of where that does: `kind`, `name`, `price`, `before`, `after`,
    `change` (a share), dates.

    `before` or `after` is None where there was or is no such price; the largest changes come first, then prices
    that are new or gone.
    """
    found = [change for kind in _PRICES for change in _of_kind(kind, before, after)]
    return sorted(found, key=lambda change: (change["change"] is None, -abs(change["change"] or 0.0)))


def _of_kind(kind: str, before: Catalog, after: Catalog) -> Iterator[dict[str, Any]]:
    old, new = (_by_key(kind, book) for book in (before, after))
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        shape = SHAPES.get(kind, ()) if was and now else ()
        for price in (*_PRICES[kind], *shape):
            a, b = getattr(was, price, None), getattr(now, price, None)
            if a != b and not (price in shape and None in (a, b)):
                yield {
                    "kind": kind.replace("_", "-"),
                    "name": " ".join(f"{part}" for part in key),
                    "price": price,
                    "before": a,
                    "after": b,
                    "change": None if isinstance(a, str) or not (a and b) else b / a - 1.0,
                    "before_as_of": getattr(was, "as_of", None),
                    "after_as_of": getattr(now, "as_of", None),
                }


def _by_key(kind: str, book: Catalog) -> dict[tuple[object, ...], Provenance]:
    return {tuple(getattr(row, name) for name in named_by(kind)): row for row in getattr(book.facts, kind)}
