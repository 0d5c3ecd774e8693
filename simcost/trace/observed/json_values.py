"""Values of JSON documents that others wrote: numbers, counts and nested members, None where they are not there."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

from simcost.errors import TraceError


def read_json(path: Path) -> Any:
    """The document of a file.

    Raises:
        TraceError: it is not one JSON document.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise TraceError(f"{path}: is not one JSON document: {error}; write it again") from error


def number(value: Any) -> float | None:
    """A finite number, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None


def count(value: Any) -> int | None:
    """A whole number from 1 up; None for anything else."""
    found = number(value)
    return int(found) if found is not None and 1 <= found < 1e15 and found == int(found) else None


def member(value: Any, *keys: str) -> Any:
    """A nested member of objects; None where one is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def numbers(value: Any) -> list[float | None] | None:
    """A list of numbers, None for what is not one; None where it is not a list."""
    return [number(item) for item in value] if isinstance(value, list) else None
