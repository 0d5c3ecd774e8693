"""The plans of several services as short YAML: what services and plans share stands once, under `defaults`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from json import dumps
from typing import Any

Mapped = Mapping[str, Any]
SERVICES = "services"


def with_defaults(plans: Sequence[Mapped]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Defaults, and plans which with them say the same as these: a plan is merged over the defaults, a service over
    the plan.

    Args:
        plans: as they were run, each with the part of every service.
    """
    parts = [(i, name, part) for i, plan in enumerate(plans) for name, part in plan[SERVICES].items()]
    shared = _shared([part for _, _, part in parts], plans)
    left: dict[tuple[int, str], dict[str, Any]] = {
        (i, name): {key: _beyond(shared.get(key), value) for key, value in part.items() if value != shared.get(key)}
        for i, name, part in parts
    }
    services: dict[str, dict[str, Any]] = {}
    for name in plans[0][SERVICES]:
        mine = [left[i, name] for i in range(len(plans))]
        services[name] = {key: mine[0][key] for key in mine[0] if all(one.get(key) == mine[0][key] for one in mine)}
    short = [
        {key: value for key, value in plan.items() if key != SERVICES}
        | {SERVICES: {name: _without(left[i, name], services[name]) for name in plan[SERVICES]}}
        for i, plan in enumerate(plans)
    ]
    for plan in short:
        plan[SERVICES] = {name: part for name, part in plan[SERVICES].items() if part}
    return {**shared, SERVICES: {name: services[name] for name in services}}, short


def _without(part: Mapped, said: Mapped) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in said}


def _shared(parts: Sequence[Mapped], plans: Sequence[Mapped]) -> dict[str, Any]:
    """By key of services the value that most have, where each value is what it becomes over that one; of a key that
    plans have too, what all services have in it and no plan has.
    """
    found = {}
    for key in parts[0]:
        values, taken = [part.get(key) for part in parts], [plan[key] for plan in plans if key in plan]
        if None in values:
            continue
        base = _without_taken(values, taken) if taken else _most_common(values)
        if base not in (None, {}) and all(_merged(base, value) == value for value in values):
            found[key] = base
    return found


def _most_common(values: Sequence[Any]) -> Any:
    texts = [dumps(value, sort_keys=True) for value in values]
    return values[texts.index(Counter(texts).most_common(1)[0][0])]


def _without_taken(values: Sequence[Any], taken: Sequence[Any]) -> dict[str, Any]:
    """Entries that all have, and none of those that are taken; none of mappings of a kind."""
    if not all(isinstance(one, Mapping) and "kind" not in one for one in (*values, *taken)):
        return {}
    first = values[0]
    return {
        key: first[key]
        for key in first
        if all(key in one and one[key] == first[key] for one in values) and not any(key in one for one in taken)
    }


def _merged(base: Any, own: Any) -> Any:
    """`own` over `base`, as scenarios merge: a mapping of another kind replaces, and so does anything but a mapping."""
    if not isinstance(base, Mapping) or not isinstance(own, Mapping) or base.get("kind") != own.get("kind"):
        return own
    return {**base, **{key: _merged(base.get(key), value) for key, value in own.items()}}


def _beyond(base: Any, own: Any) -> Any:
    """The part of `own` that over `base` gives it."""
    if not isinstance(base, Mapping) or not isinstance(own, Mapping) or base.get("kind") != own.get("kind"):
        return own
    return {key: _beyond(base.get(key), value) for key, value in own.items() if value != base.get(key)}
