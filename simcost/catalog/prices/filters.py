"""The traps of public price lists: a quote that falls into one is kept out and reported, never repaired to a guess."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import isnan
from re import fullmatch
from statistics import median_high, median_low

from simcost.catalog.patterns import matches
from simcost.catalog.prices.findings import Findings
from simcost.catalog.prices.quote import Quote, Reading

_PLACEHOLDER = 700.0  # SkyPilot's "no price found", above the dearest machine
_LEAST_SHARE = 0.6  # of the median over regions


def asked_for(quotes: Iterable[Quote], only: tuple[str, ...], findings: Findings) -> Iterator[Quote]:
    """The instance types that match one of the patterns; all where there is none. Parts always stay."""
    for quote in quotes:
        if not only or quote.part or any(matches(pattern, quote.sku) for pattern in only):
            yield quote
        else:
            findings.add("not-asked", quote.place, quote.what)


def complete(quotes: Iterable[Quote], findings: Findings) -> Iterator[Quote]:
    """Without rows that do not say of what they are the price, or name no term or day that there is."""
    for quote in quotes:
        names = (quote.provider, quote.sku, quote.region)
        if not all(name and name.isprintable() for name in names):
            findings.add("unreadable", quote.place, f"provider, sku or region is missing: {names!r}")
        elif not quote.term_years >= 0:
            findings.add("unreadable", quote.place, f"{quote.what}: no number of years")
        elif quote.as_of and not fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", quote.as_of):
            findings.add("unreadable", quote.place, f"{quote.what}: {quote.as_of!r} is no day")
        else:
            yield quote


def with_a_price(quotes: Iterable[Quote], findings: Findings) -> Iterator[Quote]:
    """Without prices that are none: not a number, 0, negative, or a placeholder."""
    for quote in quotes:
        price = quote.price_per_h
        if isnan(price):
            kind = "no-price"
        elif price <= 0:
            kind = "negative-price" if price < 0 else "zero-price"
        elif price == _PLACEHOLDER:
            kind = "placeholder-price"
        else:
            yield quote
            continue
        findings.add(kind, quote.place, f"{quote.what}, {quote.way}")


def in_usd(quotes: Iterable[Quote], reading: Reading, day: str) -> Iterator[Quote]:
    """Prices in USD, others converted at the rate of their day. Raises CatalogError where there is none."""
    for quote in quotes:
        if quote.currency == "USD":
            yield quote
            continue
        rate = reading.catalog.usd(1.0, quote.currency, quote.as_of or day)
        said = f"{quote.price_per_h:g} {quote.currency} at {rate:g}"
        reading.findings.add("other-currency", quote.place, f"{quote.what}: {said}")
        notes = "; ".join(filter(None, (quote.notes, said)))
        yield replace(quote, price_per_h=quote.price_per_h * rate, currency="USD", notes=notes)


def one_a_region(quotes: Iterable[Quote], findings: Findings) -> list[Quote]:
    """One quote where zones or repeated rows give several: the middle one of spot, else the highest."""
    groups: dict[tuple[object, ...], list[Quote]] = defaultdict(list)
    for quote in quotes:
        key = (quote.provider, quote.sku.lower(), quote.region, quote.way, quote.term_years, quote.upfront)
        groups[key].append(quote)
    return [_one(group, findings) for group in groups.values()]


def _one(group: list[Quote], findings: Findings) -> Quote:
    prices = [quote.price_per_h for quote in group]
    chosen = median_low(prices) if group[0].way == "spot" else max(prices)
    quote = group[prices.index(chosen)]
    if max(prices) > min(prices) * (1 + 1e-9):
        if quote.way == "spot":
            note = f"spot: the middle of {len(group)}, {min(prices):g} to {max(prices):g}"
            return replace(quote, notes="; ".join(filter(None, (quote.notes, note))))
        findings.add(
            "several-prices", quote.place, f"{quote.what}, {quote.way}: {min(prices):g} to {max(prices):g}"
        )
    return quote


def without_disguised_commitments(quotes: list[Quote], findings: Findings) -> Iterator[Quote]:
    """Without on-demand prices below 60 % of the median over regions; of two regions the dearer is the median."""
    regions: dict[tuple[str, str], list[float]] = defaultdict(list)
    for quote in quotes:
        if quote.way == "on-demand":
            regions[quote.provider, quote.sku.lower()].append(quote.price_per_h)
    middle = {key: median_high(prices) for key, prices in regions.items()}
    for quote in quotes:
        typical = middle.get((quote.provider, quote.sku.lower()), 0.0)
        if quote.way == "on-demand" and quote.price_per_h < _LEAST_SHARE * typical:
            detail = f"{quote.what}: {quote.price_per_h:g}, median {typical:g}"
            findings.add("commitment-as-on-demand", quote.place, detail)
        else:
            yield quote


def spot_below_on_demand(quotes: list[Quote], findings: Findings) -> Iterator[Quote]:
    """Without spot prices that are not below on-demand, or have no on-demand price beside them."""
    on_demand = {_type(quote): quote.price_per_h for quote in quotes if quote.way == "on-demand"}
    for quote in quotes:
        listed = on_demand.get(_type(quote))
        if quote.way != "spot":
            yield quote
        elif listed is None:
            findings.add("spot-without-on-demand", quote.place, quote.what)
        elif quote.price_per_h >= listed:
            detail = f"{quote.what}: spot {quote.price_per_h:g}, on demand {listed:g}"
            findings.add("spot-not-below-on-demand", quote.place, detail)
        else:
            yield quote


def _type(quote: Quote) -> tuple[str, str, str]:
    return quote.provider, quote.sku.lower(), quote.region
