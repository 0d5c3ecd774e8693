"""A scaling policy for more or fewer replicas than it was written for."""

from dataclasses import fields, replace
from math import ceil
from typing import Any, TypeVar

from simcost.errors import InputError
from simcost.plan.autoscaling import Fixed, Schedule

P = TypeVar("P")
_BOUNDS = ("min", "max", "start")


def largest(scaling: Any) -> int:
    """The most replicas that a policy ever wants.

    Raises:
        InputError: a policy whose bounds are not replicas.
    """
    if isinstance(scaling, Fixed):
        return scaling.replicas
    if isinstance(scaling, Schedule):
        return max(1, *(step.replicas for step in scaling.steps))
    return int(_bounds(scaling)["max"])


def sized(scaling: P, most: int) -> P:
    """The policy with all its counts of replicas in proportion, rounded up, so that the largest is `most`.

    Raises:
        InputError: a policy whose bounds are not replicas.
    """
    factor = most / largest(scaling)
    if isinstance(scaling, Fixed):
        return replace(scaling, replicas=most)
    if isinstance(scaling, Schedule):
        steps = tuple(replace(step, replicas=_times(step.replicas, factor)) for step in scaling.steps)
        return replace(scaling, steps=steps)
    bounds: dict[str, Any] = {name: _times(count, factor) for name, count in _bounds(scaling).items()}
    return replace(scaling, **bounds)  # type: ignore[type-var]  # a dataclass with these fields


def _bounds(scaling: Any) -> dict[str, int]:
    """Those of `min`, `max` and `start` that are given."""
    names = {field.name for field in fields(scaling)}
    if "max" not in names or not scaling.max:
        raise InputError(
            f"a plan that scales by {scaling.kind!r} cannot be made larger or smaller here; name other plans"
        )
    return {name: getattr(scaling, name) for name in _BOUNDS if name in names and getattr(scaling, name) is not None}


def _times(count: int, factor: float) -> int:
    return ceil(count * factor - 1e-9)
