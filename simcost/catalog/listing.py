"""The catalog as documents: `catalog_list` for a kind of fact, `catalog_show` for a name."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from simcost.catalog.book import Catalog
from simcost.catalog.facts import Provenance
from simcost.catalog.names import canonical
from simcost.errors import CatalogError, did_you_mean

KINDS = {
    "accelerators": "accelerators",
    "models": "models",
    "machines": "machines",
    "offers": "offers",
    "billing-rules": "billing_rules",
    "commitment-rates": "commitment_rates",
    "contracts": "contracts",
    "currencies": "currencies",
    "tier-prices": "tier_prices",
    "token-prices": "token_prices",
    "training-mfu": "training_mfu",
    "failure-rates": "failure_rates",
}
"""Kinds as the command line writes them, and their field of `Facts`."""


def catalog_list(catalog: Catalog, kind: str) -> dict[str, Any]:
    """`kind`, `as_of` and `rows`: one object per fact, its keys the columns of the fact file.

    Raises:
        CatalogError: no such kind.
    """
    if kind not in KINDS:
        hint = did_you_mean(kind, list(KINDS)) or ";"
        raise CatalogError(f"no kind of fact {kind!r}{hint} kinds: {', '.join(KINDS)}")
    rows = [asdict(row) for row in getattr(catalog.facts, KINDS[kind])]
    return {"kind": kind, "as_of": catalog.as_of, "rows": rows}


def catalog_show(catalog: Catalog, name: str) -> dict[str, Any]:
    """`name`, `as_of` and `facts`: all facts of that name, each with its `kind`.

    A name is that of an accelerator or model, a provider, `provider/sku`, `provider/item` or `provider/model`.

    Raises:
        CatalogError: no fact has that name.
    """
    wanted = {name, name.lower(), canonical(name)}
    named = [(kind, row, names) for kind, row, names in _named(catalog)]
    found = [{"kind": kind, **asdict(row)} for kind, row, names in named if wanted & names]
    if not found:
        known = sorted({known for _, _, names in named for known in names})
        hint = did_you_mean(name.lower(), known) or ";"
        kinds = ", ".join(KINDS)
        raise CatalogError(
            f"the catalog has nothing named {name!r}{hint} try `simcost catalog list` with {kinds}"
        )
    return {"name": name, "as_of": catalog.as_of, "facts": found}


def _named(catalog: Catalog) -> Iterator[tuple[str, Provenance, set[str]]]:
    """Kind, fact and the names under which it is shown."""
    facts = catalog.facts
    for kind in ("accelerators", "models"):
        for row in getattr(facts, kind):
            yield kind, row, {row.name}
    for offer in facts.offers:
        yield "offers", offer, {offer.name, offer.name.lower()}
    for machine in facts.machines:
        name = f"{machine.provider}/{machine.sku}"
        yield "machines", machine, {name, name.lower()}
    for contract in facts.contracts:
        yield "contracts", contract, {contract.provider, f"{contract.provider}/{contract.sku}"}
    for currency in facts.currencies:
        yield "currencies", currency, {currency.currency}
    for rule in facts.billing_rules:
        yield "billing-rules", rule, {rule.provider}
    for committed in facts.commitment_rates:
        names = {committed.provider, committed.instrument, f"{committed.provider}/{committed.sku}"}
        yield "commitment-rates", committed, names
    for rate in facts.failure_rates:
        yield "failure-rates", rate, {rate.name}
    for tier in facts.tier_prices:
        yield "tier-prices", tier, {tier.provider, f"{tier.provider}/{tier.item}"}
    for api in facts.token_prices:
        yield "token-prices", api, {api.name, api.name.lower()}
