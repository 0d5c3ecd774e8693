"""Faults of YAML syntax in words: the place where they are, what the parser found, and the remedy."""

from __future__ import annotations

import re
from typing import Any

import yaml

_REMEDIES = (
    ("tab character", "indent with spaces"),
    ("mapping values are not allowed", "put a value that holds ': ' in quotes, and indent keys of one mapping alike"),
    ("did not find expected key", "indent keys of one mapping alike"),
    ("did not find expected '-' indicator", "indent keys like those beside them, and items of a list alike"),
    ("unknown escape character", "put text that holds a backslash in single quotes"),
    ("control characters", "save it as plain text in UTF-8"),
)
"""Words of the parser, and the remedy."""
_NO_SPACE = re.compile(r"\s*(- )?[\w.-]+:\S")


def place_of(error: yaml.YAMLError, text: str) -> tuple[int, int]:
    """Line and column, from 1, of what the parser could not take; of a key without a colon, those of the key."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        start = getattr(error, "context_mark", None)
        return position(start if start is not None and "simple key" in str(getattr(error, "context", "")) else mark)
    before = text.encode()[: getattr(error, "position", 0)].decode(errors="replace")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def position(mark: Any) -> tuple[int, int]:
    """Line and column of a mark, from 1."""
    return mark.line + 1, mark.column + 1


def words_of(error: yaml.YAMLError, text: str) -> str:
    """Message of what the parser found, the line in which that began if it is another, and the usual remedy."""
    context = getattr(error, "context", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    line, column = place_of(error, text)
    started = getattr(error, "context_mark", None)
    since = f"{context} that begins in line {started.line + 1}" if started and started.line + 1 < line else context
    said = ", ".join(part for part in (since, problem) if part) or "unreadable"
    remedy = _remedy(said, text.splitlines()[:line], column)
    return f"is not YAML: {said}{remedy and f'; {remedy}'}"


def _remedy(said: str, lines: list[str], column: int) -> str:
    """Remedy of a fault in the last of these lines; empty where it may be many things."""
    *before, line = lines or [""]
    at, above = line[column - 1 : column], next((one for one in reversed(before) if one.strip()), "")
    if "cannot start any token" in said and at:
        return "indent with spaces, not tabs" if at == "\t" else f"put a value that begins with {at!r} in quotes"
    if "mapping values are not allowed" in said and _NO_SPACE.match(above):
        return f"write a space after the colon of {above.strip()!r}"
    if "did not find expected key" in said and line[: column - 1].strip():
        return "put the whole value in quotes, within which ' is written ''"
    if "expected ':'" in said:
        return "write a space after the colon" if _NO_SPACE.match(line) else "a key needs a colon and a space after it"
    return next((remedy for words, remedy in _REMEDIES if words in said), "")
