"""The catalog as documents: `catalog_list` for a kind of fact, `catalog_show` for a name."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from simcost.catalog.aliases import canonical, matches
from simcost.catalog.catalog import Catalog
from simcost.catalog.contracts import about_nothing
from simcost.catalog.facts import Provenance
from simcost.errors import CatalogError, did_you_mean

KINDS = {
    "accelerators": "accelerators",
    "models": "models",
    "machines": "machines",
    "offers": "offers",
    "billing-rules": "billing_rules",
    "commitment-rates": "commitment_rates",
    "services": "services",
    "commitment-eligibility": "commitment_eligibility",
    "contracts": "contracts",
    "currencies": "currencies",
    "tier-prices": "tier_prices",
    "token-prices": "token_prices",
    "token-rules": "token_rules",
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
    "services": "{provider} {provider}/{service}",
    "commitment-eligibility": "{instrument} {provider}/{service}",
    "failure-rates": "{name}",
    "tier-prices": "{provider} {provider}/{item}",
    "token-prices": "{provider}/{model}",
    "power": "{name}",
    "pue": "{provider}",
    "grid": "{provider} {provider}/{region}",
    "public-traces": "{name}",
}
"""Kinds that `catalog_show` finds, and the names of their rows."""


def catalog_list(catalog: Catalog, kind: str, where: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """`kind`, `as_of` and `rows`: one object per fact, its keys the columns of the fact file; of contracts `findings`
    too, sentences on those that are about nothing the catalog has.

    Args:
        catalog: the facts.
        kind: of `KINDS`.
        where: columns and what they must hold: a name, or a beginning with `*`. Values of one column are alternatives.

    Raises:
        CatalogError: no such kind or column, or no fact that holds it.
    """
    if kind not in KINDS:
        hint = did_you_mean(kind, list(KINDS)) or ";"
        raise CatalogError(f"no kind of fact {kind!r}{hint} kinds: {', '.join(KINDS)}")
    rows = _where([asdict(row) for row in _rows(catalog, kind)], kind, where)
    document: dict[str, Any] = {"kind": kind, "as_of": catalog.as_of, "rows": rows}
    if kind == "contracts":
        facts = catalog.facts
        about = about_nothing(facts.contracts, facts.offers, facts.tier_prices, facts.token_prices)
        document["findings"] = [sentence for _, sentence in about]
    return document


def _where(rows: list[dict[str, Any]], kind: str, where: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """The rows whose columns hold what is asked for."""
    for column in dict.fromkeys(column for column, _ in where):
        wanted = [value for name, value in where if name == column]
        if rows and column not in rows[0]:
            hint = did_you_mean(column, list(rows[0])) or ";"
            raise CatalogError(f"facts of {kind} have no column {column!r}{hint} columns: {', '.join(rows[0])}")
        for value in wanted:
            if rows and not any(_holds(row[column], value) for row in rows):
                known = sorted({str(row[column]) for row in rows if row[column] not in (None, "")})
                hint = did_you_mean(value.lower(), known) or f"; it is {_some(known)}"
                raise CatalogError(f"no fact of {kind} that is left has {column} {value!r}{hint}")
        rows = [row for row in rows if any(_holds(row[column], value) for value in wanted)]
    return rows


def _holds(value: object, wanted: str) -> bool:
    """True if a column holds the text, a name that the catalog knows by it, or the number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(wanted) == value
        except ValueError:
            return False
    return any(matches(name, "" if value is None else str(value)) for name in (wanted, canonical(wanted)))


_SHOWN = 8


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")


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
