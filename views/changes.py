"""Changes between two texts of a scenario, value by value."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from simcost.present.format import NONE
from simcost.scenario.files.edit import number_text, values

Change = tuple[str, str, str]
"""Path of a value, and the value in both texts."""


@lru_cache(maxsize=512)
def changes(before: str, after: str) -> tuple[Change, ...]:
    """Values in which two texts differ, in the order of the second; a plan is named, not counted."""
    old, new = (dict(_leaves(values(text))) for text in (before, after))
    paths = [*new, *(path for path in old if path not in new)]
    found = ((path, old.get(path, NONE), new.get(path, NONE)) for path in paths)
    return tuple(change for change in found if change[1] != change[2])  # an empty value is that of a missing key


def told(found: tuple[Change, ...], *, most: int) -> str:
    """The first changes in words: `one L4: scaling.replicas 3 (was 2)`; empty = none."""
    shown = [_told(*change) for change in found[:most]]
    more = len(found) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])


def _told(path: str, old: str, new: str) -> str:
    if new == NONE:
        return f"no {path} (was {old})"
    return f"{path} {new}" if old == NONE else f"{path} {new} (was {old})"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _leaves(child, f"{path}.{key}" if path and not path.endswith(": ") else f"{path}{key}")
    elif isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        outer, _, key = path.rpartition(": ")
        for one in value:
            named = one["name"] if key == "plans" else f"{key} {one['name']}"
            yield from _leaves(one, f"{outer}: {named}: " if outer else f"{named}: ")
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _leaves(one, f"{path}.{i}")
    else:
        yield path, NONE if value is None else number_text(value) if isinstance(value, float) else str(value)
