"""The prices that charges rest on: what each is of, its date, its source, and whether it is old."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isclose
from typing import Any

from simcost.billing import Buy
from simcost.billing.bill import Charge
from simcost.billing.metering import Line
from simcost.billing.on_demand import OnDemand
from simcost.billing.spot import Spot
from simcost.catalog import Catalog
from simcost.catalog.dates import is_stale, price_of_date
from simcost.catalog.facts import Offer, Provenance, TokenPrice
from simcost.trace.usage.usage import TOKENS, VOLUMES

Row = dict[str, Any]
GIVEN, OWNED = "given", "owned"
"""Quality of a price of the user's own, and the provider of nodes of the user's own."""
_THING = ("provider", "sku", "region", "unit", "as_of", "quality", "source", "pricing")
"""Columns that identify a priced item and the source of its price."""


def price_list(charges: Iterable[Charge]) -> list[Row]:
    """`provider`, `sku`, `region`, `pricing`, `usd` a `unit`, `as_of`, `source`, `quality` of each price, once.

    The price is the one that the source states: of the list, of a contract, of spot the mean paid. One of the user's
    own has quality `given` and no date.
    """
    rows: dict[tuple[object, ...], Row] = {}
    for charge in charges:
        if charge.charge_category != "Usage" or charge.commitment_status == "Unused":
            continue
        row = _row(charge)
        rows.setdefault(tuple(row.values()), row)
    return list(rows.values())


def _row(charge: Charge) -> Row:
    spot = charge.pricing_category == "Dynamic"
    mean = charge.effective_cost_usd / charge.consumed_quantity if spot and charge.consumed_quantity else None
    return {
        "provider": charge.provider,
        "sku": charge.sku,
        "region": charge.region,
        "usd": _stated_usd(charge) if mean is None else mean,
        "unit": charge.consumed_unit,
        "as_of": charge.price_as_of,
        "quality": charge.price_quality,
        "source": charge.price_source,
        "pricing": "spot" if spot else "list",
    }


def _stated_usd(charge: Charge) -> float:
    """Price of a unit that the source states: of a contract or the user's own, below or above the list price."""
    listed, paid = charge.list_cost_usd, charge.contracted_cost_usd
    if listed <= 0 or isclose(paid, listed):
        return charge.list_unit_price_usd
    return float(f"{charge.list_unit_price_usd * paid / listed:.12g}")


def line_prices(lines: Iterable[Line]) -> list[Row]:
    """The same of what is metered by the hour."""
    rows = [
        _priced(
            line.provider,
            line.sku,
            line.region,
            line.contracted_usd,
            line,
            "spot" if line.pricing == "spot" else "list",
        )
        for line in lines
    ]
    return [row for i, row in enumerate(rows) if row not in rows[:i]]


def purchase_prices(options: Iterable[Buy], catalog: Catalog) -> list[Row]:
    """The same of purchase options that pay for nodes by the hour."""
    return line_prices(option.line(catalog) for option in options if isinstance(option, OnDemand | Spot))


def offer_prices(offer: Offer, *, spot: bool = False) -> list[Row]:
    """The same of an offer of the catalog, on demand and, where asked, on spot."""
    at = (offer.provider, offer.sku, offer.region)
    result = [_priced(*at, offer.on_demand_usd_per_h, offer, "list")]
    if spot and offer.spot_usd_per_h is not None:
        result.append(_priced(*at, offer.spot_usd_per_h, offer.spot_basis, "spot"))
    return result


def token_prices(price: TokenPrice) -> list[Row]:
    """The same of a model behind an API: of its input and of its output."""
    units = {"1M input tokens": price.input_usd_per_m, "1M output tokens": price.output_usd_per_m}
    return [
        _priced(price.provider, price.model, "any", usd, price, "list") | {"unit": unit} for unit, usd in units.items()
    ]


def _priced(provider: str, sku: str, region: str, usd: float, basis: Provenance | Line, pricing: str) -> Row:
    return {
        "provider": provider,
        "sku": sku,
        "region": region,
        "usd": usd,
        "unit": "h",
        "as_of": basis.as_of,
        "quality": basis.quality,
        "source": basis.source,
        "pricing": pricing,
    }


def price_sentences(rows: Sequence[Mapping[str, Any]], newest: str) -> Iterator[str]:
    """Sentences on each price of the catalog and its date, and on those that the user gave; then those that are old.
    What owned nodes cost is said part by part elsewhere.

    Args:
        rows: of `price_list`.
        newest: date of the newest fact of the catalog.
    """
    dated = [row for row in rows if row["as_of"]]
    agreed = [row for row in rows if not row["as_of"] and row["quality"] != GIVEN]
    given = [row for row in rows if row["quality"] == GIVEN and row["provider"] != OWNED]
    paid: dict[tuple[str, ...], list[float]] = {}
    for row in (*dated, *agreed, *given):
        paid.setdefault(tuple(row[name] for name in _THING), []).append(row["usd"])
    for thing, usd in paid.items():
        yield _sentence(dict(zip(_THING, thing, strict=True)), usd, newest)
    old = dict.fromkeys(f"{r['provider']}/{r['sku']}" for r in dated if is_stale(r["as_of"], newest))
    if old:
        yield (
            f"Prices more than a year older than the newest of the catalog ({newest}): {', '.join(old)}; look them "
            "up before you decide, and give yours in the plan or in your catalog folder."
        )


def other_prices(run: Sequence[Row], billed: Sequence[Row], plan: str) -> Iterator[str]:
    """A sentence on what a run paid another price for than its bill under a purchasing plan does, such as a price of
    its own. A price that the purchasing plan gives is meant to be another.

    Args:
        run: prices of the run, as `price_list`.
        billed: those of the bill.
        plan: name of the purchasing plan.
    """
    there: dict[tuple[str, ...], list[Row]] = {}
    for row in billed:
        there.setdefault(_place(row), []).append(row)
    paid: dict[tuple[str, ...], list[Row]] = {}
    for row in run:
        others = there.get(_place(row), [])
        if others and not any(other["quality"] == GIVEN or _same_price(row, other) for other in others):
            paid.setdefault(_place(row), []).append(row)
    told, keys = [], dict[str, None]()
    for place, rows in paid.items():
        row = rows[0]
        usd, there_usd = (_usd(row["unit"], [one["usd"] for one in some]) for some in (rows, there[place]))
        told.append(f"{_what(row)} {usd} per {_unit(row['unit'])} ({there_usd} there)")
        keys["spot" if row["pricing"] == "spot" else row["sku"] if row["sku"] in VOLUMES else "prices"] = None
    if told:
        *first, last = (f"`{key}`" for key in keys)
        every = f"{', '.join(first)} and {last}" if first else last
        yield (
            f"The run paid other prices than under {plan!r}: {', '.join(told)}; to bill those, give them as {every} of "
            "the purchasing plan."
        )


def _place(row: Row) -> tuple[str, ...]:
    """A priced item, whatever its price."""
    return tuple(row[name] for name in ("provider", "sku", "region", "unit", "pricing"))


def _same_price(row: Row, other: Row) -> bool:
    """True of prices that are equal, and of means over the same tiers of disks and traffic."""
    of_tiers = row["sku"] in VOLUMES and row["quality"] != GIVEN and row["source"] == other["source"]
    return of_tiers or isclose(row["usd"], other["usd"])


def _sentence(row: Mapping[str, str], usd: Sequence[float], newest: str) -> str:
    """One thing at its price; where means over tiers differ, from the least to the most."""
    what, price = _what(row), _usd(row["unit"], usd)
    if row["quality"] == GIVEN:
        return f"{what}: {price} per {_unit(row['unit'])}, as given, not of the catalog."
    dated = f"{price_of_date(row['as_of'], newest)}, quality {row['quality']}" if row["as_of"] else "by contract"
    return f"{what}: {price} per {_unit(row['unit'])}, {dated} ({row['source']})."


def _what(row: Mapping[str, str]) -> str:
    """A priced thing by its name, its region and how it is bought."""
    where = "" if row["region"] == "any" else f" in {row['region']}"
    return f"{row['provider']}/{row['sku']}{where}{' on spot' if row['pricing'] == 'spot' else ''}"


def _usd(unit: str, usd: Sequence[float]) -> str:
    """Prices of a unit, from the least to the most; of a million tokens."""
    each = 1e6 if unit in TOKENS else 1.0
    return " to ".join(dict.fromkeys(f"${each * one:.5g}" for one in (min(usd), max(usd))))


def _unit(unit: str) -> str:
    if unit in TOKENS:
        return f"1M {unit.replace('_', ' ')}"
    return {"h": "hour", "1000000 Tokens": "1M tokens"}.get(unit, unit)
