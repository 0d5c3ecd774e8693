"""Numbers of a scenario by their paths in its file, as `plans.0.services.chat.scaling.max`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import reduce
from typing import Any

from simcost.errors import InputError, did_you_mean
from simcost.scenario.files.forwarding import KEYS_OF_FORWARDING
from simcost.scenario.files.sharing import KEY, OF_JOBS, SHARING
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario, LoadedServices
from simcost.scenario.schema.scenario import OF_A_POOL, Scenario
from simcost.scenario.schema.services import Forwarding, Sharing

KNOWN = "write a field of the file such as workload.0.rate, or demand, engine, price.OFFER, discount.OFFER"
_KNOWN_OF_SERVICES = (
    "write a field of the file such as services.NAME.workload.0.rate or plans.0.services.NAME.scaling.replicas, or "
    "demand, engine, demand.NAME, engine.NAME, price.OFFER, discount.OFFER"
)


def number_at(loaded: AnyScenario, path: str) -> int | float:
    """The number in a field of the scenario; one value where several services have it."""
    values = list(numbers_at(loaded, path))
    if len(set(values)) > 1:
        shown = ", ".join(f"{value:g}" for value in values)
        parts = parts_of(loaded, path)
        raise InputError(
            f"--vary {path}: {parts} differ in it ({shown}); name one, as plans.0.{parts}.NAME.scaling.replicas"
        )
    return values[0]


def parts_of(loaded: AnyScenario, path: str) -> str:
    """Parts of a plan that have the value at a path: `pools` of one service, or `services`."""
    of_pools = any("pools" in keys for _, keys in _places(loaded, path))
    return "pools" if of_pools and isinstance(loaded, LoadedScenario) else "services"


def numbers_at(loaded: AnyScenario, path: str) -> Iterator[int | float]:
    """The number in each of the services that a path concerns."""
    for within, keys in _places(loaded, path):
        value: Any = within
        for key in keys:
            outer, value = value, _item(value, key)
            if value is None:
                known = _KNOWN_OF_SERVICES if isinstance(loaded, LoadedServices) else KNOWN
                counted = "; lists are counted from 0" if isinstance(outer, list | tuple) else ""
                raise InputError(f"--vary {path}: {loaded.path} has no {key!r} there{counted}; {known}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"--vary {path}: {_shown(value)} is not a number that could vary; {KNOWN}")
        yield value


def _shown(value: Any) -> str:
    """A value that is not a number, of several the names of their fields."""
    names = [one.name for one in fields(value)] if is_dataclass(value) else value if isinstance(value, Mapping) else ()
    return f"a group of fields ({', '.join(names)})" if names else repr(value)


def _item(value: Any, key: str) -> Any:
    """Value at a key, of a list at a place or with a name; None where there is nothing."""
    if is_dataclass(value):
        return getattr(value, key, None) if key in value.__dataclass_fields__ else None
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list | tuple):
        if key.isdecimal():
            return value[int(key)] if int(key) < len(value) else None
        return next((one for one in value if getattr(one, "name", None) == key), None)
    return None


def _places(loaded: AnyScenario, path: str) -> list[tuple[Scenario | Forwarding | Sharing, list[str]]]:
    """Objects in which a path of the file leads to a value, each with the path in it: scenarios of one service, or
    terms between services of a plan.
    """
    found = _in_services(loaded, path)
    return [(within, keys) for within, written in found for keys in _in_pools(within, written)]


def _in_pools(within: Scenario | Forwarding | Sharing, keys: list[str]) -> list[list[str]]:
    """A path to what a plan says of its pools, in those of these that have it; else itself."""
    plan = _item(within.plans, keys[1]) if isinstance(within, Scenario) and keys[0] == "plans" and keys[2:] else None
    if plan is None or keys[2] not in OF_A_POOL:
        return [keys]
    each = [[*keys[:2], "pools", str(number), *keys[2:]] for number in range(len(plan.pools))]
    return [one for one in each if reduce(_item, one, within) is not None] or [keys]


def _in_services(loaded: AnyScenario, path: str) -> list[tuple[Scenario | Forwarding | Sharing, list[str]]]:
    """The same with paths as they are written."""
    keys = path.split(".")
    if isinstance(loaded, LoadedScenario):
        return [(loaded.scenario, keys)]
    if keys[0] == KEY and len(keys) > 1:
        return [(loaded.services[_service(loaded, keys[1], path)].scenario, keys[2:])]
    if keys[0] == "plans" and keys[2:3] == [KEY] and len(keys) > 3:
        name = _service(loaded, keys[3], path)
        if (joint := _joint_terms(loaded, plan_of(loaded, path), name, keys[4:])) is not None:
            return [joint]
        return [(loaded.services[name].scenario, [*keys[:2], *keys[4:]])]
    if loaded.jobs is not None and _is_of_jobs(keys):
        return [(loaded.jobs.scenario, keys)]
    return [(part.scenario, keys) for part in _holders(loaded, keys) or loaded.services.values()]


def _holders(loaded: LoadedServices, keys: Sequence[str]) -> list[LoadedScenario]:
    """Those of the services and jobs that have the commitments of a plan, where a path leads to these."""
    if keys[0] != "plans" or list(keys[2:4]) != ["buy", "commitments"]:
        return []
    parts = [*loaded.services.values(), *([] if loaded.jobs is None else [loaded.jobs])]
    return [part for part in parts if reduce(_item, keys[1:4], part.scenario.plans)]


def _is_of_jobs(keys: Sequence[str]) -> bool:
    """True for the log and the targets of the jobs beside services, and for their part in a plan."""
    return keys[0] in ("jobs", "slo") or (keys[0] == "plans" and len(keys) > 2 and keys[2] in OF_JOBS)


def _joint_terms(
    loaded: LoadedServices, plan: str | None, service: str, keys: Sequence[str]
) -> tuple[Forwarding | Sharing, list[str]] | None:
    """Terms between a service of a plan and others, and the path in them: requests that it sends on, its rights on
    shared nodes. None where the path leads to something of its own.
    """
    forwarding, sharing = (terms.get((plan or "", service)) for terms in (loaded.forwarding, loaded.sharing))
    first, *rest = keys or [""]
    if forwarding is not None and first in KEYS_OF_FORWARDING:
        return forwarding, [first, *rest]
    return (sharing, rest) if sharing is not None and first == SHARING else None


def _service(loaded: LoadedServices, key: str, path: str) -> str:
    """Name of a service: a key of a path, or its number."""
    names = list(loaded.services)
    if key.isdecimal() and int(key) < len(names):
        return names[int(key)]
    if key not in names:
        near = did_you_mean(key, names) or f"; services are {', '.join(names)}"
        raise InputError(f"--vary {path}: {key!r} is none of the services{near}")
    return key


def plan_of(loaded: AnyScenario, path: str) -> str | None:
    """Name of the only plan that depends on a value; None = all may."""
    first, *rest = path.split(".")
    if first != "plans" or not rest:
        return None
    names = [plan.name for plan in loaded.first.scenario.plans]
    if rest[0].isdecimal():
        return names[int(rest[0])] if int(rest[0]) < len(names) else None
    return rest[0] if rest[0] in names else None
