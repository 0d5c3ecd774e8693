"""Replica counts of a scaling policy in proportion, for more or fewer replicas than it was written for."""

from dataclasses import fields, replace
from math import ceil, inf
from typing import Any, Protocol, Self

from simcost.errors import InputError

_BOUNDS = ("min", "max", "start")


class ReplicaBounds:
    """Base of policies that scale between `min` and `max` replicas, or bound something else."""

    __slots__ = ()

    def largest(self) -> int:
        """The most replicas that it ever wants.

        Raises:
            InputError: its bounds are not replicas.
        """
        return _bounds(self)["max"]

    def sized(self, most: int) -> Self:
        """The policy with all its counts of replicas in proportion, rounded up, so that the largest is `most`.

        Raises:
            InputError: its bounds are not replicas.
        """
        factor = most / self.largest()
        bounds: dict[str, Any] = {name: times(count, factor) for name, count in _bounds(self).items()}
        return replace(self, **bounds)  # type: ignore[type-var]  # a dataclass with these fields


def ordered(low: int, high: int) -> None:
    """Raise ValueError where the fewest replicas are more than the most."""
    if low > high:
        raise ValueError(f"min ({low}) is above max ({high})")


class StartingReplicas(ReplicaBounds):
    """Base of policies that scale between `min` and `max` replicas, and begin with `start`, or else with `min`."""

    __slots__ = ()
    min: int
    max: int
    start: int | None

    def __post_init__(self) -> None:
        ordered(self.min, self.max)

    def initial(self) -> int:
        """Replicas at the start."""
        return self.min if self.start is None else self.start

    def smallest(self) -> int:
        """`min`, or those at the start where they are fewer."""
        return min(self.min, self.initial())

    def starting_with(self, replicas: int) -> Self:
        """The same, with other replicas at time 0."""
        return replace(self, start=replicas)  # type: ignore[type-var]  # a dataclass with these fields


class _Bounded(Protocol):
    def largest(self) -> int: ...


def most_replicas(scaling: _Bounded) -> float:
    """The most replicas that a policy ever wants; infinite where its bounds are not replicas."""
    try:
        return float(scaling.largest())
    except InputError:
        return inf


def times(count: int, factor: float) -> int:
    """A count in proportion, rounded up."""
    return ceil(count * factor - 1e-9)


def _bounds(scaling: Any) -> dict[str, int]:
    """Those of `min`, `max` and `start` that are given."""
    names = {field.name for field in fields(scaling)}
    if "max" not in names or not scaling.max:
        raise InputError(
            f"a plan that scales by {scaling.kind!r} cannot be made larger or smaller here; name other plans"
        )
    return {name: getattr(scaling, name) for name in _BOUNDS if name in names and getattr(scaling, name) is not None}
