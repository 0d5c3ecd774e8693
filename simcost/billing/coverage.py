"""Allocation of commitments to usage, clock-hour by clock-hour; whole columns of hours at a time.

Order: by place in the provider's settlement; within it an account's own usage before that of the others; then for
capacity the smallest size first, for spend the highest saving first, ties by the lowest rate, and unused reserved
capacity after usage of the same worth.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from simcost.billing.commitment.bound import Bound, CommitmentUse, CommittedUnits, Floats, Spend
from simcost.billing.instants import Holding, shared_out
from simcost.billing.metering import Line, Metered

_DUST = 1e-10
"""USD or units an hour that count as nothing, and the share of larger amounts that does: what rounding leaves."""


def cover(account: Metered, bounds: Sequence[Bound]) -> tuple[Floats, list[CommitmentUse]]:
    """Apply commitments in their order.

    Returns:
        [hour, line] hours that none covers, and what became of each commitment, in the order given.
    """
    left = account.hours.copy()
    bought = {id(bound): _bought(account, bound) for bound in bounds}
    ordered = sorted(bounds, key=lambda bound: bound.order)
    for _, same in groupby(ordered, key=lambda bound: bound.order):
        group = list(same)
        capacity = [bound for bound in group if isinstance(bound, CommittedUnits)]
        at_once = _at_once(account, [bound for bound in capacity if bound.by_second])
        for own in (True, False):
            for one in capacity:
                _cover_capacity(account, left, one, bought[id(one)], at_once, own=own)
            spend = [bound for bound in group if isinstance(bound, Spend)]
            _cover_spend(account, left, spend, bought, own=own)
    return left, [bought[id(bound)] for bound in bounds]


def _bought(account: Metered, bound: Bound) -> CommitmentUse:
    committed = bound.payments.committed(account)
    return CommitmentUse(
        bound=bound,
        one_time_usd=bound.payments.one_time(account),
        recurring_usd=bound.payments.recurring(account),
        committed_usd=committed,
        unused_usd=committed.copy(),
    )


def _cover_capacity(
    account: Metered,
    left: Floats,
    bound: CommittedUnits,
    bought: CommitmentUse,
    at_once: Mapping[tuple[int, int], Floats],
    *,
    own: bool,
) -> None:
    available = bound.payments.active(account) * bound.units
    usd = bought.usd_per_unit_h(available)
    free = available - np.sum([hours * bound.takes[i] for i, hours in bought.covered_h.items()], axis=0)
    for i in _lines(account.lines, bound, own=own):
        if bound.takes[i] <= 0:
            continue
        hours = np.minimum(left[:, i], free / bound.takes[i])
        if bound.by_second:
            hours = np.minimum(hours, at_once[id(bound), i])
        _enter(bought, left, i, hours, hours * bound.takes[i] * usd)
        free = free - hours * bound.takes[i]


def _cover_spend(
    account: Metered, left: Floats, bounds: Sequence[Spend], bought: dict[int, CommitmentUse], *, own: bool
) -> None:
    """All plans of one place together: (usage, plan) by saving."""
    pairs = [
        (
            1 - bound.rates[i] / account.lines[i].contracted_usd,
            bound.rates[i],
            account.lines[i].reserved_idle,
            i,
            bound,
        )
        for bound in bounds
        for i in _lines(account.lines, bound, own=own)
        if bound.rates[i] > 0
    ]
    for _, rate, _, i, bound in sorted(pairs, key=lambda pair: (-round(pair[0], 12), pair[1], pair[2], pair[3])):
        state = bought[id(bound)]
        hours = np.minimum(left[:, i], np.maximum(state.unused_usd, 0.0) / rate)
        _enter(state, left, i, hours, hours * rate)


def _lines(lines: Sequence[Line], bound: Bound, *, own: bool) -> Iterator[int]:
    """Lines of its own account, or of the others; the smallest units first."""
    if not own and not (bound.shared and bound.account):
        return
    chosen = [i for i, line in enumerate(lines) if (bound.account in ("", line.account)) == own]
    size = bound.takes if isinstance(bound, CommittedUnits) else np.zeros(len(lines))
    yield from sorted(chosen, key=lambda i: (size[i], lines[i].reserved_idle, i))


def _enter(bought: CommitmentUse, left: Floats, line: int, hours: Floats, usd: Floats) -> None:
    hours = np.where(hours < _DUST, 0.0, hours)
    if not hours.any():
        return
    usd = np.where(hours > 0, usd, 0.0)
    left[:, line] = np.where(left[:, line] - hours < _DUST, 0.0, left[:, line] - hours)
    unused = bought.unused_usd
    np.subtract(unused, usd, out=unused)
    unused[np.abs(unused) < _DUST * np.maximum(1.0, bought.committed_usd)] = 0.0
    bought.covered_h[line] = bought.covered_h.get(line, 0.0) + hours
    bought.covered_usd[line] = bought.covered_usd.get(line, 0.0) + usd


def _at_once(account: Metered, bounds: Sequence[CommittedUnits]) -> dict[tuple[int, int], Floats]:
    """[hour] Hours of each line that lie within so many units at each instant, by bound and line; what one holds, none
    of the others holds too.
    """
    held, turns = held_at_once(account, bounds)
    taken, _ = shared_out(account, held, turns) if turns else ({}, [])
    return {(id(bounds[k]), i): hours for (k, i), hours in taken.items()}


def held_at_once(account: Metered, bounds: Sequence[CommittedUnits]) -> tuple[list[Holding], list[tuple[int, int]]]:
    """Capacity of commitments that hold so many at each instant, and in which order lines take of it, as (commitment,
    line).
    """
    held = [
        Holding(
            units=one.units,
            from_h=one.payments.from_h,
            to_h=one.payments.to_h if one.usable_h is None else one.usable_h,
        )
        for one in bounds
    ]
    turns = [
        (k, i)
        for own in (True, False)
        for k, one in enumerate(bounds)
        for i in _lines(account.lines, one, own=own)
        if one.takes[i] > 0
    ]
    return held, turns
