"""Import of a price list into a catalog folder: read, filtered, converted, reported.

A quote that fails a check for known errors of public price lists is left out and reported, never corrected by a guess.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from math import isnan
from pathlib import Path
from statistics import median_high, median_low
from typing import Any, Literal

from simcost.catalog.aliases import matches
from simcost.catalog.catalog import Catalog
from simcost.catalog.dates import UNKNOWN, is_date, is_later, today
from simcost.catalog.facts import Offer, Provenance
from simcost.catalog.loading import key_of, replaced_newer, with_rows
from simcost.catalog.prices import aws, azure, gcp, own_list, skypilot
from simcost.catalog.prices.catalog_files import commitment_rates, csv_text, offers
from simcost.catalog.prices.components import joined
from simcost.catalog.prices.genai_prices import PACKAGE, read_tokens
from simcost.catalog.prices.quote import Findings, ImportContext, Quote
from simcost.catalog.provider_facts import lacking_facts
from simcost.errors import InputError, did_you_mean
from simcost.units import plural

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
        elif not (quote.term_years > 0 if quote.way not in ("on-demand", "spot") else quote.term_years >= 0):
            findings.add("unreadable", quote.place, f"{quote.what}, {quote.way}: no number of years")
        elif quote.as_of and not is_date(quote.as_of):
            findings.add("unreadable", quote.place, f"{quote.what}: {quote.as_of!r} is not a day")
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


def in_usd(quotes: Iterable[Quote], reading: ImportContext, day: str) -> Iterator[Quote]:
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


def one_a_region(quotes: Iterable[Quote], findings: Findings, day: str) -> list[Quote]:
    """One quote where zones or repeated rows give several: of the newest the middle one of spot, else the highest.

    Rows without a date of their own are of the day of the list.
    """
    groups: dict[tuple[object, ...], list[Quote]] = defaultdict(list)
    for quote in quotes:
        groups[*quote.type_and_region, quote.way, quote.term_years, quote.upfront].append(quote)
    return [_one(group, findings, day) for group in groups.values()]


def _one(every: list[Quote], findings: Findings, day: str) -> Quote:
    newest = max(quote.as_of or day for quote in every)
    group = [quote for quote in every if (quote.as_of or day) == newest]
    for quote in every if len(group) < len(every) else ():
        if (quote.as_of or day) != newest:
            findings.add(
                "older-price", quote.place, f"{quote.what}, {quote.way}: of {quote.as_of or day}, not {newest}"
            )
    prices = [quote.price_per_h for quote in group]
    chosen = median_low(prices) if group[0].way == "spot" else max(prices)
    quote = group[prices.index(chosen)]
    if max(prices) > min(prices) * (1 + 1e-9):
        if quote.way == "spot":
            note = f"spot: the middle of {len(group)}, {min(prices):g} to {max(prices):g}"
            return replace(quote, notes="; ".join(filter(None, (quote.notes, note))))
        findings.add("several-prices", quote.place, f"{quote.what}, {quote.way}: {min(prices):g} to {max(prices):g}")
    return quote


def without_disguised_commitments(quotes: list[Quote], findings: Findings) -> Iterator[Quote]:
    """Without on-demand prices below 60 % of the median over regions; of two regions the higher is the median."""
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


def below_on_demand(quotes: list[Quote], findings: Findings) -> Iterator[Quote]:
    """Without spot prices that are not below on-demand, or have no on-demand price beside them; committed prices above
    it stay, and are told.
    """
    on_demand = {quote.type_and_region: quote.price_per_h for quote in quotes if quote.way == "on-demand"}
    for quote in quotes:
        listed = on_demand.get(quote.type_and_region)
        if quote.way != "spot":
            if listed is not None and quote.price_per_h > listed:
                detail = f"{quote.what}, {quote.way}: {quote.price_per_h:g}, on demand {listed:g}"
                findings.add("commitment-above-on-demand", quote.place, detail)
            yield quote
        elif listed is None:
            findings.add("spot-without-on-demand", quote.place, quote.what)
        elif quote.price_per_h >= listed:
            detail = f"{quote.what}: spot {quote.price_per_h:g}, on demand {listed:g}"
            findings.add("spot-not-below-on-demand", quote.place, detail)
        else:
            yield quote


@dataclass(frozen=True, slots=True)
class PriceListFormat:
    """Format of a price list."""

    title: str
    quality: Literal["A", "B"]
    read: Callable[[Path, ImportContext], Iterator[Quote]] | None = None
    """None = prices per token."""
    one_provider: bool = False
    """The list does not name its provider."""


FORMATS = {
    "aws": PriceListFormat("AWS Price List", "A", aws.read),
    "azure": PriceListFormat("Azure Retail Prices API", "A", azure.read),
    "gcp": PriceListFormat("Cloud Billing Catalog", "A", gcp.read),
    "skypilot": PriceListFormat("SkyPilot catalog", "B", skypilot.read, one_provider=True),
    "gpuhunt": PriceListFormat("gpuhunt", "B", skypilot.read_gpuhunt, one_provider=True),
    "genai-prices": PriceListFormat(PACKAGE, "B"),
    "own": PriceListFormat("own list", "A", own_list.read),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Fact rows by file, and findings about them."""

    rows: dict[str, list[Provenance]]
    """By the name of the fact file, `offers` for `offers.csv`; only those with rows."""
    as_of: str
    """Day of the list; of one that has none the newest of its rows, `unknown` where these have none either."""
    looked_at: int
    findings: Findings

    def note_lacking(self, catalog: Catalog) -> None:
        """Add to the findings which facts a catalog lacks of the providers of offers."""
        for provider in dict.fromkeys(row.provider for row in self.rows.get("offers", []) if isinstance(row, Offer)):
            if lacking := lacking_facts(catalog, provider):
                self.findings.add("provider-lacks-facts", provider, lacking)

    def files(self, folder: Path) -> dict[str, str]:
        """The text of each file of a catalog folder with these rows in it, over those of the same key; newer ones that
        they replace are among the findings.

        Raises:
            FaultsError: a file that is there has faults.
        """
        for name, rows in self.rows.items():
            for old, new in replaced_newer(folder, name, rows):
                what = " ".join(str(getattr(old, key)) for key in key_of(name) if getattr(old, key))
                self.findings.add("replaces-newer", f"{name}.csv", f"{what}: of {old.as_of}, now {new.as_of}")
        return {f"{name}.csv": csv_text(with_rows(folder, name, rows)) for name, rows in self.rows.items()}


def import_prices(
    file: Path | None,
    format_: str,
    catalog: Catalog,
    *,
    provider: str = "",
    as_of: str = "",
    only: Sequence[str] = (),
) -> Imported:
    """The prices of a list that can be believed.

    Args:
        file: the list; None = the installed package genai-prices.
        format_: a key of FORMATS.
        catalog: knows accelerators, machines and currencies.
        provider: of a list of one provider that does not name it.
        as_of: day of the list; empty = as the list says.
        only: instance types, `p5.*` for all that begin so; empty = all.

    Raises:
        InputError: no such format, the provider is missing, or no price is left; with what was found.
        FaultsError: the file is not of this format, with its place.
        CatalogError: a currency has no rate.
    """
    known = _format(format_)
    if file is None and known.read is not None:
        raise InputError(f"give the FILE of the {known.title}")
    if known.one_provider and not provider:
        raise InputError(f"a list of {known.title} does not name its provider; give `--provider`, e.g. gcp")
    reading = ImportContext(catalog=catalog, findings=Findings(), provider=provider.lower())
    source = _package() if file is None else f"{known.title}, {file.name}"
    provenance = {"source": source, "as_of": as_of or UNKNOWN, "quality": known.quality}
    if known.read is None or file is None:
        tokens = list(read_tokens(file, reading, provenance, as_of or UNKNOWN))
        rows: dict[str, Sequence[Provenance]] = {"token_prices": tokens}
    else:
        rows = _prices(known.read(file, reading), reading, provenance, as_of, tuple(only))
    day = as_of or reading.published or UNKNOWN
    if is_later(day, today()):
        reading.findings.add("day-to-come", str(file or source), day)
    if day == UNKNOWN and format_ != "own":
        reading.findings.add("no-date", str(file or source), known.title)
    kept: dict[str, list[Provenance]] = {name: list(found) for name, found in rows.items() if found}
    if not kept:
        raise InputError(_nothing_left(file or Path(source), reading))
    days = {day} if day != UNKNOWN else {row.as_of for found in kept.values() for row in found}
    newest = max(days - {UNKNOWN}, default=UNKNOWN)
    return Imported(rows=kept, as_of=newest, looked_at=reading.rows, findings=reading.findings)


def _prices(
    quotes: Iterator[Quote], reading: ImportContext, provenance: dict[str, Any], as_of: str, only: tuple[str, ...]
) -> dict[str, Sequence[Provenance]]:
    """Offers and commitment rates of quotes that pass the filters, in their order."""
    findings = reading.findings
    listed = list(with_a_price(complete(quotes, findings), findings))
    day = as_of or reading.published or UNKNOWN
    single = one_a_region(in_usd(listed, reading, day), findings, day)
    whole = joined(list(without_disguised_commitments(single, findings)), reading)
    asked = list(asked_for(whole, only, findings))
    passed = list(below_on_demand(asked, findings))
    for quote in passed:
        if is_later(quote.as_of, today()):
            findings.add("day-to-come", quote.place, f"{quote.what}: {quote.as_of}")
    provenance = {**provenance, "as_of": day}
    return {
        "offers": offers(passed, reading, provenance, day),
        "commitment_rates": commitment_rates(passed, provenance, day),
    }


def _package() -> str:
    try:
        return f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError:
        return PACKAGE


def _format(name: str) -> PriceListFormat:
    if name not in FORMATS:
        hint = did_you_mean(name, list(FORMATS)) or ";"
        raise InputError(f"no format {name!r} of price lists{hint} known: {', '.join(FORMATS)}")
    return FORMATS[name]


def _nothing_left(file: Path, reading: ImportContext) -> str:
    found = [
        f"{f['count']:,} {f['kind']}: {f['message']}, first {f['places'][0]['place']}"
        for f in reading.findings.document()
    ]
    return "\n  ".join([f"{file}: no price of {plural(reading.rows, 'row')} can be used", *found])
