"""Faults of a value, with its wording and place in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from simcost.errors import Fault, InputError, did_you_mean
from simcost.scenario.checks.downloads import download_command
from simcost.scenario.files.nodes import Keys, YamlNode, dotted
from simcost.tables.paths import inside

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_MESSAGES = {
    "missing": "is required, and missing",
    "value_error": "{error}",
    "int_type": "{shown} is not a whole number",
    "int_from_float": "{shown} is not a whole number",
    "float_type": "{shown} is not a number",
    "bool_type": "{shown} is neither true nor false",
    "string_type": "{shown} is not text; put it in quotes if it is meant as text",
    "dataclass_type": "expected a mapping (key: value), not {shown}",
    "dict_type": "expected a mapping (key: value), not {shown}",
    "tuple_type": "expected a list, not {shown}",
    "greater_than": "{shown} must be above {gt:g}",
    "greater_than_equal": "{shown} must be at least {ge:g}",
    "less_than": "{shown} must be below {lt:g}",
    "less_than_equal": "{shown} must be at most {le:g}",
    "too_short": "has {actual_length} items; needs at least {min_length}",
    "too_long": "has too many items; takes at most {max_length}",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "{shown} is not a name; use a-z, 0-9, '.', '_', '-', a letter or digit first",
}
"""By pydantic's type of error; the other names in braces are those of its context."""


_TEXT_NUMBER = re.compile(r"([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(\s*[a-zA-Z%]+)?$")
"""A number in a text, thousands perhaps marked, and its unit."""


def validate(adapter: TypeAdapter[T], node: YamlNode, file: str) -> tuple[T | None, list[Fault]]:
    """The object that a conforming node stands for, or the faults that keep it from being one.

    Validated as JSON, so that lists and mappings are taken for what they are but `true` is not a number.
    """
    from pydantic import ValidationError

    try:
        return adapter.validate_json(json.dumps(node.plain()), strict=True), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found = [_fault(dict(detail), node, file) for detail in details]
        return None, [fault for fault in found if fault is not None]


def fault_at(node: YamlNode, message: str, file: str, *more: str) -> Fault:
    """A fault at a node; `more` extends its path."""
    return Fault(file=file, line=node.line, column=node.column, path=dotted((*node.path, *more)), message=message)


def shown(value: object) -> str:
    """A value as a message shows it: short, and as YAML has it."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    words = {None: "nothing (null)", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fault(detail: dict[str, Any], root: YamlNode, file: str) -> Fault | None:
    """The fault for one error of pydantic; None for what `Conform` has reported, or a mere consequence."""
    node, missing = _follow(root, detail["loc"])
    if detail["type"].startswith("union_tag") or detail["loc"][-1:] == ("bool",):  # or a mapping, which is at fault
        return None
    context = detail.get("ctx", {})
    if detail["type"] == "too_short" and _length(node) >= context["min_length"]:
        return None  # an item of it is wrong
    if detail["type"] == "literal_error":
        return fault_at(node, _not_one_of(node, context["expected"]), file)
    words = _MESSAGES.get(detail["type"], "{shown} is not valid here")
    if detail["type"] == "string_type" and isinstance(node.value, dict | list):
        words = words.partition(";")[0]
    more = (str(missing),) if detail["type"] == "missing" else ()
    remedy = _per_cent(node.value) if 1 in (context.get("le"), context.get("lt")) else ""
    if detail["type"] in ("int_type", "float_type"):
        remedy = _bare_number(node.value)
    return fault_at(node, words.format(shown=shown(node.value), **context) + remedy, file, *more)


def _per_cent(value: object) -> str:
    """The form of a share, where a number is most likely meant in per cent."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 < value <= 100:
        return ""
    return f"; {value} per cent is written {value}%"


def _bare_number(value: object) -> str:
    """The form of a plain number, where a text holds one in quotes, with commas or with a unit.

    >>> _bare_number("1,000"), _bare_number("2"), _bare_number("500 tokens")
    ('; write 1000, without quotes or commas', '; write 2, without quotes or commas', '; write the number alone')
    """
    found = _TEXT_NUMBER.match(value.strip()) if isinstance(value, str) else None
    if found is None:
        return ""
    digits = found[1].replace(",", "")
    return "; write the number alone" if found[2] else f"; write {digits}, without quotes or commas"


def ask(node: YamlNode | None, file: str, question: Callable[..., T], *more: Any) -> tuple[T | None, list[Fault]]:
    """Fact known under the name in a node, or the fault."""
    if node is None or not isinstance(node.value, str):
        return None, []
    try:
        return question(node.value, *more), []
    except InputError as error:
        return None, [fault_at(node, str(error), file)]


def file_faults(node: YamlNode | None, file: str, folder: Path, remedy: str) -> Iterator[Fault]:
    """A file that is named and not there, or outside the folder; a public trace is downloaded by a command."""
    if node is None or not isinstance(node.value, str):
        return
    try:
        if not inside(folder, node.value).is_file():
            command = download_command(folder, node.value)
            remedy = f"get it by `{command}`" if command else remedy
            yield fault_at(node, f"no file {node.value!r} in {folder}; {remedy}", file)
    except (InputError, OSError, ValueError) as error:
        yield fault_at(node, str(error), file)


def repeated_names(parts: Sequence[YamlNode], file: str, what: str) -> Iterator[Fault]:
    """Names of parts that appear twice; `what` they are."""
    seen: dict[object, YamlNode] = {}
    for name in filter(None, (part.get("name") for part in parts)):
        if not isinstance(name.value, dict | list) and seen.setdefault(name.value, name) is not name:
            message = f"{name.value!r} is the name of the {what} in line {seen[name.value].line} too; names must differ"
            yield fault_at(name, message, file)


def _length(node: YamlNode) -> int:
    return len(node.value) if isinstance(node.value, list) else 0


def _not_one_of(node: YamlNode, expected: str) -> str:
    options = re.findall(r"'([^']*)'", expected) or re.findall(r"[-\d.]+", expected)
    near = did_you_mean(str(node.value), options)
    return f"{shown(node.value)} is not one of {', '.join(options)}{near}"


def _follow(root: YamlNode, loc: Keys) -> tuple[YamlNode, str | int]:
    """The node at a location of pydantic, whose names of union members the file does not have; where a field has the
    name of a kind, as `gpus` of jobs, it is the field.
    """
    node = root
    for key in loc:
        if (child := node.get(key)) is not None:
            node = child
    return node, loc[-1] if loc else ""
