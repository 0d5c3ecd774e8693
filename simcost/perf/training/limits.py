"""The bounds that stand in the annotations of a dataclass, checked where it is made."""

from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from math import isfinite
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

from simcost.errors import InputError


def check_limits(made: Any) -> None:
    """Raises InputError naming the field, its value and what it must be."""
    for name, (choices, limits) in _limits(type(made)).items():  # type: ignore[arg-type]
        value = getattr(made, name)
        if value is None:
            continue
        if choices and value not in choices:
            raise InputError(f"{name} is {value!r}; it must be one of {', '.join(map(str, choices))}")
        if limits and not isfinite(value):
            raise InputError(f"{name} is {value!r}; it must be a finite number")
        for limit in limits:
            if words := _broken(value, limit):
                raise InputError(f"{name} is {value!r}; it must be {words}")


@cache
def _limits(kind: type) -> dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]]:
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for field in fields(kind):
        parts = list(_parts(hints[field.name]))
        choices = tuple(choice for part in parts if get_origin(part) is Literal for choice in get_args(part))
        limits = tuple(
            limit for part in parts if get_origin(part) is Annotated for limit in get_args(part)[1:]
        )
        if choices or limits:
            found[field.name] = choices, limits
    return found


def _parts(hint: Any) -> Iterator[Any]:
    """The members of a union, or the hint itself."""
    if get_origin(hint) in (Literal, Annotated) or not get_args(hint):
        yield hint
    else:
        yield from get_args(hint)


def _broken(value: float, limit: object) -> str:
    if isinstance(limit, Gt) and not value > limit.gt:  # type: ignore[operator]
        return f"more than {limit.gt}"
    if isinstance(limit, Ge) and not value >= limit.ge:  # type: ignore[operator]
        return f"{limit.ge} or more"
    if isinstance(limit, Le) and not value <= limit.le:  # type: ignore[operator]
        return f"{limit.le} or less"
    return ""
