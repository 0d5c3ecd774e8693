"""Values of a scenario by their paths, and its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simcost.api.values import plain
from simcost.errors import InputError
from simcost.scenario.runs.provenance import dump


def yaml_text(source: Mapping[str, Any]) -> str:
    """The YAML of a scenario. Raises InputError for a value that YAML has no form for."""
    import yaml

    try:
        return dump(plain(source))
    except yaml.YAMLError as error:
        raise InputError(f"the scenario holds a value that YAML has no form for: {error}") from None


def put(root: Any, path: str, value: Any) -> None:
    """Set the value at a dotted path, or remove what is there."""
    *way, last = path.split(".")
    place = root
    for key in way:
        place = _within(place, key)
        found = _key(path, place, key)
        if isinstance(place, dict) and found not in place:
            if value is None:
                return
            place[found] = {}
        place = place[found]
    place = _within(place, last)
    found = _key(path, place, last)
    if value is not None:
        place[found] = value
    elif isinstance(place, list) or found in place:
        del place[found]


def _within(place: Any, key: str) -> Any:
    """The only item of a list, where the key is none of a list: of one workload, `workload.rate`."""
    return place[0] if isinstance(place, list) and len(place) == 1 and not key.isdecimal() else place


def _key(path: str, place: Any, key: str) -> Any:
    """The key as a mapping or list has it; of a list its number, or the name of an item. Raises InputError."""
    if isinstance(place, dict):
        return key
    if not isinstance(place, list):
        raise InputError(f"{path}: the scenario has nothing at {key!r}")
    names = [item.get("name") if isinstance(item, dict) else None for item in place]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(place):
        return int(key)
    remedy = "write the number of an item, from 0, or its name"
    raise InputError(f"{path}: the scenario has nothing at {key!r}: it is a list of {len(place)}; {remedy}")
