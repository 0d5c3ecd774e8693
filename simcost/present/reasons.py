"""Reasons why plans are left out, as a table: of many, those that differ in a few words, as names of hardware, share a
row.
"""

from collections.abc import Iterable

from simcost.present.format import Shortened, count, in_full, shortened
from simcost.present.parts import Table

WIDTH = 84
FEW = 8
"""Reasons that have a row each, at most."""
ALIKE = 0.25
"""Share of the words in which two reasons of one row may differ."""


def reason_rows(found: Iterable[tuple[int, str]]) -> Table:
    """A row for each of a few reasons; of more, one for those that are alike, with the plans of all of them and the
    reason of most plans as an example.

    Args:
        found: plans and reasons, most plans first.

    >>> rows = reason_rows([(3, "too small"), *((2, f"no price of {name}; give it") for name in "abcdefgh")])
    >>> for row in rows:
    ...     print(row["plans"], row["reason"])
    16 no price of a; give it (and 7 more like it)
    3 too small
    """
    groups: list[list[tuple[int, str]]] = []
    reasons = list(found)
    for plans, reason in reasons:
        alike = (one for one in groups if len(reasons) > FEW and _are_alike(one[0][1], reason))
        group = next(alike, None)
        if group is None:
            groups.append([(plans, reason)])
        else:
            group.append((plans, reason))
    groups.sort(key=lambda group: -_plans(group))
    return [{"plans": count(_plans(group)), "reason": _shown(group)} for group in groups]


def _plans(group: list[tuple[int, str]]) -> int:
    return sum(plans for plans, _ in group)


def _shown(group: list[tuple[int, str]]) -> str:
    """The first reason, shortened where there is little room, and the number of the others."""
    reason, more = group[0][1], len(group) - 1
    if not more:
        return shortened(reason, WIDTH)
    tail = f" (and {count(more)} more like it)"
    short = shortened(reason, WIDTH - len(tail))
    return Shortened(f"{short}{tail}", f"{in_full(short)}{tail}")


def _are_alike(one: str, other: str) -> bool:
    """True if they have as many words, and most are the same."""
    words, others = one.split(), other.split()
    differing = sum(word != another for word, another in zip(words, others, strict=False))
    return len(words) == len(others) and differing <= ALIKE * len(words)
