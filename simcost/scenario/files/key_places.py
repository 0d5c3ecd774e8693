"""The mapping in which a key belongs that stands in the wrong one of a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

from simcost.scenario.files.conform import classes, hints, item
from simcost.scenario.schema.scaling import FromManifest
from simcost.scenario.schema.scenario import Scenario
from simcost.scenario.schema.services import Forwarding, ServiceDemand

Place = tuple[str, ...]
"""Keys from the top to a mapping; numbers in lists and names of services left out."""
_TOP, _PLAN, _SERVICE, _PART = (), ("plans",), ("services",), ("plans", "services")
_SCALING = ("plans", "scaling")
_PART_DEPTH = 2
"""Keys from the top to a part of a plan, as its `scaling`."""
_DEEPEST = 3
"""Keys from the top to the deepest mapping that is looked into."""
_ALMOST = 0.85
"""Likeness of two words, of 1, from which on one is taken for the other, misspelt."""
_MOST = 2
"""Places of one key up to which they are named."""
_EVERYWHERE = frozenset({"kind", "name", "path"})
"""Keys that say nothing of a place."""
_REPEATED = frozenset({"or_buy", "training_buy", "pools", "disaggregation"})
"""Keys below which others stand again."""


def belongs(key: str, path: tuple[str | int, ...], known: Sequence[str]) -> str:
    """'; it belongs in ...' for a key of another mapping than that at `path`, else '' (to be appended to a message).

    A `known` key of this mapping that is written almost so is meant, unless one right below has the key itself. What
    stands in `defaults` is told as in a plan.
    """
    if path[:1] == ("defaults",):
        path = ("plans", 0, *path[1:])
    here = _place(path)
    found = [place for place in _places().get(key, ()) if _is_near(place, here) and _has(place, path)]
    if _SERVICE in found and _TOP in found:
        found.remove(_TOP)
    below = [place for place in found if place[:-1] == here and here]
    if not below and get_close_matches(key, known, n=1, cutoff=_ALMOST):
        return ""
    near = below or [place for place in found if len(place) == min(map(len, found))]
    if not near or len(near) > _MOST:
        return ""
    return f"; it belongs {' or '.join(_words(place, path) for place in near)}"


def _place(path: tuple[str | int, ...]) -> Place:
    """The place of a mapping: a part of a plan for one service is as the plan."""
    if path[:1] == _PLAN and path[2:3] == _SERVICE:
        path = (*path[:2], *path[4:])
    return tuple(part for part in path if isinstance(part, str))


def _is_near(place: Place, here: Place) -> bool:
    """True if it is below, around or beside a mapping; for one at the top wherever it is.

    For one deep in a plan, as a metric of an autoscaler, only what is below, the plan and the top are: the keys around
    and beside it depend on the kind of that which holds it.
    """
    if len(here) > _PART_DEPTH and place not in (_TOP, _PLAN):
        return place[:-1] == here
    return place != here and (here in (_TOP, _SERVICE) or place[:-1] == here[: max(len(place) - 1, 0)])


def _has(place: Place, path: tuple[str | int, ...]) -> bool:
    """True if a scenario like that of the path has such a place: one of services, or one of a pool."""
    of_services = "services" in path
    if place == _PART or place[:1] == _SERVICE:
        return of_services
    return not (of_services and place[:1] in (("workload",), ("slo",), ("demand",), ("tenants",)))


def _words(place: Place, path: tuple[str | int, ...]) -> str:
    if place == _TOP:
        return "at the top of the file"
    if place == _PART or (place == _PLAN and "services" in path):
        return "in a plan, under `services: {NAME: ...}`"
    if place == _PLAN:
        return "in a plan, or in `defaults` for all of them"
    if place[:1] == _PLAN:
        inner = ".".join(place[1:])
        return f"in `{inner}`" if path[:1] == _PLAN else f"in `{inner}` of a plan"
    if place == _SERVICE:
        return "in the list `services` at the top"
    at_top = " at the top of the file" if path[:1] == _PLAN else ""
    return f"in `{'.'.join(place)}`{at_top}"


@cache
def _places() -> dict[str, list[Place]]:
    """The mappings that have a key, by key."""
    found: dict[str, list[Place]] = {}
    for key, place in (*_keys(Scenario, _TOP), *_keys(tuple[ServiceDemand, ...], _SERVICE), *_keys(Forwarding, _PART)):
        if place not in found.setdefault(key, []):
            found[key].append(place)
    return found


def _keys(hint: Any, place: Place) -> Iterator[tuple[str, Place]]:
    """Keys of a type and of what it holds, each with its place."""
    for cls in (*classes(hint), *classes(item(hint))):
        if cls is FromManifest and place != _SCALING:
            continue  # it has the keys of an autoscaler everywhere
        for key, inner in hints(cls).items():
            if key in _EVERYWHERE:
                continue
            yield key, place
            if len(place) < _DEEPEST and key not in _REPEATED:
                yield from _keys(inner, (*place, key))
