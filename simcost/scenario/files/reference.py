"""The reference page of the scenario file, generated from the schema classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, is_dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from simcost.scenario.files.conform import by_name, classes, hints, kinds, leaves
from simcost.scenario.files.json_schema import SchemaSection, defaults, meanings, parts, summary
from simcost.units import Unit

_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", NoneType: "null", Any: "value"}
_HEAD = """# The scenario file

Generated from the classes that read it; do not edit. `simcost schema plans.scaling` explains one key in the terminal,
`simcost schema` prints all as JSON Schema.

A scenario is YAML 1.2 (`on` and `08:30` are text, `1e3` is a number) in one file of at most 16 MiB. Keys that are
not listed here are faults, and so are keys that appear twice. A quantity is a number in the unit of the column
*unit*, or a text with a unit. All faults of a file are reported together: `file:line:column: path: what is wrong`.

Short forms:

- `defaults:` at the top holds fields that all plans share, and is merged into each plan key by key. A plan's own
  value wins; a mapping of another `kind` replaces the shared one as a whole.
- Where a `kind` is all there is to say, the kind alone will do: `router: round-robin`.
- Where a list of mappings is expected, a single mapping stands for a list of one: `workload: {kind: trace, ...}`.
- `replica: {from: coefficients.yaml}` takes what `simcost calibrate` wrote; fields next to `from` take precedence.
- `replica: {latency_table: table.csv}` takes the time of a batch from a CSV file of `batch_size,seconds`.
- `replica: {image_table: table.csv}` takes the times of images from a CSV file of `size,steps,seconds`.
- `services:` at the top, in place of `workload` and `slo`, lists several models with their requests and targets; each
  plan then says under `services: {NAME: {replica: ..., scaling: ..., buy: ...}}` how it serves each. What the plan says
  itself holds for all of them, and is merged like `defaults:`, key by key.
- Anchors and aliases (`&name`, `*name`) may be used; tags may not.

Where a meaning says *None = ...*, that holds for a field that is left out.
"""


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field: what it may hold and what it means, in words."""

    field: str
    type: str
    unit: str
    default: str
    """`required`, or what holds where it is left out; empty = nothing."""
    meaning: str


def reference_markdown() -> str:
    """The page: one table of fields for each kind of mapping, where it may stand first."""
    return "\n".join([_HEAD, *map(_section, homes().values())])


@cache
def homes() -> dict[type, SchemaSection]:
    """First place of each class: what several places may have is described once."""
    homes: dict[type, SchemaSection] = {}
    for part in parts():
        homes.setdefault(part.cls, part)
    return homes


def title(part: SchemaSection) -> str:
    """`plans[].scaling, kind: fixed`."""
    return (part.path or "Top of the file") + (f", kind: {part.kind}" if part.kind else "")


def _section(part: SchemaSection) -> str:
    rows = field_rows(part.cls, _link)
    if not rows:
        return f"## {title(part)}\n\n{summary(part.cls)}\n"
    head = "| field | type | unit | default | meaning |\n|---|---|---|---|---|"
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(row)) + " |" for row in rows]
    return "\n".join([f"## {title(part)}\n\n{summary(part.cls)}\n", head, *lines, ""])


def _cells(row: FieldRow) -> tuple[str, ...]:
    return astuple(replace(row, default={"required": "**required**", "": "-"}.get(row.default, row.default)))


def field_rows(cls: type, link: Callable[[str, str], str]) -> list[FieldRow]:
    """The fields of a class in their order; `link` gets the title of the section of a part, and the word for it."""
    texts, standard = meanings(cls), defaults(cls)
    return [
        FieldRow(f"`{name}`", _type(hint, link), _unit(hint), _default(standard, name, hint), texts.get(name, ""))
        for name, hint in hints(cls).items()
        if name != "kind" or len(get_args(hint)) > 1
    ]


def _type(hint: Any, link: Callable[[str, str], str]) -> str:
    """Type of a value, with links to the sections of its parts."""
    listed = [get_args(leaf)[0] for leaf in leaves(hint) if get_origin(leaf) is tuple]
    if listed and classes(listed[0]):
        return f"list of {_links(listed[0], link)}"
    if classes(value := by_name(hint)):
        return f"mapping from text to {_links(value, link)}"
    return _links(hint, link) if classes(hint) else _words(hint)


def _links(hint: Any, link: Callable[[str, str], str]) -> str:
    named = kinds(hint)
    if not named:
        return link(title(homes()[classes(hint)[0]]), "mapping")
    return "one of " + ", ".join(link(title(homes()[cls]), name) for name, cls in named.items())


def _link(heading: str, shown: str) -> str:
    slug = re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")
    return f"[{shown}](#{slug})"


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return "quantity" if any(isinstance(more, Unit) for more in arguments) else _words(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_words(member) for member in arguments if member is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is tuple:
        items = _words(arguments[0])
        return f"list of {items}" if items.endswith("s") else f"list of {items}s"
    if origin is Mapping:
        return "mapping" if arguments[1] is Any else f"mapping from {_words(arguments[0])} to {_words(arguments[1])}"
    return "mapping" if is_dataclass(hint) else _WORDS[hint]


def _unit(hint: Any) -> str:
    """The unit anywhere within a type."""
    for part in get_args(hint):
        if isinstance(part, Unit):
            return f"{part.name} (`{part.example.replace(' or ', '`, `')}`)"
        if found := _unit(part):
            return found
    return ""


def _default(standard: Mapping[str, Any], name: str, hint: Any) -> str:
    if name not in standard:
        return "required"
    value = standard[name]
    if kinds(hint) and hasattr(value, "kind"):
        return f"`{value.kind}`"
    if value is None or value in ("", ()) or isinstance(value, dict) or is_dataclass(value):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
