"""What a scenario file may say, field by field, read from the schema classes and their docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from typing import Any

from simcost.scenario.files.conform import classes, hints, item, kind, kinds
from simcost.scenario.schema.scenario import Plan, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A mapping of the file and the class that it stands for."""

    path: str
    """Where it stands: `plans[].scaling`."""
    kind: str | None
    """Where the place takes one of several kinds: which."""
    cls: type


def parts(cls: type = Scenario, path: str = "", of_kind: str | None = None) -> Iterator[Part]:
    """The class and all within it, in the order of the file."""
    yield Part(path=path, kind=of_kind, cls=cls)
    for name, hint in hints(cls).items():
        one = item(hint)
        inner = f"{path}.{name}".lstrip(".") + ("[]" if one is not None else "")
        named = kinds(one or hint)
        for member in classes(one or hint):
            yield from parts(member, inner, kind(member) if named else None)


@cache
def meanings(cls: type) -> dict[str, str]:
    """The text under each field of a class, those that it inherits included."""
    found: dict[str, str] = {}
    for base in filter(is_dataclass, cls.__bases__):
        found |= meanings(base)
    body = ast.parse(dedent(getsource(cls))).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, after in pairwise(statements):
        text = after.value if isinstance(after, ast.Expr) else None
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(text, ast.Constant)
            and isinstance(text.value, str)
        ):
            found[ast.unparse(field.target)] = " ".join(cleandoc(text.value).split())
    return found


def summary(cls: type) -> str:
    """The docstring of a class on one line."""
    return " ".join(cleandoc(cls.__doc__ or "").split())


def defaults(cls: type) -> dict[str, Any]:
    """Field to default, for the fields that have one."""
    plain = {field.name: field.default for field in fields(cls) if field.default is not MISSING}
    made = {
        field.name: field.default_factory() for field in fields(cls) if field.default_factory is not MISSING
    }
    return plain | made


@cache
def spread_classes() -> frozenset[type]:
    """The classes of which a file may write a part under `defaults` and the rest in a plan."""
    return frozenset(part.cls for part in parts(Plan))
