"""Values that callers pass: those of NumPy, pandas and pathlib as plain ones, whole numbers checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from math import inf
from numbers import Integral
from pathlib import PurePath
from typing import Any, overload

from simcost.errors import InputError, did_you_mean
from simcost.execution.options import EngineName, EngineOptions
from simcost.units import USD, parse_seconds

Progress = Callable[[float, str], None]
_FROM_0 = ("seed", "front")
_NUMBERS = "biufU"
"""Kinds of NumPy types whose values Python has as well."""


def plain(value: Any) -> Any:
    """The value as YAML and JSON have it; what they have no form for stays as it is.

    >>> from datetime import timedelta
    >>> from pathlib import Path
    >>> plain({"horizon": timedelta(minutes=20), "path": Path("a.parquet"), "plans": ({"name": "one"},)})
    {'horizon': 1200.0, 'path': 'a.parquet', 'plans': [{'name': 'one'}]}
    """
    if isinstance(value, Mapping):
        return {plain(key): plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [plain(child) for child in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M") and not getattr(value, "shape", (0,)):
        value = value[()]  # an array without dimensions holds one value
        return float(value / type(value)(1, "s")) if value.dtype.kind == "m" else str(value)
    if getattr(getattr(value, "dtype", None), "kind", "") in tuple(_NUMBERS) and hasattr(value, "tolist"):
        return value.tolist()
    return value


def whole_numbers(**counts: Any) -> dict[str, Any]:
    """The numbers as `int`. Raises InputError for what is not a whole number, or below its least; None is not said.

    >>> whole_numbers(seeds=3, seed=0, limit=None)
    {'seeds': 3, 'seed': 0, 'limit': None}
    >>> whole_numbers(seeds=0)
    Traceback (most recent call last):
    ...
    simcost.errors.InputError: seeds: 0 is not a whole number from 1 up
    """
    for name, count in counts.items():
        least = 0 if name in _FROM_0 else 1
        if count is None or (not isinstance(count, bool) and isinstance(count, Integral) and int(count) >= least):
            continue
        raise InputError(f"{name}: {count!r} is not a whole number from {least} up")
    return {name: None if count is None else int(count) for name, count in counts.items()}


def duration(name: str, value: Any) -> float | None:
    """Seconds of a duration such as `"10min"`, a number of seconds or a time delta; None stays.

    >>> duration("time_limit", "10min")
    600.0

    Raises:
        InputError: it is not one, or not above 0.
    """
    if value is None:
        return None
    seconds = plain(value)
    try:
        seconds = parse_seconds(seconds) if isinstance(seconds, str) else seconds
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < inf:
        raise InputError(f'{name}: {value!r} is not a duration above 0; write e.g. "10min", or seconds')
    return float(seconds)


@overload
def number(name: str, value: None, *, from_0: bool = False) -> None: ...
@overload
def number(name: str, value: float, *, from_0: bool = False) -> float: ...
def number(name: str, value: Any, *, from_0: bool = False) -> float | None:
    """A finite number above 0, or from 0 up; None stays. Raises InputError for what is none."""
    found = plain(value)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < inf or not (found or from_0):
        raise InputError(f"{name}: {value!r} is not a number {'from 0 up' if from_0 else 'above 0'}")
    return float(found)


def usd(name: str, value: Any) -> float | None:
    """USD, as a number or as plans write them; None stays. Raises InputError for what is not an amount from 0 up.

    >>> usd("budget", "$2,500"), usd("budget", 2500)
    (2500.0, 2500.0)
    """
    try:
        amount: Any = USD.parse(plain(value))
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
    return None if amount is None else number(name, amount, from_0=True)


@overload
def text(name: str, value: None) -> None: ...
@overload
def text(name: str, value: str) -> str: ...
def text(name: str, value: Any) -> str | None:
    """The text; None stays. Raises InputError for what is none."""
    if value is not None and not isinstance(value, str):
        raise InputError(f"{name}: {value!r} is not a text")
    return value


def words(name: str, given: Any) -> tuple[str, ...]:
    """Names; one may stand alone, None is none. Raises InputError for what is none."""
    found = _listed([given] if isinstance(given, str) else () if given is None else given)
    if found is None or not all(isinstance(one, str) for one in found):
        raise InputError(f"{name}: {given!r} are not names")
    return tuple(map(str, found))


def _listed(given: Any) -> list[Any] | None:
    """Items of a list, a set, a column of a data frame or the like; None of a text, a mapping, and of what has none."""
    found = plain(given)
    has_items = isinstance(found, Iterable) and not isinstance(found, str | Mapping)
    return [plain(item) for item in found] if has_items else None


def numbers_of(name: str, given: Any) -> dict[str, Any]:
    """Numbers by name. Raises InputError for what is not a mapping; the numbers are checked where they are used."""
    if not isinstance(given, Mapping):
        raise InputError(f"{name}: {given!r} is not a mapping of names to numbers")
    return {str(key): plain(value) for key, value in given.items()}


def pairs_of(name: str, given: Any) -> tuple[tuple[str, str], ...]:
    """Pairs of names. Raises InputError for what is none."""
    found = _listed(given)
    if found is None or not all(isinstance(pair, list) and len(pair) == 2 for pair in found):
        raise InputError(f'{name}: {given!r} are not pairs of paths, as [("demand", "engine")]')
    return tuple((str(one), str(other)) for one, other in found)


def progress_of(progress: Progress | None) -> Progress:
    """The function that shows progress, one that shows nothing for None. Raises InputError for what is none."""
    if progress is None:
        return _silent
    if not callable(progress):
        raise InputError(f"progress: {progress!r} is not a function of the share done and of what is done")
    return progress


def _silent(_share: float, _what: str) -> None:
    """Progress that is not shown."""


def check_choice(name: str, value: Any, known: Sequence[str]) -> None:
    """Raise InputError for a value that is none of those known; None is not said."""
    if value is not None and value not in known:
        near = did_you_mean(value, known) if isinstance(value, str) else ""
        raise InputError(f"{name}: {value!r} is not known; one of {', '.join(known)}{near}")


def engine_options(name: EngineName, address: str | None, time_limit: str | float | None) -> EngineOptions:
    """The engine that executes simulations. Raises InputError for what is none, or an address without a cluster."""
    return EngineOptions(name=name, address=address, time_limit_s=duration("time_limit", time_limit))


def ranges(vary: Mapping[str, tuple[float, float]]) -> Iterator[tuple[str, float, float]]:
    """Paths with their ranges. Raises InputError for a range that is not two numbers."""
    if not isinstance(vary, Mapping):
        raise InputError(f"vary: {vary!r} is not a mapping of paths to ranges, as {{'demand': (0.8, 1.5)}}")
    for path, ends in vary.items():
        pair = plain(ends)
        if not isinstance(pair, list) or [type(end) in (int, float) for end in pair] != [True, True]:
            raise InputError(f"vary {path}: {ends!r} is not a range; write its two ends, as (0.8, 1.5)")
        yield str(path), float(pair[0]), float(pair[1])


def names_of(name: str, value: Any) -> dict[str, str]:
    """Names by names, as of columns; of another library as text. Raises InputError for what is not a mapping."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f'{name}: {value!r} is not a mapping of names, as {{"value": "requests"}}')
    return {str(key): str(child) for key, child in value.items()}
