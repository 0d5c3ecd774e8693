"""Fact files -> catalog: the built-in ones, then the rows of the user's folder over them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from simcost.catalog.acceptance_facts import DraftAcceptance
from simcost.catalog.aliases import SAME_SHAPE, WITHOUT_DATASHEET, measured_name
from simcost.catalog.benchmark_scores import BenchmarkScore
from simcost.catalog.catalog import Catalog, Facts
from simcost.catalog.contracts import ContractPrice, CurrencyRate
from simcost.catalog.csv_reader import LazyFacts, Row, key_of_row, read_table
from simcost.catalog.dates import is_later
from simcost.catalog.energy_facts import GridIntensity, PowerDraw, Pue
from simcost.catalog.facts import (
    Accelerator,
    BillingRule,
    CloudService,
    CommitmentEligibility,
    CommitmentRate,
    HardwareFit,
    Machine,
    Model,
    Offer,
    Provenance,
    StepFactor,
    TierPrice,
    TokenPrice,
    TokenRule,
    TrainingMfu,
    TrainingSequence,
)
from simcost.catalog.public_traces import PublicTrace
from simcost.catalog.slices import MigSlices
from simcost.catalog.training_runs import FailureRate, TrainingRun
from simcost.errors import CatalogError, Fault, FaultsError, did_you_mean

_OURS = Path(__file__).parent / "facts"
_DEFERRED = ("commitment_rates", "commitment_eligibility", "services", "token_prices", "public_traces")
"""Built-in files that are read when they are first asked for."""


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
    "commitment_rates": _table(CommitmentRate, "provider", "instrument", "sku", "region", "term_years", "upfront"),
    "services": _table(CloudService, "provider", "service"),
    "commitment_eligibility": _table(CommitmentEligibility, "provider", "instrument", "service", "sku", "term_years"),
    "contracts": _table(ContractPrice, "provider", "sku", "service", "region", "valid_from"),
    "currencies": _table(CurrencyRate, "currency", "as_of"),
    "tier_prices": _Table(TierPrice, ("provider", "item", "region", "from_gb"), ("provider", "item")),
    "token_prices": _table(TokenPrice, "provider", "model"),
    "token_rules": _table(TokenRule, "provider", "models"),
    "quality": _table(BenchmarkScore, "model", "metric", "precision", "kv_precision", "pruning"),
    "acceptance": _table(DraftAcceptance, "drafter", "model", "task", "drafts"),
    "step_factors": _table(StepFactor, "model_class", "engine", "accelerator", "precision", "model", "tp", "pp", "dp"),
    "mig": _table(MigSlices, "accelerator"),
    "hardware_fits": _table(HardwareFit, "accelerator", "link", "precision"),
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
    "public_traces": _table(PublicTrace, "name"),
}


def load_catalog(extra: Path | None = None) -> Catalog:
    """Our facts, and over them those of the user's folder.

    Args:
        extra: a folder with files named as the built-in ones, such as `offers.csv`. A row with the key of a built-in
            row replaces it; the tiers of a (provider, item), the MFU of an (accelerator, precision) and the
            sequences of an accelerator are replaced together; other rows are added.

    Raises:
        CatalogError: there is no such folder.
        FaultsError: all faults of its files, with file, line and column.
    """
    return _built_in() if extra is None else _extended(_built_in().facts, extra)


def named_by(name: str) -> tuple[str, ...]:
    """The fields that name a row of a fact file, `offers` for `offers.csv`."""
    return _TABLES[name].unique


def key_of(name: str) -> tuple[str, ...]:
    """The columns of a fact file by which a row takes the place of another."""
    return _TABLES[name].replaces


def with_rows(folder: Path | None, name: str, rows: Sequence[Provenance]) -> list[Provenance]:
    """The rows of a fact file, `offers` for `offers.csv`, with these in place of those of the same key.

    Args:
        folder: where the file is; no folder or no file = no rows.
        name: the file, without its ending.
        rows: facts of that kind.

    Raises:
        FaultsError: all faults of the file that is there.
    """
    new = {key_of_row(row, _TABLES[name].replaces) for row in rows}
    return [*(row for row in _rows_of(folder, name) if key_of_row(row, _TABLES[name].replaces) not in new), *rows]


def replaced_newer(folder: Path, name: str, rows: Sequence[Provenance]) -> list[tuple[Provenance, Provenance]]:
    """Facts in effect, of a fact file or else of simcost, that are of a later day than rows which take their place.

    Raises:
        FaultsError: all faults of the file that is there.
    """
    keys = _TABLES[name].replaces
    known = [*getattr(_built_in().facts, name), *_rows_of(folder, name)]
    in_effect = {key_of_row(row, keys): row for row in known}  # the folder's come last
    pairs = ((in_effect.get(key_of_row(row, keys)), row) for row in rows)
    return [(old, row) for old, row in pairs if old is not None and is_later(old.as_of, row.as_of)]


def _rows_of(folder: Path | None, name: str) -> list[Provenance]:
    """The rows of a fact file; none without it. Raises FaultsError."""
    if folder is None or not (folder / f"{name}.csv").exists():
        return []
    rows, faults = read_table(folder / f"{name}.csv", _TABLES[name].kind, _TABLES[name].unique)
    if faults:
        raise FaultsError(faults)
    return [row.fact for row in rows]


@cache
def _built_in() -> Catalog:
    tables: dict[str, Any] = {
        name: LazyFacts(_OURS / f"{name}.csv", _TABLES[name].kind, _TABLES[name].unique) for name in _DEFERRED
    }
    return _extended(Facts(**tables), _OURS, deferred=_DEFERRED)


def _extended(base: Facts, folder: Path, deferred: Sequence[str] = ()) -> Catalog:
    if not folder.is_dir():
        raise CatalogError(f"the catalog folder {str(folder)!r} does not exist; create it or correct `catalog`")
    faults = list(_unknown_files(folder))
    read: dict[str, list[Row[Any]]] = {}
    for name, table in _TABLES.items():
        path = folder / f"{name}.csv"
        if name not in deferred and path.exists():
            read[name], found = read_table(path, table.kind, table.unique)
            faults += found
    merged = _merge(base, read)
    for name, rows in read.items():
        faults += _reference_faults(_TABLES[name].kind, rows, merged)
    faults += _tier_faults(read.get("tier_prices", []))
    if faults:
        raise FaultsError(sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column)))
    return Catalog(merged)


def _unknown_files(folder: Path) -> Iterator[Fault]:
    for path in sorted(folder.glob("*.csv")):
        if path.stem not in _TABLES:
            hint = did_you_mean(path.stem, list(_TABLES))
            yield Fault(file=str(path), message=f"no fact file of this name{hint}; known: {', '.join(_TABLES)}")


def _merge(base: Facts, read: dict[str, list[Row[Any]]]) -> Facts:
    """The base with the rows read over it. `read` is in the order of _TABLES: what is referred to comes first."""
    merged = base
    for name, rows in read.items():
        known = _references(_TABLES[name].kind, merged)
        table, there = _TABLES[name], getattr(base, name)
        spelled = {key_of_row(row, table.unique): row for row in there}
        facts = [_resolved(row.fact, known) for row in rows]
        new = [_spelled_as(spelled.get(key_of_row(fact, table.unique)), fact, table) for fact in facts]
        keys = {key_of_row(row, table.replaces) for row in new}
        old = [row for row in there if key_of_row(row, table.replaces) not in keys]
        merged = replace(merged, **{name: (*old, *new)})
    return merged


def _spelled_as(old: Provenance | None, row: Provenance, table: _Table) -> Provenance:
    """The row with its key in the upper and lower case of the row whose place it takes, which others refer to."""
    return row if old is None else replace(row, **{name: getattr(old, name) for name in table.unique})


def _resolved(row: Provenance, known: dict[str, set[str]]) -> Provenance:
    """The row with its references written as the catalog names them."""
    changes: dict[str, Any] = {}
    for column, names in known.items():
        written = getattr(row, column)
        if written and written not in names:
            changes[column] = measured_name(written)
    return replace(row, **changes) if changes else row


def _references(kind: type[Provenance], facts: Facts) -> dict[str, set[str]]:
    """The columns of a kind of fact that name accelerators or models, and the names that there are."""
    columns = {field.name for field in fields(kind)}
    result: dict[str, set[str]] = {}
    if kind is TokenPrice:  # its models are the providers' own
        return result
    for column, table in (("accelerator", "accelerators"), ("model", "models")):
        if column in columns:
            result[column] = {fact.name for fact in getattr(facts, table)}
    if kind in (BenchmarkScore, DraftAcceptance):  # of weights, not of shapes
        result["model"] |= {name for name, shape in SAME_SHAPE.items() if shape in result["model"]}
    if kind is Offer:
        result["accelerator"] |= WITHOUT_DATASHEET
    return result


def _reference_faults(kind: type[Provenance], rows: Sequence[Row[Any]], facts: Facts) -> Iterator[Fault]:
    for column, known in _references(kind, facts).items():
        for row in rows:
            name = getattr(row.fact, column)
            if name and name not in known and measured_name(name) not in known:
                hint = did_you_mean(name, sorted(known)) or ";"
                add = f"add it to {column}s.csv of the same folder"
                yield row.fault(column, f"no {column} {name!r} in the catalog{hint} {add}")


def _tier_faults(rows: Sequence[Row[TierPrice]]) -> Iterator[Fault]:
    """Tiers of an item in a region must follow each other without gap or overlap, from 0."""
    items: dict[tuple[str, str, str], list[Row[TierPrice]]] = {}
    for row in rows:
        items.setdefault((row.fact.provider, row.fact.item, row.fact.region), []).append(row)
    for tiers in items.values():
        end: float | None = 0.0
        for row in sorted(tiers, key=lambda row: row.fact.from_gb):
            if row.fact.from_gb != end:
                expected = "no further tier" if end is None else f"{end:g}"
                wrong = f"is {row.fact.from_gb:g}, expected {expected}"
                yield row.fault("from_gb", f"{wrong}: each tier begins where the last ends")
            end = row.fact.to_gb
