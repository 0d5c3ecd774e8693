"""Help on one key of the scenario file: what it means, what it may hold, and the keys in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from simcost.errors import InputError, did_you_mean
from simcost.scenario.files.conform import by_name, classes, hints, item, kinds, leaves
from simcost.scenario.files.json_schema import SchemaSection, defaults, meanings, parts, summary
from simcost.units import Unit

_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", NoneType: "null", Any: "value"}


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field: what it may hold and what it means, in words."""

    field: str
    type: str
    unit: str
    default: str
    """`required`, or what holds where it is left out; empty = nothing."""
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """A mapping of the file, with the keys that are asked for.

    Attributes:
        place: where it stands, and its kind where it may be of several: `plans[].scaling, kind: fixed`.
        meaning: in a sentence; empty where one key of it is asked for.
        keys: all of it, or that one.
    """

    place: str
    meaning: str
    keys: Sequence[FieldRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHelp:
    """Help on one key.

    Attributes:
        verdict: its meaning, or at how many places it is.
        places: the mappings that may stand there, and others that have such a key; each described once.
    """

    verdict: str
    places: Sequence[KeyPlace]


def help_on(key: str) -> KeyHelp:
    """Help on a path (`plans.scaling`, `plans[0].scaling.replicas`), its end (`scaling`), or a kind (`hpa`).

    Raises:
        InputError: no key of the file is called so.
    """
    words = _words(key)
    *before, last = words or [""]
    inside = [*(_sections(words) if words else ()), *(part for part in _sections(before) if part.kind == last)]
    holders = [(part, place) for part in _sections(before) if (place := _place(part, last)).keys]
    leading = [place for part, place in holders if {one.cls for one in inside} & {*_members(part.cls, last)}]
    places = [*map(_place, inside), *(place for _, place in holders if place not in leading)]
    if not places:
        near = did_you_mean(last, sorted(_known()))
        raise InputError(f"no key {key!r} in scenario files{near}; simcost schema plans shows those of a plan")
    if leading:
        meaning = leading[0].keys[0].meaning
    elif len(places) == 1:
        meaning = places[0].meaning or places[0].keys[0].meaning
    else:
        meaning = f"in {len(places)} places."
    return KeyHelp(verdict=f"{key}: {meaning}", places=places)


def _words(key: str) -> list[str]:
    """The names in a path, without places in lists; what plans share, and their services, have the keys of a plan."""
    words = [word for word in re.sub(r"\[\w*\]", "", key).split(".") if word and not word.isdecimal()]
    if words[:1] == ["defaults"]:
        words[0] = "plans"
    if words[:2] == ["plans", "services"]:
        del words[1:3]
    return [word for word in words if word != "NAME"]


@cache
def _all() -> list[tuple[list[str], SchemaSection]]:
    """The mappings of a file with the words of their paths."""
    return [(_words(part.path), part) for part in parts()]


def _sections(words: list[str]) -> list[SchemaSection]:
    """The mappings with this path, else those whose path ends with it, each class once; all for no words."""
    found = [part for path, part in _all() if path == words] if words else []
    found = found or [part for path, part in _all() if path[len(path) - len(words) :] == words]
    firsts: dict[type, SchemaSection] = {}
    for part in found:
        firsts.setdefault(part.cls, part)
    return list(firsts.values())


def _place(part: SchemaSection, key: str | None = None) -> KeyPlace:
    """A mapping with all its keys, or one of them."""
    if key is not None:
        return KeyPlace(place=title(part), meaning="", keys=[row for row in _keys(part.cls) if row.field == key])
    return KeyPlace(place=title(part), meaning=summary(part.cls).replace("`", ""), keys=_keys(part.cls))


def _members(cls: type, key: str) -> tuple[type, ...]:
    """The mappings that may stand under a key."""
    hint = hints(cls)[key]
    return classes(item(hint) or by_name(hint) or hint)


@cache
def _keys(cls: type) -> list[FieldRow]:
    """The keys of a mapping, in plain text."""
    return [
        FieldRow(*(text.replace("`", "") for text in astuple(row))) for row in field_rows(cls, lambda _, word: word)
    ]


def _known() -> set[str]:
    """All names of keys, places and kinds."""
    found: set[str] = set()
    for path, part in _all():
        found |= {*path, part.kind or "", *(row.field for row in _keys(part.cls))}
    return found - {""}


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


def field_rows(cls: type, link: Callable[[str, str], str]) -> list[FieldRow]:
    """The fields of a class in their order; `link` gets the path of a part, and the words for it."""
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
    return _links(hint, link) if classes(hint) else _type_words(hint)


def _links(hint: Any, link: Callable[[str, str], str]) -> str:
    named = kinds(hint)
    if not named:
        return link(homes()[classes(hint)[0]].path, "mapping")
    return link(homes()[next(iter(named.values()))].path, "one of " + ", ".join(named))


def _type_words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return "quantity" if any(isinstance(more, Unit) for more in arguments) else _type_words(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_type_words(member) for member in arguments if member is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is tuple:
        items = _type_words(arguments[0])
        return f"list of {items}" if items.endswith("s") else f"list of {items}s"
    if origin is Mapping:
        return (
            "mapping"
            if arguments[1] is Any
            else f"mapping from {_type_words(arguments[0])} to {_type_words(arguments[1])}"
        )
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
    if value is None or isinstance(value, dict | tuple) or value == "" or is_dataclass(value):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
