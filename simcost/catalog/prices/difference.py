"""What changed between two price books."""

from collections.abc import Iterator
from typing import Any

from simcost.catalog.catalog import Catalog
from simcost.catalog.facts import Provenance

_KEYS = {
    "offers": ("provider", "sku", "region"),
    "commitment_rates": ("provider", "instrument", "sku", "region", "term_years", "upfront"),
    "tier_prices": ("provider", "item", "from_gb"),
    "token_prices": ("provider", "model"),
    "contracts": ("provider", "sku", "region", "valid_from"),
    "currencies": ("currency", "as_of"),
}
_PRICES = {
    "offers": ("on_demand_usd_per_h", "spot_usd_per_h"),
    "commitment_rates": ("usd_per_h", "discount"),
    "tier_prices": ("price_usd",),
    "token_prices": ("input_usd_per_m", "output_usd_per_m", "cache_read_usd_per_m", "cache_write_usd_per_m"),
    "contracts": ("price_per_h", "discount"),
    "currencies": ("usd_per_unit",),
}


def price_changes(before: Catalog, after: Catalog) -> list[dict[str, Any]]:
    """Each price that differs: `kind`, `name`, `price`, `before`, `after`, `change` (a share), dates.

    `before` or `after` is None where there was or is no such price; the largest changes come first, then prices
    that are new or gone.
    """
    found = [change for kind in _KEYS for change in _of_kind(kind, before, after)]
    return sorted(found, key=lambda change: (change["change"] is None, -abs(change["change"] or 0.0)))


def _of_kind(kind: str, before: Catalog, after: Catalog) -> Iterator[dict[str, Any]]:
    old, new = (_by_key(kind, book) for book in (before, after))
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        for price in _PRICES[kind]:
            a, b = getattr(was, price, None), getattr(now, price, None)
            if a != b:
                yield {
                    "kind": kind.replace("_", "-"), "name": " ".join(f"{part}" for part in key), "price": price,
                    "before": a, "after": b, "change": b / a - 1.0 if a and b else None,
                    "before_as_of": getattr(was, "as_of", None), "after_as_of": getattr(now, "as_of", None),
                }  # fmt: skip


def _by_key(kind: str, book: Catalog) -> dict[tuple[object, ...], Provenance]:
    return {tuple(getattr(row, name) for name in _KEYS[kind]): row for row in getattr(book.facts, kind)}
