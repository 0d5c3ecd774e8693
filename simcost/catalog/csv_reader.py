"""One CSV file -> facts: the columns are the fields of the class, every fault is located and reported."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from functools import cached_property, partial
from math import isfinite
from pathlib import Path
from re import fullmatch
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin, get_type_hints, overload

from annotated_types import Ge, Gt

from simcost.catalog.cell_types import InLowerCase, Matching
from simcost.catalog.dates import UNKNOWN
from simcost.catalog.facts import Provenance
from simcost.errors import Fault, FaultsError, did_you_mean
from simcost.tables.records import read_records

F = TypeVar("F", bound=Provenance)


@dataclass(frozen=True, slots=True)
class Row(Generic[F]):
    """A fact and where it was read."""

    fact: F
    file: str
    line: int
    header: tuple[str, ...]

    def fault(self, name: str, message: str) -> Fault:
        """A fault of one of its columns."""
        column = self.header.index(name) + 1 if name in self.header else 1
        return Fault(file=self.file, line=self.line, column=column, path=name, message=message)


class LazyFacts(Sequence[F]):
    """The facts of a built-in file, read when they are first asked for: long tables that few commands need."""

    def __init__(self, path: Path, kind: type[F], key: tuple[str, ...]) -> None:
        self._path, self._kind, self._key = path, kind, key

    @cached_property
    def _facts(self) -> tuple[F, ...]:
        rows, faults = read_table(self._path, self._kind, self._key)
        if faults:
            raise FaultsError(faults)
        return tuple(row.fact for row in rows)

    @cached_property
    def newest(self) -> str:
        """The newest date of its rows, without reading the rest."""
        with self._path.open(encoding="utf-8", newline="") as file:
            return max(row["as_of"] for row in csv.DictReader(file))

    @overload
    def __getitem__(self, index: int) -> F: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[F, ...]: ...
    def __getitem__(self, index: int | slice) -> F | tuple[F, ...]:
        return self._facts[index]

    def __iter__(self) -> Iterator[F]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


def newest_of(facts: Sequence[Provenance]) -> str:
    """The newest known date of facts, `unknown` if none has one."""
    if isinstance(facts, LazyFacts):
        return str(facts.newest)
    return max({fact.as_of for fact in facts} - {UNKNOWN}, default=UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Column:
    """Conversion of the text of one column to a field."""

    parse: Callable[[str], object]
    required: bool


def read_table(path: Path, kind: type[F], key: tuple[str, ...]) -> tuple[list[Row[F]], list[Fault]]:
    """The facts of a file and its faults.

    An empty cell takes the default of its field. Columns count from 1, as in a spreadsheet.

    Args:
        path: UTF-8 CSV with one header line.
        kind: the class whose fields are the columns.
        key: fields that must differ between rows.
    """
    try:
        records = read_records(path)
    except (OSError, csv.Error) as error:
        return [], [Fault(file=str(path), message=f"cannot be read as UTF-8 CSV: {error}")]
    columns, header = _columns(kind), records.header
    if not header:
        return [], [Fault(file=str(path), message=f"is empty; first line: {','.join(columns)}")]
    faults = list(_header_faults(path, header, columns))
    if faults:
        return [], faults
    faults = [Fault(file=str(path), line=line, message=message) for line, message in records.faults]
    rows: list[Row[F]] = []
    for line, cells in records.rows:
        fault = partial(Fault, file=str(path), line=line)
        values, found = _read_cells(header, cells, columns, fault)
        if not found and values:
            try:
                rows.append(Row(kind(**values), str(path), line, tuple(header)))
            except ValueError as error:
                found = [fault(column=1, message=str(error))]
        faults += found
    return rows, faults + list(_repeated(rows, key))


def _header_faults(path: Path, header: list[str], columns: dict[str, _Column]) -> Iterator[Fault]:
    fault = partial(Fault, file=str(path), line=1)
    for number, name in enumerate(header, 1):
        if name not in columns:
            hint = did_you_mean(name, list(columns))
            yield fault(column=number, path=name, message=f"unknown column{hint}; known: {', '.join(columns)}")
        elif name in header[: number - 1]:
            yield fault(column=number, path=name, message="the column appears twice")
    for name, column in columns.items():
        if column.required and name not in header:
            yield fault(column=len(header), path=name, message="the column is missing")


def _read_cells(
    header: list[str], cells: list[str], columns: dict[str, _Column], fault: Callable[..., Fault]
) -> tuple[dict[str, Any], list[Fault]]:
    """The fields that the cells of a row give; none for an empty line."""
    values: dict[str, Any] = {}
    if not any(cells):
        return values, []
    if len(cells) != len(header):
        message = f"{len(cells)} cells under {len(header)} columns"
        return values, [fault(column=min(len(cells), len(header)), message=message)]
    faults = []
    for number, (name, cell) in enumerate(zip(header, cells, strict=True), 1):
        text = cell.strip()
        if not text and not columns[name].required:
            continue
        try:
            values[name] = columns[name].parse(text)
        except ValueError as error:
            faults.append(fault(column=number, path=name, message=str(error)))
    return values, faults


def key_of_row(row: Provenance, names: Sequence[str]) -> tuple[object, ...]:
    """Key of a fact: two that differ in upper and lower case alone are the same, as where they are looked up."""
    values = (getattr(row, name) for name in names)
    return tuple(value.lower() if isinstance(value, str) else value for value in values)


def _repeated(rows: list[Row[F]], key: tuple[str, ...]) -> Iterator[Fault]:
    seen: dict[tuple[object, ...], int] = {}
    for row in rows:
        first = seen.setdefault(key_of_row(row.fact, key), row.line)
        if first != row.line:
            yield row.fault(key[0], f"the same {', '.join(key)} as line {first}; keep one of the two")


def _columns(kind: type[Provenance]) -> dict[str, _Column]:
    hints = get_type_hints(kind, include_extras=True)
    return {f.name: _Column(_parser(hints[f.name]), f.default is MISSING) for f in fields(kind)}


def _parser(hint: Any) -> Callable[[str], object]:
    """The parser of a field's type: str, bool, int, float, Literal, each optional, each with bounds."""
    if get_origin(hint) is UnionType or type(None) in get_args(hint):
        return _parser(next(part for part in get_args(hint) if part is not type(None)))
    if get_origin(hint) is Annotated:
        base, *limits = get_args(hint)
        return partial(_parse_limited, _parser(base), tuple(limits))
    if get_origin(hint) is Literal:
        return partial(_parse_choice, get_args(hint))
    return {str: _parse_text, bool: _parse_bool, int: _parse_int, float: _parse_float}[hint]


def _parse_text(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


def _parse_bool(text: str) -> bool:
    return _parse_choice(("true", "false"), text.lower()) == "true"


def _parse_choice(choices: tuple[str, ...], text: str) -> str:
    if text not in choices:
        raise ValueError(f"{text!r} is none of {', '.join(choices)}{did_you_mean(text, choices)}")
    return text


def _parse_int(text: str) -> int:
    value = _parse_float(text)
    if value != int(value):
        raise ValueError(f"{text!r} is not a whole number")
    return int(value)


def _parse_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number; write it {_plainly(text)}") from None
    if not isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def _plainly(text: str) -> str:
    """Form of a number that people write with a sign or a comma; else an example.

    >>> _plainly("$1,234.50"), _plainly("12 %"), _plainly("80GB")
    ('as 1234.50', 'as 0.12', 'without unit, e.g. 80e9')
    """
    match = fullmatch(r"\$? ?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?) ?(%?)", text)
    if match is None:
        return "without unit, e.g. 80e9"
    plain = match[1].replace(",", "")
    return f"as {Decimal(plain) / 100}" if match[2] else f"as {plain}"


def _parse_limited(parse: Callable[[str], Any], limits: tuple[object, ...], text: str) -> object:
    value = parse(text)
    for limit in limits:
        if isinstance(limit, Gt) and not value > limit.gt:
            raise ValueError(f"{text} must be greater than {limit.gt}")
        if isinstance(limit, Ge) and not value >= limit.ge:
            raise ValueError(f"{text} must be at least {limit.ge}")
        if isinstance(limit, InLowerCase):
            value = value.lower()
        if isinstance(limit, Matching) and not fullmatch(limit.pattern, value):
            raise ValueError(f"{text!r} is not understood; write {limit.example}")
    return value
