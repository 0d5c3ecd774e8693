"""The catalog as documents: `catalog_list` for a kind of fact, `catalog_show` for a name."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from simcost.catalog.aliases import canonical
from simcost.catalog.catalog import Catalog
from simcost.catalog.contracts import without_offer
from simcost.catalog.facts import Provenance
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
    "benchmark-scores": "quality",
    "acceptance": "acceptance",
    "training-mfu": "training_mfu",
    "training-runs": "training_runs",
    "failure-rates": "failure_rates",
    "power": "power",
    "pue": "pue",
    "grid": "grid",
    "public-traces": "public_traces",
}
"""Kinds as the command line writes them, and their field of `Facts`."""
_NAMES = {
    "accelerators": "{name}",
    "models": "{name}",
    "offers": "{provider}/{sku}",
    "machines": "{provider}/{sku}",
    "contracts": "{provider} {provider}/{sku}",
    "currencies": "{currency}",
    "billing-rules": "{provider}",
    "commitment-rates": "{provider} {instrument} {provider}/{sku}",
    "failure-rates": "{name}",
    "tier-prices": "{provider} {provider}/{item}",
    "token-prices": "{provider}/{model}",
    "power": "{name}",
    "pue": "{provider}",
    "grid": "{provider} {provider}/{region}",
    "public-traces": "{name}",
}
"""Kinds that `catalog_show` finds, and the names of their rows."""


def catalog_list(catalog: Catalog, kind: str) -> dict[str, Any]:
    """`kind`, `as_of` and `rows`: one object per fact, its keys the columns of the fact file; of contracts `findings`
    too, sentences on those that are about no offer.

    Raises:
        CatalogError: no such kind.
    """
    if kind not in KINDS:
        hint = did_you_mean(kind, list(KINDS)) or ";"
        raise CatalogError(f"no kind of fact {kind!r}{hint} kinds: {', '.join(KINDS)}")
    document = {"kind": kind, "as_of": catalog.as_of, "rows": [asdict(row) for row in _rows(catalog, kind)]}
    if kind == "contracts":
        document["findings"] = without_offer(catalog.facts.contracts, catalog.facts.offers)
    return document


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
        raise CatalogError(f"the catalog has nothing named {name!r}{hint} try `simcost catalog list` with {kinds}")
    return {"name": name, "as_of": catalog.as_of, "facts": found}


def _named(catalog: Catalog) -> Iterator[tuple[str, Provenance, set[str]]]:
    """Kind, fact and the names under which it is shown."""
    for kind, forms in _NAMES.items():
        for row in _rows(catalog, kind):
            names = {form.format_map(asdict(row)) for form in forms.split()}
            yield kind, row, names | {name.lower() for name in names}


def _rows(catalog: Catalog, kind: str) -> Sequence[Provenance]:
    rows: Sequence[Provenance] = catalog.models if kind == "models" else getattr(catalog.facts, KINDS[kind])
    return rows
