"""Completion of a scenario's text: the keys and values that the schema allows at the place of a cursor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from simcost.catalog import Catalog
from simcost.record import record
from simcost.scenario.files.json_schema import Schema, json_schema
from simcost.scenario.files.nodes import Keys, YamlNode
from simcost.scenario.files.yaml import parse, scalar

MOST = 100
"""Suggestions at one place."""
_HERE = "\ue000"  # stands at the cursor; of no meaning in Unicode
_BEFORE = re.compile(r"[A-Za-z0-9_][\w./+-]*\Z", re.ASCII)
_AFTER = re.compile(r"[\w./+-]*", re.ASCII)
_VALUE = re.compile(r":\s+[\"']?$")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|(?:^|\s)#.*")
_CLOSING = {"{": "}", "[": "]"}
Names = Mapping[str, Mapping[str, str]]
"""By key, such as `offer`: names that the catalog knows, each with its meaning."""


@record
class Suggestion:
    """A key or a value that may be written at a place."""

    text: str
    """As it is written: a key with its colon."""
    meaning: str


@record
class Completion:
    """All that may be written in the place of the word at the cursor."""

    before: int = 0
    """Characters of the word before the cursor."""
    after: int = 0
    """Characters of the word after it."""
    suggestions: tuple[Suggestion, ...] = ()


@cache
def _schema() -> Schema:
    return json_schema()


def catalog_names(catalog: Catalog) -> Names:
    """Names of models, accelerators and offers, each with what tells it from others."""
    facts = catalog.facts
    offers: dict[str, str] = {}
    for one in facts.offers:
        held = f"{one.accelerators} x {one.accelerator}, " if one.accelerator else ""
        offers.setdefault(one.name, f"{held}${one.on_demand_usd_per_h:g}/h in {one.region}")
    return {
        "model": {one.name: f"{one.parameters / 1e9:.3g} billion parameters" for one in facts.models},
        "accelerator": {one.name: f"{one.vendor}, {one.memory_bytes / 1e9:.3g} GB" for one in facts.accelerators},
        "offer": offers,
    }


def complete(before: str, after: str, names: Names) -> Completion:
    """Keys and values for the word at a cursor; those that begin with it first, then those that contain it.

    Nothing is suggested in a comment, within a text of several words, or where the YAML cannot be read.

    Args:
        before: the text in front of the cursor.
        after: the text behind it.
        names: of the catalog, by the key that takes them.
    """
    found = _BEFORE.search(before)
    word = found.group() if found else ""
    rest = _AFTER.match(after)
    tail = rest.group() if rest else ""
    head, end = before[: len(before) - len(word)], after[len(tail) :]
    suggestions: list[Suggestion] = []
    if _HERE not in before and _HERE not in after:
        if not _VALUE.search(head.rpartition("\n")[2]):
            suggestions = _keys(head, end)
        if not end.startswith(":"):
            suggestions += _values(head, end, names, is_empty=not word + tail)
    return Completion(before=len(word), after=len(tail), suggestions=tuple(_matching(suggestions, word)))


def _matching(suggestions: Sequence[Suggestion], word: str) -> list[Suggestion]:
    """Those that begin with a word, then those that contain it; each text once."""
    small = word.lower()
    texts = {one.text: one for one in reversed(suggestions) if small in one.text.lower()}
    ordered = [texts[text] for text in dict.fromkeys(one.text for one in suggestions) if text in texts]
    rank = {text: (text.lower() != small, not text.lower().startswith(small)) for text in texts}
    return sorted(ordered, key=lambda one: rank[one.text])[:MOST]


def _keys(head: str, end: str) -> list[Suggestion]:
    """Keys of the mapping at the cursor that it does not have; first `kind`, then those that it needs."""
    colon = end.startswith(":")
    root, place = _read(head, end, "" if colon else ": 0")
    if root is None or place is None or not place or place[-1] != _HERE:
        return []
    around, objects = _at(root, place[:-1])
    has = set(around.value) if isinstance(around.value, dict) else set()
    found: dict[str, tuple[int, Schema]] = {}
    for one in objects:
        needed = one.get("required", ())
        for key, value in _properties(one).items():
            if key not in has:
                rank = 0 if key == "kind" else 1 if key in needed else 2
                found[key] = min(found.get(key, (3, value)), (rank, value), key=lambda pair: pair[0])
    ordered = sorted(found.items(), key=lambda pair: pair[1][0])
    return [Suggestion(text=key if colon else f"{key}: ", meaning=_meaning(value)) for key, (_, value) in ordered]


def _values(head: str, end: str, names: Names, *, is_empty: bool) -> list[Suggestion]:
    """Values of a closed set, numbers that hold where none is written, and names of the catalog."""
    root, place = _read(head, end, "")
    if root is None or place is None or place[-1:] == (_HERE,):
        return []
    key = next((str(one) for one in reversed(place) if isinstance(one, str)), "")
    _, schemas = _at(root, place)
    quoted = head[-1:] in ("'", '"')
    found: dict[str, str] = {}
    for one in schemas:
        allowed = [*one.get("enum", ()), *([one["const"]] if "const" in one else ())]
        allowed += [True, False] if one.get("type") == "boolean" else []
        found |= {_written(value, quoted): _meaning(one) for value in allowed}
        default = one.get("default") if is_empty else None
        if isinstance(default, int | float) and not isinstance(default, bool):
            found.setdefault(_written(default, quoted), "As where nothing is written")
        if one.get("type") == "string":
            found |= {name: meaning for name, meaning in names.get(key, {}).items() if scalar(name) == name}
    return [Suggestion(text=text, meaning=meaning) for text, meaning in found.items()]


def _written(value: Any, quoted: bool) -> str:
    """A value of the schema as YAML."""
    if isinstance(value, str) and (quoted or scalar(value) == value):
        return value
    return json.dumps(value)


def _meaning(schema: Schema) -> str:
    return str(schema.get("description", "")).replace("`", "")


def _read(head: str, end: str, value: str) -> tuple[YamlNode | None, Keys | None]:
    """The text with a mark at the cursor, and the path that leads to the mark; brackets that are open may be closed."""
    line = _QUOTED.sub("", head.rpartition("\n")[2])
    opened: list[str] = []
    for character in line:
        if character in _CLOSING:
            opened.append(_CLOSING[character])
        elif opened and character == opened[-1]:
            opened.pop()
    for closing in dict.fromkeys(("", "".join(reversed(opened)))):
        root, _ = parse(f"{head}{_HERE}{value}{closing}{end}", "text")
        if root is not None:
            return root, _marked(root)
    return None, None


def _marked(root: YamlNode) -> Keys | None:
    """The path to the key or the value that is the mark."""
    waiting: list[tuple[YamlNode, Keys]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        if node.value == _HERE:
            return path
        if isinstance(node.value, dict):
            if _HERE in node.value:
                return (*path, _HERE)
            waiting += [(child, (*path, key)) for key, child in node.value.items()]
        elif isinstance(node.value, list):
            waiting += [(child, (*path, index)) for index, child in enumerate(node.value)]
    return None


def _at(root: YamlNode, path: Keys) -> tuple[YamlNode, list[Schema]]:
    """The node at a path, and the schemas that it may follow; of a mapping those that fit what it holds."""
    node, schemas = root, _fitting(root, list(_alternatives(_schema())), _kind(root, ()))
    for depth, key in enumerate(path, 1):
        inner = [found for one in schemas for found in _inner(one, key)]
        child = node.get(key)
        if child is None:
            return node, []
        node, schemas = child, _fitting(child, inner, _kind(root, path[:depth]))
    return node, schemas


def _inner(schema: Schema, key: str | int) -> Iterator[Schema]:
    """The schemas of a member of a mapping or a list."""
    if isinstance(key, int):
        found = schema.get("items")
    else:
        found = _properties(schema).get(key, schema.get("additionalProperties"))
    if isinstance(found, dict):
        yield from _alternatives(found)


def _properties(schema: Schema) -> Mapping[str, Schema]:
    """The keys that a mapping may have, as far as the schema names them."""
    named = schema.get("propertyNames", {}).get("enum", ())
    inner: Schema = schema.get("additionalProperties", {})
    found: dict[str, Schema] = schema.get("properties") or dict.fromkeys(named, inner)
    return found


def _fitting(node: YamlNode, schemas: Sequence[Schema], kind: object) -> list[Schema]:
    """Of the schemas of a mapping, those of its kind that know all its keys, where there are such."""
    if not isinstance(node.value, dict):
        return list(schemas)
    keys = node.value.keys() - {_HERE}
    mappings = [one for one in schemas if _is_mapping(one)]
    known = [one for one in mappings if keys <= _all_keys(one, keys)] or mappings
    return [one for one in known if kind in (None, _HERE) or _is_of_kind(one, kind)] or known


def _is_of_kind(schema: Schema, kind: object) -> bool:
    """True if a mapping has a `kind`, and it may be this one."""
    own = _properties(schema).get("kind")
    return own is not None and own.get("const", kind) == kind


def _is_mapping(schema: Schema) -> bool:
    return "properties" in schema or "additionalProperties" in schema


def _all_keys(schema: Schema, keys: set[str]) -> set[str]:
    """The keys of a mapping; those given, where any is allowed."""
    is_open = schema.get("additionalProperties") is not False and "enum" not in schema.get("propertyNames", {})
    return keys if is_open else set(_properties(schema))


def _kind(root: YamlNode, path: Keys) -> object:
    """The `kind` of the mapping at a path; of a part of a plan, that of `defaults` where it says none."""
    own = _get(root, (*path, "kind"))
    shared = _get(root, ("defaults", *path[2:], "kind")) if path[:1] == ("plans",) and len(path) > 2 else None
    found = own or shared
    return found.value if found is not None else None


def _get(root: YamlNode, path: Keys) -> YamlNode | None:
    node: YamlNode | None = root
    for key in path:
        node = node.get(key) if node is not None else None
    return node


def _alternatives(schema: Schema, above: Schema | None = None) -> Iterator[Schema]:
    """The schemas without a choice in them; each has the description and the default of the choice it is of."""
    outer = {key: value for key, value in (above or {}).items() if key in ("description", "default")}
    if "$ref" in schema:
        target = _schema()["$defs"][schema["$ref"].rpartition("/")[2]]
        yield from _alternatives(target, outer | schema)
    elif "anyOf" in schema and "properties" not in schema:
        for one in schema["anyOf"]:
            yield from _alternatives(one, outer | schema)
    else:
        yield schema | outer
