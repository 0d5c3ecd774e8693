"""Forecasts that add up: `tenant/model` series, their tenants, and the total of all.

Names form a tree by their slashes, and `total` is its root. What is observed are the leaves.

Point forecasts are near medians, and medians of bursty demand sum to less than the median of the sum: on the
training jobs of 14 virtual clusters the total came out 29 % too low bottom-up and 8 % too low when forecast
itself (7 days, 9 origins), while top-down cost the leaves a quarter more error.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from simcost.errors import InputError
from simcost.forecast.cleaning import steps_before_demand
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats, Series

TOTAL = "total"
Reconciliation = Literal["bottom-up", "top-down"]
SEASONS_OF_SHARES = 4


class HierarchyMember(Protocol):
    """Values that a forecast needs to take part in a hierarchy."""

    @property
    def mean(self) -> Floats:
        """One value per step, shape (horizon,)."""

    @property
    def paths(self) -> Floats:
        """Joint futures, shape (count, horizon)."""


@dataclass(frozen=True, slots=True)
class Coherent:
    """A forecast that is the sum of its children, in the mean and in each path."""

    mean: Floats
    paths: Floats


def parent_of(name: str) -> str:
    """The name one level up.

    >>> parent_of("chat/llama"), parent_of("chat")
    ('chat', 'total')
    """
    above, slash, _ = name.rpartition("/")
    return above if slash else TOTAL


def parents_of(leaves: Iterable[str]) -> dict[str, list[str]]:
    """Each parent with its children, the lower levels first, the total last.

    Raises:
        InputError: no leaf, an empty part in a name, a leaf that has children, a leaf named `total`.
    """
    names = list(leaves)
    children: dict[str, list[str]] = {}
    waiting = sorted(names)
    for name in waiting:
        parent = parent_of(name)
        if parent not in children and parent != TOTAL:
            waiting.append(parent)
        children.setdefault(parent, []).append(name)
    _check_names(names, children)
    deepest_first = sorted(children, key=lambda name: (name == TOTAL, -name.count("/"), name))
    return {name: children[name] for name in deepest_first}


def _check_names(leaves: list[str], children: Mapping[str, list[str]]) -> None:
    if not leaves:
        raise InputError("a hierarchy needs at least one series; none was given")
    for name in leaves:
        if "" in name.split("/"):
            raise InputError(f"series {name!r}: an empty part in the name; write it as tenant/model")
        if name in children or name.split("/")[0] == TOTAL:
            below = next(iter(children.get(name, [])), "the sum of all series")
            raise InputError(f"series {name!r} is the name of the parent of {below!r}: rename one of them")


def aggregate(leaves: list[Series]) -> list[Series]:
    """The histories of all parents: sums of their children, NaN where a child has no record.

    Raises:
        InputError: names that form no tree, or series that differ in grid, length or quantity.
    """
    known = {series.name: series for series in leaves}
    tree = parents_of(known)
    first = leaves[0]
    for other in leaves[1:]:
        _check_alike(first, other)
    for parent, children in tree.items():
        values = np.sum([known[child].values for child in children], axis=0)
        known[parent] = replace(first, name=parent, values=values, regressors=None)
    return [known[parent] for parent in tree]


def _check_alike(first: Series, other: Series) -> None:
    pairs = (
        ("step", first.grid.name, other.grid.name),
        ("start", str(first.grid.times(1)[0]), str(other.grid.times(1)[0])),
        ("number of steps", len(first), len(other)),
        ("quantity", first.quantity, other.quantity),
    )
    for what, mine, theirs in pairs:
        if mine != theirs:
            raise InputError(
                f"series {first.name!r} and {other.name!r} cannot be added: {what} {mine} against {theirs};"
                " bring them on one grid"
            )


def bottom_up(leaves: Mapping[str, HierarchyMember]) -> dict[str, Coherent]:
    """The leaves as they are, and each parent as the sum of its children, mean by mean and path by path.

    Path i of all leaves must tell the same future (equal block times), or sums come out too narrow.

    Raises:
        InputError: names that form no tree, or forecasts that differ in horizon or number of paths.
    """
    tree = parents_of(leaves)
    known = {name: Coherent(leaf.mean, leaf.paths) for name, leaf in leaves.items()}
    shapes = {name: leaf.paths.shape for name, leaf in leaves.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(f"forecasts that are added need one horizon and number of paths, not {shapes}")
    for parent, children in tree.items():
        below = [known[child] for child in children]
        known[parent] = Coherent(
            np.sum([child.mean for child in below], axis=0), np.sum([child.paths for child in below], axis=0)
        )
    return known


def top_down(total: HierarchyMember, histories: Mapping[str, Floats], season: Season) -> dict[str, Coherent]:
    """The total's forecast, split among the leaves by what each had of it lately in the same phase of the season.

    Args:
        total: the forecast of the sum of all leaves.
        histories: the leaves' values up to the origin, equally long.
        season: its long season is used (else the short one), its last four, or as many as there are.

    Raises:
        InputError: names that form no tree, or demand below 0, of which there are no shares.
    """
    shares = _shares(histories, season, len(total.mean))
    leaves = {name: Coherent(total.mean * share, total.paths * share) for name, share in shares.items()}
    return {**bottom_up(leaves), TOTAL: Coherent(total.mean, total.paths)}


def _shares(histories: Mapping[str, Floats], season: Season, horizon: int) -> dict[str, Floats]:
    """Each leaf's share of the total per future step; they sum to 1.

    Where a leaf is new, they are those since it began. In a phase without any demand the overall share holds;
    without demand at all, equal shares of nothing.
    """
    names = list(histories)
    values = np.array([histories[name] for name in names])
    if (values < 0).any():
        raise InputError(f"top-down: {names[int((values < 0).any(axis=1).argmax())]!r} goes below 0: use bottom-up")
    length, period = values.shape[1], season.long or season.short
    first = max(length - SEASONS_OF_SHARES * period, *(steps_before_demand(leaf, season) for leaf in values))
    recent = np.where(np.isnan(values).any(axis=0), 0.0, values)[:, first:]
    phases = np.arange(first, length) % period
    per_phase = np.array([np.bincount(phases, leaf, minlength=period) for leaf in recent])
    overall = recent.sum(axis=1)
    whole = overall.sum()
    usual = overall / whole if whole > 0 else np.full(len(names), 1 / len(names))
    there = per_phase.sum(axis=0)
    shares = np.where(there > 0, per_phase / np.where(there > 0, there, 1.0), usual[:, None])
    ahead = shares[:, (length + np.arange(horizon)) % period]
    return dict(zip(names, ahead, strict=True))


def reconcile(
    forecasts: Mapping[str, HierarchyMember],
    method: Reconciliation,
    *,
    histories: Mapping[str, Floats],
    season: Season,
) -> dict[str, Coherent]:
    """Forecasts of leaves and parents that add up, by either method; `histories` names the leaves.

    Raises:
        InputError: a forecast that the method needs is not there, or one of the faults above.
    """
    needed = list(histories) if method == "bottom-up" else [TOTAL]
    absent = [name for name in needed if name not in forecasts]
    if absent:
        raise InputError(f"{method} needs the forecast of {absent[0]!r}; given are {', '.join(forecasts)}")
    if method == "bottom-up":
        return bottom_up({name: forecasts[name] for name in histories})
    return top_down(forecasts[TOTAL], histories, season)
