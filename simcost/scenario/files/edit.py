"""Edits of a YAML text: one value changed at its place; all other lines and the comments stay."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any

import yaml

from simcost.errors import InputError
from simcost.scenario.files.conform import spread
from simcost.scenario.files.nodes import Plain
from simcost.scenario.files.yaml import parse, scalar

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = re.compile(r"[A-Za-z0-9_][\w ./%@+-]*")


def number_text(number: float) -> str:
    """A number as people write it: no more digits than it needs.

    >>> number_text(8.0), number_text(0.25)
    ('8', '0.25')
    """
    return f"{number:.12g}"


def put(text: str, path: str, value: Plain) -> str:
    """The text with another value at a path such as `plans.0.scaling.replicas`; None removes the key.

    A kind that is written alone, as `router: round-robin`, is replaced by another one; with a field it is a mapping.

    Raises:
        InputError: the path leads nowhere, or the value cannot be changed alone.
    """
    before = _plain(text, path)
    owner, _, key = path.rpartition(".")
    if owner and value is not None and isinstance(alone := value_at(text, owner), str):
        return put(text, owner, value if key == "kind" else {"kind": alone, key: value})
    keys = _keys(path)
    wanted = _with(before, keys, value, path)
    try:
        root = yaml.compose(text, Loader=_LOADER)
        edited = _removed(text, root, keys) if value is None else _put(text, root, keys, value)
    except yaml.YAMLError:
        edited = text
    if _read(edited) != wanted:
        raise InputError(f"{path}: cannot be changed alone; edit the text")
    return edited


def append(text: str, path: str, value: Plain) -> str:
    """The text with one item more at the end of the list at a path such as `plans`.

    Raises:
        InputError: the path leads to no list, or nothing can be added to it alone.
    """
    before = _plain(text, path)
    items = value_at(text, path)
    if not isinstance(items, list):
        raise InputError(f"{path}: the scenario has no list there")
    wanted = _with(before, _keys(path), [*items, value], path)
    try:
        node = yaml.compose(text, Loader=_LOADER)
        for key in _keys(path):
            node = _child(node, key)
        edited = _appended(text, node, value)
    except yaml.YAMLError:
        edited = text
    if _read(edited) != wanted:
        raise InputError(f"{path}: nothing can be added to it alone; edit the text")
    return edited


def value_at(text: str, path: str) -> Plain:
    """The value at a path; None where there is none, or the text cannot be read."""
    plain: Any = _read(text)
    for key in path.split("."):
        if isinstance(plain, dict):
            plain = plain.get(key)
        elif isinstance(plain, list) and key.isdecimal() and int(key) < len(plain):
            plain = plain[int(key)]
        else:
            return None
    return plain  # type: ignore[no-any-return]


def values(text: str) -> dict[str, Any]:
    """All values of a scenario's text, `defaults` merged into its plans; empty where it cannot be read."""
    root, faults = parse(text, "text")
    found = None if root is None or faults else spread(root, "text")[0].plain()
    return found if isinstance(found, dict) else {}


def _keys(path: str) -> list[str | int]:
    return [int(key) if key.isdecimal() else key for key in path.split(".")]


def _read(text: str) -> Any:
    root, faults = parse(text, "text")
    return None if root is None or faults else root.plain()


def _plain(text: str, path: str) -> Any:
    result = _read(text)
    if not isinstance(result, dict):
        raise InputError(f"{path}: the text is not a scenario yet; mend its faults first")
    return result


def _with(root: Any, keys: list[str | int], value: Plain, path: str) -> Any:
    """The values as they should be after the edit."""
    root = deepcopy(root)
    place, last = root, keys[-1]
    for key in keys[:-1]:
        if isinstance(place, dict):
            if place.get(str(key)) is None:
                if value is None:  # nothing to remove
                    return root
                place[str(key)] = {}
            place = place[str(key)]
        elif isinstance(place, list) and isinstance(key, int) and key < len(place):
            place = place[key]
        else:
            raise InputError(f"{path}: the scenario has nothing at {key!r}")
    if isinstance(place, list) and isinstance(last, int) and last < len(place) and value is not None:
        place[last] = value
    elif not isinstance(place, dict):
        raise InputError(f"{path}: the scenario has nothing at {last!r}")
    elif value is None:
        place.pop(str(last), None)
    else:
        place[str(last)] = value
    return root


def _put(text: str, node: Any, keys: list[str | int], value: Plain) -> str:
    """Replace the value, or insert the first key that is missing with all below it."""
    for i, key in enumerate(keys):
        if isinstance(node, yaml.ScalarNode):  # an empty value
            return _replaced(text, node, _nested(keys[i:], value))
        child = _child(node, key)
        if child is None:
            return _inserted(text, node, str(key), _nested(keys[i + 1 :], value))
        node = child
    return _replaced(text, node, value)


def _child(node: Any, key: str | int) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return node.value[key] if isinstance(key, int) else None
    return next((child for name, child in node.value if name.value == str(key)), None)


def _nested(keys: list[str | int], value: Plain) -> Plain:
    for key in reversed(keys):
        value = {str(key): value}
    return value


def _replaced(text: str, node: Any, value: Plain) -> str:
    start, end = node.start_mark.index, _end(node)
    space = " " if start == end and text[start - 1 : start] not in ("", " ") else ""
    tail = "\n" if text[:end].endswith("\n") and end > start else ""
    return f"{text[:start]}{space}{_written(value)}{tail}{text[end:]}"


def _inserted(text: str, node: Any, key: str, value: Plain) -> str:
    """The text with a key more: in a flow mapping after the last, in a block as a line after the last."""
    entry = f"{key}: {_written(value)}"
    if node.flow_style:
        if not node.value:
            return f"{text[: node.start_mark.index]}{{{entry}}}{text[node.end_mark.index :]}"
        last = _end(node.value[-1][1])
        return f"{text[:last]}, {entry}{text[last:]}"
    after = _line_end(text, _end(node.value[-1][1]))
    line = " " * node.value[0][0].start_mark.column + entry
    start = text[:after] if text[:after].endswith("\n") else f"{text[:after]}\n"
    return f"{start}{line}\n{text[after:]}"


def _appended(text: str, node: Any, value: Plain) -> str:
    """The text with an item more: in a flow list after the last, in a block as lines after those of the last."""
    if node.flow_style:
        last = _end(node.value[-1]) if node.value else node.start_mark.index + 1
        return f"{text[:last]}{', ' if node.value else ''}{_written(value)}{text[last:]}"
    after = _line_end(text, _end(node.value[-1]))
    dash = " " * node.start_mark.column + "- "
    lines = [f"{key}: {_written(child)}" for key, child in value.items()] if isinstance(value, dict) else []
    item = f"\n{' ' * len(dash)}".join(lines or [_written(value)])
    start = text[:after] if text[:after].endswith("\n") else f"{text[:after]}\n"
    return f"{start}{dash}{item}\n{text[after:]}"


def _removed(text: str, root: Any, keys: list[str | int]) -> str:
    node = root
    for key in keys[:-1]:
        node = _child(node, key)
        if not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
            return text
    index = next((i for i, (name, _) in enumerate(node.value) if name.value == str(keys[-1])), None)
    if index is None:
        return text
    name, value = node.value[index]
    if node.flow_style and index:
        return text[: _end(node.value[index - 1][1])] + text[_end(value) :]
    if index + 1 < len(node.value) and (node.flow_style or not index):
        return text[: name.start_mark.index] + text[node.value[index + 1][0].start_mark.index :]
    if node.flow_style:
        return text[: name.start_mark.index] + text[_end(value) :]
    begin = text.rfind("\n", 0, name.start_mark.index) + 1
    return text[:begin] + text[_line_end(text, _end(value)) :]


def _end(node: Any) -> int:
    """End of the last thing written in a value; the marks of a block also span comments below it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(node, yaml.MappingNode) else last)


def _line_end(text: str, index: int) -> int:
    """Begin of the next line."""
    if text[:index].endswith("\n"):
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _written(value: Plain) -> str:
    """The value in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, str):
        same = _PLAIN.fullmatch(value) and value == value.strip() and _scalar(value) == value
        return value if same else _quoted(value)
    return "null" if value is None else json.dumps(value)


def _quoted(text: str) -> str:
    marks = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(marks.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in text) + '"'


def _scalar(text: str) -> Any:
    try:
        return scalar(text)
    except ValueError:
        return None
