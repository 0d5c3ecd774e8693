"""Adapters of schema classes: the one place that builds them, so that pydantic can read `ByKind`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache, partial
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from simcost.units import ByKind

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def adapter(cls: type[T]) -> TypeAdapter[T]:
    """The reader of a schema class; built once."""
    return _built(cls)  # type: ignore[arg-type]  # every class hashes


@cache
def _built(cls: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


def _check(_: ByKind, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:  # noqa: ARG001  # pydantic's call
    """A check that builds the schema of a member when a file first names its kind: most files name few."""
    members = {
        next(field.default for field in fields(member) if field.name == "kind"): member
        for member in get_args(source)
        if member is not NoneType
    }
    function = {"type": "no-info", "function": partial(_member, members)}
    check = {"type": "function-plain", "function": function}
    return {"type": "nullable", "schema": check} if NoneType in get_args(source) else check


def _member(members: Mapping[Any, type], value: object) -> object:
    """The object that a mapping stands for, by its kind; errors are those of the member, at their places in it."""
    from pydantic_core import PydanticCustomError, PydanticKnownError

    if not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in members:
        raise PydanticCustomError("union_tag_invalid", "no such kind")
    return adapter(members[kind]).validate_json(json.dumps(value), strict=True)


ByKind.__get_pydantic_core_schema__ = _check  # type: ignore[attr-defined]  # units knows nothing of pydantic
