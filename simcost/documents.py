"""Results to documents: a tree of frozen dataclasses becomes what JSON can hold."""

from collections.abc import Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from functools import cache
from math import isfinite
from typing import Any

from simcost.catalog.dates import old_prices

FindingDocument = Mapping[str, Any]
"""Finding of a reader in a file: `kind`, `message`, and where."""
_OPTIONAL = "optional key"


def optional_key() -> Any:
    """Declare a field whose key is left out of the document while it is None."""
    return field(default=None, metadata={_OPTIONAL: True})


def to_document(result: object) -> dict[str, Any]:
    """Return the JSON object of a result.

    Keys are the names of the fields, in their order. None is null, but a field of `optional_key()` is left out while it
    is None. Tuples and arrays become lists, NumPy scalars Python numbers. A mapping keeps its keys. A verdict that
    rests on old prices says so (`simcost.catalog.dates.old_prices`); the result itself does not change with the day.

    Raises:
        ValueError: a number that is not finite; with its path.
        TypeError: a value that JSON cannot hold; with its path.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, slots=True, kw_only=True)
    ... class Wait:
    ...     mean_s: float | None
    ...     levels: tuple[float, ...]
    ...     pool: str | None = optional_key()
    >>> to_document(Wait(mean_s=None, levels=(0.5, 0.9)))
    {'mean_s': None, 'levels': [0.5, 0.9]}
    """
    document: dict[str, Any] = _plain(result, "result")
    if document.get("verdict") and (old := old_prices(_prices_of(document))) and old not in document["verdict"]:
        document["verdict"] = f"{document['verdict']} {old}"
    return document


def _prices_of(part: object) -> Iterator[Mapping[str, Any]]:
    """The prices on which a verdict rests: the rows of each `prices` of a document, at any depth."""
    if isinstance(part, list):
        for each in part:
            yield from _prices_of(each)
    elif isinstance(part, Mapping):
        for name, value in part.items():
            if name == "prices" and isinstance(value, list):
                yield from (row for row in value if isinstance(row, Mapping) and "as_of" in row)
            else:
                yield from _prices_of(value)


def values(result: object) -> dict[str, Any]:
    """Return the fields of a result by name, to build a result that has more of them."""
    of: Any = result
    return {key.name: getattr(of, key.name) for key in fields(of)}


def _plain(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"{path} is {value}, which JSON cannot hold")
        return float(value)
    if isinstance(value, Mapping):
        return {key: _plain(part, f"{path}.{key}") for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part, f"{path}[{i}]") for i, part in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        known = ((name, getattr(value, name), optional) for name, optional in _keys(type(value)))
        return {
            name: _plain(part, f"{path}.{name}") for name, part, optional in known if not (optional and part is None)
        }
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), path)
    raise TypeError(f"{path} is a {type(value).__name__}, which JSON cannot hold")


@cache
def _keys(of: Any) -> tuple[tuple[str, bool], ...]:
    """Names of the fields, and whether each is an optional key."""
    return tuple((key.name, _OPTIONAL in key.metadata) for key in fields(of))
