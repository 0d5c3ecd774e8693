"""A price list of somebody -> rows of a catalog folder: read, filtered, converted, reported."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from simcost.catalog.catalog import Catalog
from simcost.catalog.facts import Provenance
from simcost.catalog.loading import with_rows
from simcost.catalog.prices import aws, azure, filters, gcp, own_list, skypilot
from simcost.catalog.prices.catalog_files import commitment_rates, csv_text, offers
from simcost.catalog.prices.components import joined
from simcost.catalog.prices.findings import Findings
from simcost.catalog.prices.genai_prices import PACKAGE, read_tokens
from simcost.catalog.prices.quote import Quote, Reading
from simcost.errors import InputError, did_you_mean


@dataclass(frozen=True, slots=True)
class Format:
    """How a price list is read."""

    title: str
    quality: Literal["A", "B"]
    read: Callable[[Path, Reading], Iterator[Quote]] | None = None
    """None = prices per token."""
    one_provider: bool = False
    """The list does not name its provider."""


FORMATS = {
    "aws": Format("AWS Price List", "A", aws.read),
    "azure": Format("Azure Retail Prices API", "A", azure.read),
    "gcp": Format("Cloud Billing Catalog", "A", gcp.read),
    "skypilot": Format("SkyPilot catalog", "B", skypilot.read, one_provider=True),
    "gpuhunt": Format("gpuhunt", "B", skypilot.read_gpuhunt, one_provider=True),
    "genai-prices": Format(PACKAGE, "B"),
    "own": Format("own list", "A", own_list.read),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Fact rows by file, and what is to be told about them."""

    rows: dict[str, list[Provenance]]
    """By the name of the fact file, `offers` for `offers.csv`; only those with rows."""
    as_of: str
    """Day of the list."""
    looked_at: int
    findings: Findings

    def files(self, folder: Path) -> dict[str, str]:
        """The text of each file of a catalog folder with these rows in it, over those of the same key.

        Raises:
            FaultsError: a file that is there has faults.
        """
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
    reading = Reading(catalog=catalog, findings=Findings(), provider=provider)
    source = _package() if file is None else f"{known.title}, {file.name}"
    provenance = {"source": source, "as_of": as_of or "unknown", "quality": known.quality}
    if known.read is None or file is None:
        tokens = list(read_tokens(file, reading, provenance, as_of or "unknown"))
        rows: dict[str, Sequence[Provenance]] = {"token_prices": tokens}
    else:
        rows = _prices(known.read(file, reading), reading, provenance, as_of, tuple(only))
    day = as_of or reading.published or "unknown"
    if day == "unknown" and format_ != "own":
        reading.findings.add("no-date", str(file or source), known.title)
    kept: dict[str, list[Provenance]] = {name: list(found) for name, found in rows.items() if found}
    if not kept:
        raise InputError(_nothing_left(file or Path(source), reading))
    return Imported(rows=kept, as_of=day, looked_at=reading.rows, findings=reading.findings)


def _prices(
    quotes: Iterator[Quote], reading: Reading, provenance: dict[str, Any], as_of: str, only: tuple[str, ...]
) -> dict[str, Sequence[Provenance]]:
    """Offers and commitment rates of quotes that pass the filters, in their order."""
    findings = reading.findings
    listed = list(filters.with_a_price(filters.complete(quotes, findings), findings))
    day = as_of or reading.published or "unknown"
    single = filters.one_a_region(filters.in_usd(listed, reading, day), findings)
    whole = joined(list(filters.without_disguised_commitments(single, findings)), reading)
    asked = list(filters.asked_for(whole, only, findings))
    passed = list(filters.spot_below_on_demand(asked, findings))
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


def _format(name: str) -> Format:
    if name not in FORMATS:
        hint = did_you_mean(name, list(FORMATS)) or ";"
        raise InputError(f"no format {name!r} of price lists{hint} known: {', '.join(FORMATS)}")
    return FORMATS[name]


def _nothing_left(file: Path, reading: Reading) -> str:
    found = [f"{f['count']:,} {f['kind']}: {f['message']}, first {f['places'][0]['place']}"
             for f in reading.findings.document()]  # fmt: skip
    return "\n  ".join([f"{file}: no price of {reading.rows:,} rows can be used", *found])
