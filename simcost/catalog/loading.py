"""Fact files -> catalog: ours, then the rows of the user's folder over them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from simcost.catalog.book import Catalog, Facts
from simcost.catalog.contracts import ContractPrice, CurrencyRate
from simcost.catalog.facts import (
    Accelerator,
    BillingRule,
    CommitmentRate,
    FailureRate,
    GridIntensity,
    HardwareFit,
    Machine,
    Model,
    Offer,
    PowerDraw,
    Provenance,
    Pue,
    StepFit,
    TierPrice,
    TokenPrice,
    TrainingMfu,
    TrainingSequence,
)
from simcost.catalog.names import canonical
from simcost.catalog.reading import Row, read_table
from simcost.catalog.training_runs import TrainingRun
from simcost.errors import CatalogError, Fault, FaultsError, did_you_mean

_OURS = Path(__file__).parent / "facts"


@dataclass(frozen=True, slots=True)
class _Table:
    """One file: the class of its rows, the fields that name a row, and those a new row replaces rows by."""

    kind: type[Provenance]
    unique: tuple[str, ...]
    replaces: tuple[str, ...]


def _table(kind: type[Provenance], *unique: str) -> _Table:
    return _Table(kind, unique, unique)


_TABLES = {
    "accelerators": _table(Accelerator, "name"),
    "models": _table(Model, "name"),
    "machines": _table(Machine, "provider", "sku"),
    "offers": _table(Offer, "provider", "sku", "region"),
    "billing_rules": _table(BillingRule, "provider"),
    "commitment_rates": _table(
        CommitmentRate, "provider", "instrument", "sku", "region", "term_years", "upfront"
    ),
    "contracts": _table(ContractPrice, "provider", "sku", "region", "valid_from"),
    "currencies": _table(CurrencyRate, "currency", "as_of"),
    "tier_prices": _Table(TierPrice, ("provider", "item", "from_gb"), ("provider", "item")),
    "token_prices": _table(TokenPrice, "provider", "model"),
    "step_fits": _table(StepFit, "accelerator", "model", "tp", "precision"),
    "hardware_fits": _table(HardwareFit, "accelerator", "precision"),
    "training_mfu": _Table(
        TrainingMfu,
        ("accelerator", "precision", "parameters_from", "parameters_to"),
        ("accelerator", "precision"),
    ),
    "training_sequences": _Table(TrainingSequence, ("accelerator", "sequence_tokens"), ("accelerator",)),
    "training_runs": _table(TrainingRun, "name"),
    "failure_rates": _table(FailureRate, "name"),
    "power": _table(PowerDraw, "name"),
    "pue": _table(Pue, "provider"),
    "grid": _table(GridIntensity, "provider", "region"),
}


def load_catalog(extra: Path | None = None) -> Catalog:
    """Our facts, and over them those of the user's folder.

    Args:
        extra: a folder with any files of the names of ours, such as `offers.csv`. A row with the key of one of
            ours replaces it; the tiers of a (provider, item), the MFU of an (accelerator, precision) and the
            sequences of an accelerator are replaced together; other rows are added.

    Raises:
        CatalogError: there is no such folder.
        FaultsError: all faults of its files, with file, line and column.
    """
    return _built_in() if extra is None else _extended(_built_in().facts, extra)


def with_rows(folder: Path | None, name: str, rows: Sequence[Provenance]) -> list[Provenance]:
    """The rows of a fact file, `offers` for `offers.csv`, with these in place of those of the same key.

    Args:
        folder: where the file is; no folder or no file = no rows.
        name: the file, without its ending.
        rows: facts of that kind.

    Raises:
        FaultsError: all faults of the file that is there.
    """
    table = _TABLES[name]
    old: list[Row[Any]] = []
    if folder is not None and (folder / f"{name}.csv").exists():
        old, faults = read_table(folder / f"{name}.csv", table.kind, table.unique)
        if faults:
            raise FaultsError(faults)
    new = {_key(row, table.replaces) for row in rows}
    return [*(row.fact for row in old if _key(row.fact, table.replaces) not in new), *rows]


@cache
def _built_in() -> Catalog:
    return _extended(Facts(), _OURS)


def _extended(base: Facts, folder: Path) -> Catalog:
    if not folder.is_dir():
        raise CatalogError(
            f"the catalog folder {str(folder)!r} does not exist; create it or correct `catalog`"
        )
    faults = list(_unknown_files(folder))
    read: dict[str, list[Row[Any]]] = {}
    for name, table in _TABLES.items():
        path = folder / f"{name}.csv"
        if path.exists():
            read[name], found = read_table(path, table.kind, table.unique)
            faults += found
    merged = _merge(base, read)
    for rows in read.values():
        faults += _reference_faults(rows, merged)
    faults += _tier_faults(read.get("tier_prices", []))
    if faults:
        raise FaultsError(sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column)))
    return Catalog(merged)


def _unknown_files(folder: Path) -> Iterator[Fault]:
    for path in sorted(folder.glob("*.csv")):
        if path.stem not in _TABLES:
            hint = did_you_mean(path.stem, list(_TABLES))
            yield Fault(
                file=str(path), message=f"no fact file of this name{hint}; known: {', '.join(_TABLES)}"
            )


def _merge(base: Facts, read: dict[str, list[Row[Any]]]) -> Facts:
    """The base with the rows read over it. `read` is in the order of _TABLES: what is referred to comes first."""
    merged = base
    for name, rows in read.items():
        new = [_resolved(row.fact, merged) for row in rows]
        keys = {_key(row, _TABLES[name].replaces) for row in new}
        old = [row for row in getattr(base, name) if _key(row, _TABLES[name].replaces) not in keys]
        merged = replace(merged, **{name: (*old, *new)})
    return merged


def _key(row: Provenance, names: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in names)


def _resolved(row: Provenance, facts: Facts) -> Provenance:
    """The row with its references written as the catalog names them."""
    changes: dict[str, Any] = {}
    for column, known in _references(row, facts):
        written = getattr(row, column)
        if written and written not in known:
            changes[column] = canonical(written)
    return replace(row, **changes) if changes else row


def _references(row: Provenance, facts: Facts) -> Iterator[tuple[str, set[str]]]:
    for column, table in (("accelerator", "accelerators"), ("model", "models")):
        if hasattr(row, column) and not isinstance(row, TokenPrice):  # whose models are the providers' own
            yield column, {fact.name for fact in getattr(facts, table)}


def _reference_faults(rows: Sequence[Row[Any]], facts: Facts) -> Iterator[Fault]:
    for row in rows:
        for column, known in _references(row.fact, facts):
            name = getattr(row.fact, column)
            if name and name not in known and canonical(name) not in known:
                hint = did_you_mean(name, sorted(known)) or ";"
                add = f"add it to {column}s.csv of the same folder"
                yield row.fault(column, f"no {column} {name!r} in the catalog{hint} {add}")


def _tier_faults(rows: Sequence[Row[TierPrice]]) -> Iterator[Fault]:
    """Tiers of an item must follow each other without gap or overlap, from 0."""
    items: dict[tuple[str, str], list[Row[TierPrice]]] = {}
    for row in rows:
        items.setdefault((row.fact.provider, row.fact.item), []).append(row)
    for tiers in items.values():
        end: float | None = 0.0
        for row in sorted(tiers, key=lambda row: row.fact.from_gb):
            if row.fact.from_gb != end:
                expected = "no further tier" if end is None else f"{end:g}"
                wrong = f"is {row.fact.from_gb:g}, expected {expected}"
                yield row.fault("from_gb", f"{wrong}: each tier begins where the last ends")
            end = row.fact.to_gb
