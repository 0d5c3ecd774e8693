"""Choice of one option of each group, so that together they cost least and take no more of anything than there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import fsum

_ALMOST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitedOption:
    """An option with its cost and what it takes."""

    name: str
    usd: float
    taken: tuple[float, ...]
    """By limit."""


def cheapest_within(
    groups: Sequence[Sequence[LimitedOption]], most: Sequence[float]
) -> tuple[LimitedOption, ...] | None:
    """An option of each group, the sum of whose costs is least within the limits; None = none are within them.

    Exact: group by group, a choice stays unless another one costs no more and takes no more of anything. Of equal ones
    the first stays.

    >>> small, large = (LimitedOption(name=f"{n} GPUs", usd=3.0 - n, taken=(float(n),)) for n in (1, 2))
    >>> [one.name for one in cheapest_within([[small, large], [small, large]], [3.0])]
    ['2 GPUs', '1 GPUs']
    >>> cheapest_within([[small, large], [small, large]], [1.0])
    """
    kept: list[tuple[LimitedOption, ...]] = [()]
    for group in groups:
        own = [option for (option,) in _efficient((option,) for option in group)]
        kept = _efficient(_fitting(((*some, option) for some in kept for option in own), most))
    return kept[0] if kept else None


def taken_by(chosen: Sequence[LimitedOption], limits: int) -> tuple[float, ...]:
    """Sum of what options take, by limit."""
    return tuple(fsum(option.taken[i] for option in chosen) for i in range(limits))


def fits(taken: Sequence[float], most: Sequence[float]) -> bool:
    """True if so much is within the limits."""
    return all(count <= limit + _ALMOST for count, limit in zip(taken, most, strict=True))


def _fitting(
    choices: Iterable[tuple[LimitedOption, ...]], most: Sequence[float]
) -> Iterator[tuple[LimitedOption, ...]]:
    return (chosen for chosen in choices if fits(taken_by(chosen, len(most)), most))


def _efficient(choices: Iterable[tuple[LimitedOption, ...]]) -> list[tuple[LimitedOption, ...]]:
    """Those that no other one beats, the cheapest first."""
    kept: list[tuple[tuple[LimitedOption, ...], tuple[float, ...]]] = []
    for chosen in sorted(choices, key=lambda one: fsum(option.usd for option in one)):
        taken = taken_by(chosen, len(chosen[0].taken))
        if not any(all(a <= b for a, b in zip(other, taken, strict=True)) for _, other in kept):
            kept.append((chosen, taken))
    return [chosen for chosen, _ in kept]
