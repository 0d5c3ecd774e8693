"""Google Cloud: SKUs of the Cloud Billing Catalog (`skus`), or rows of its pricing export to BigQuery.

Google prices components: a machine type is made of several SKUs, or of rows of other lists.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from re import IGNORECASE, match, search
from typing import Any

from simcost.catalog.facts import Machine
from simcost.catalog.prices.json_stream import place, values
from simcost.catalog.prices.quote import (
    ImportContext,
    Part,
    Quote,
    UnreadableError,
    Way,
    inner,
    listed,
    mapped,
    number,
    words,
)
from simcost.errors import Fault, FaultsError

_PART = (
    r"(?:spot preemptible |preemptible |commitment[^:]*: )?(?P<what>.+?)(?: instance)? "
    r"(?P<part>core|ram|cpu|gpu|\(1 gpu slice\))(?!\w)"
)
_PARTS: dict[str, Part] = {"core": "core", "cpu": "core", "ram": "ram", "gpu": "gpu", "(1 gpu slice)": "gpu"}
_UNWANTED = r"sole tenancy|reserved|premium|custom|suspended|\bdws\b|calendar mode|flex.?start"
_UNITS = {"h": ("core", "gpu"), "GiBy.h": ("ram",), "GBy.h": ("ram",)}
_TERMS = {"Commit1Yr": 1, "Commit3Yr": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sku:
    description: str
    usage: str
    """OnDemand, Preemptible, Commit1Yr or Commit3Yr."""
    regions: list[Any]
    unit: str
    price: float
    currency: str
    day: Any


def read(file: Path, reading: ImportContext) -> Iterator[Quote]:
    """Prices of cores, memory and GPUs, on demand, spot and under resource commitments."""
    found = False
    for location, row, to_sku in _rows(file, reading):
        found = True
        reading.rows += 1
        try:
            yield from _prices(location, to_sku(row), reading)
        except UnreadableError as error:
            reading.findings.add("unreadable", location, str(error))
    if not found:
        message = "has no `skus` (Cloud Billing Catalog) and no rows with `sku` (pricing export)"
        raise FaultsError([Fault(file=str(file), message=message)])


def _rows(file: Path, reading: ImportContext) -> Iterator[tuple[str, Any, Callable[[Any], _Sku]]]:
    """Place, row and how it is read: of one page, of several, of a list of rows or of one row a line."""
    for path, value in values(file):
        pages = value if isinstance(value, list) else [value]
        for index, page in enumerate(pages):
            location = f"{place(path)}[{index}]" if isinstance(value, list) else place(path)
            if isinstance(page, dict) and page.get("nextPageToken"):
                reading.findings.add("more-pages", location, "nextPageToken")
            if isinstance(page, dict) and isinstance(page.get("skus"), list):
                for number_, sku in enumerate(page["skus"]):
                    yield f"{location}.skus[{number_}]", sku, _catalog_sku
            elif isinstance(page, dict) and "sku" in page:
                yield location, page, _exported


def _catalog_sku(sku: Any) -> _Sku:
    info = mapped(_last(listed(sku, "pricingInfo")))
    expression = inner(info, "pricingExpression")
    money = mapped(_only(listed(expression, "tieredRates")), "unitPrice")
    units, nanos = number(money.get("units", 0)), number(money.get("nanos", 0))
    return _Sku(
        description=words(sku, "description"),
        usage=words(sku, "category", "usageType"),
        regions=listed(sku, "serviceRegions"),
        unit=words(expression, "usageUnit"),
        price=units + nanos / 1e9,
        currency=words(money, "currencyCode"),
        day=info.get("effectiveTime"),
    )


def _exported(row: Any) -> _Sku:
    description = words(row, "sku", "description")
    rate = _only(listed(row, "list_price", "tiered_rates"))
    committed = search(r"commitment.* for (1|3) year", description, IGNORECASE)
    usage = f"Commit{committed[1]}Yr" if committed else "OnDemand"
    return _Sku(
        description=description,
        usage="Preemptible" if match(r"(spot )?preemptible", description, IGNORECASE) else usage,
        regions=listed(row, "geo_taxonomy", "regions"),
        unit=words(row, "pricing_unit"),
        price=number(inner(rate, "usd_amount")),
        currency="USD",
        day=row.get("pricing_as_of_time"),
    )


def _last(infos: list[Any]) -> Any:
    if not infos:
        raise UnreadableError("'pricingInfo' is empty")
    return infos[-1]


def _only(tiers: list[Any]) -> Any:
    if len(tiers) != 1:
        raise UnreadableError(f"{len(tiers)} price tiers where one is expected")
    return tiers[0]


def _prices(location: str, sku: _Sku, reading: ImportContext) -> Iterator[Quote]:
    reading.saw(sku.day)
    found = match(_PART, sku.description, IGNORECASE)
    if search(_UNWANTED, sku.description, IGNORECASE):
        reading.findings.add("capacity", location, sku.description)
    elif found is None or _PARTS[found["part"].lower()] not in _UNITS.get(sku.unit, ()):
        reading.findings.add("other-product", location, sku.description)
    elif sku.usage == "OnDemand" and sku.description.lower().startswith("commitment"):
        reading.findings.add("commitment-as-on-demand", location, sku.description)
    elif sku.usage in ("OnDemand", "Preemptible", *_TERMS):
        part = _PARTS[found["part"].lower()]
        for region in sku.regions:
            name = region if isinstance(region, str) else ""
            yield _quote(location, sku, part, f"{found['what'].lower()} {part}", name)
    else:
        reading.findings.add("other-product", location, f"{sku.description}, {sku.usage}")


def _quote(location: str, sku: _Sku, part: Part, name: str, region: str) -> Quote:
    years = _TERMS.get(sku.usage, 0)
    way: Way = "spot" if sku.usage == "Preemptible" else "on-demand"
    return Quote(
        place=location,
        provider="gcp",
        sku=name,
        region=region,
        part=part,
        price_per_h=sku.price,
        currency=sku.currency,
        way="resource-cud" if years else way,
        term_years=years,
        accelerators=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Machine types with accelerators of one kind."""

    instance: str
    """As descriptions of SKUs name it, before Core and Ram."""
    gpus: tuple[str, ...]
    """The same of its accelerators."""
    accelerator: str
    """As SkyPilot's catalog names them."""


_A3 = Family(instance="a3", gpus=("nvidia h100 80gb",), accelerator="H100")
_A2 = Family(instance="a2", gpus=("nvidia tesla a100",), accelerator="A100")
FAMILIES = {
    "a2-highgpu": _A2,
    "a2-megagpu": _A2,
    "a2-ultragpu": Family(instance="a2", gpus=("nvidia tesla a100 80gb",), accelerator="A100-80GB"),
    "a3-highgpu": _A3,
    "a3-edgegpu": _A3,
    "a3-megagpu": Family(
        instance="a3plus",
        gpus=("nvidia h100 80gb mega", "nvidia h100 80gb plus", "nvidia h100 mega 80gb"),
        accelerator="H100-MEGA",
    ),
    "a3-ultragpu": Family(instance="a3ultra", gpus=("nvidia h200 141gb",), accelerator="H200"),
    "a4-highgpu": Family(instance="a4", gpus=("nvidia b200",), accelerator="B200"),
    "g2-standard": Family(instance="g2", gpus=("nvidia l4",), accelerator="L4"),
}


def family(sku: str) -> Family | None:
    """The family of a machine type such as `a3-highgpu-8g`; None = sold without accelerators."""
    return FAMILIES.get("-".join(sku.lower().split("-")[:2]))


def machines(of: Iterable[Machine]) -> list[tuple[Machine, Family]]:
    """The machine types of Google that have a family."""
    found = [(machine, family(machine.sku)) for machine in of if machine.provider == "gcp"]
    return [(machine, its) for machine, its in found if its is not None]
