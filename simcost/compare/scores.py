"""Scores of a plan in its replications, and what they show of its targets: at their confidence bounds, and whatever the
replications that are missing would be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, fsum, inf, log, sqrt
from statistics import fmean

from simcost.compare.confidence import interval, least_share
from simcost.errors import InputError
from simcost.slo import FUTURES, Check, is_to_reach
from simcost.units import plural

_FAR = 0.2
"""Part of the share asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScore:
    """A plan in one replication."""

    usd: float
    """A month."""
    checks: tuple[Check, ...]
    """Every target; a share of good, or something bad that must not exceed its target."""
    judged: tuple[int, ...] = ()
    """Requests of which each check is the share that was good, 0 = it is another check; empty = they are not known."""
    closed: bool = False
    """True if clients wait for answers, so that a faster plan is asked for more."""

    def of_service(self, name: str) -> RunScore:
        """The checks of one service alone."""
        kept = [i for i, check in enumerate(self.checks) if check.name.startswith(f"{name}: ")]
        judged = tuple(self.judged[i] for i in kept) if self.judged else ()
        return replace(self, checks=tuple(self.checks[i] for i in kept), judged=judged)


def futures_score(usd: float, risk: float, *, met: bool) -> RunScore:
    """Score of a plan in one future, which meets the SLO or misses it; a share `risk` of all futures may miss it."""
    return RunScore(usd=usd, checks=(Check.of(FUTURES, float(met), round(1 - risk, 12)),))


def most_reached(most: Sequence[float], risk: float | None) -> float:
    """Share of good that a plan reaches at most, by that of each replication: on average, or with a `risk` in as many
    futures as must meet the SLO.

    >>> most_reached([0.5, 1.0], None), most_reached([0.5, 1.0], 0.1), most_reached([0.5, 1.0], 0.5)
    (0.75, 0.5, 1.0)
    """
    if risk is None:
        return fmean(most)
    return [*sorted(most), 1.0][misses_allowed(len(most), risk)]


@cache
def misses_allowed(futures: int, risk: float) -> int:
    """Number of futures that may miss the SLO.

    >>> misses_allowed(10, 0.1), misses_allowed(9, 0.1), misses_allowed(3, 1.0)
    (1, 0, 3)
    """
    met, missed = (futures_score(0.0, risk, met=met) for met in (True, False))
    return next(few for few in range(futures, -1, -1) if holds([missed] * few + [met] * (futures - few), 0.0))


Simulate = Callable[[Sequence[tuple[str, int]]], Mapping[tuple[str, int], RunScore]]
"""Makes runs: plan and replication to their results."""


def lower_bounds(scores: Sequence[RunScore], level: float) -> tuple[Check, ...]:
    """Every check at the one-sided confidence bound of its mean over replications, on the side of a miss.

    Shares that are the same in all replications, such as 1, have no spread to tell how sure they are: their bound is
    that of as many independent requests as were judged, unless all must be good. A single replication counts as it is.
    No share is below 0.
    Futures are counted: as many of those that were simulated must meet the SLO as its risk asks for.
    """
    found = []
    for i, same in enumerate(zip(*(score.checks for score in scores), strict=True)):
        name, target = same[0].name, same[0].target
        values = [worst(check) for check in same]
        if inf in values or name == FUTURES:
            found.append(Check.of(name, None if inf in values else fmean(values), target))
            continue
        bounds = interval(values, 2 * level - 1, exact=True)
        bound = bounds.share_lo if is_to_reach(name) else bounds.hi
        judged = sum(score.judged[i] for score in scores if score.judged)
        if judged and len(values) > 1 and bounds.lo == bounds.hi and target < 1:
            bound = least_share(bounds.mean, judged, level)
        found.append(Check.of(name, bound, target))
    return tuple(found)


def holds(scores: Sequence[RunScore], level: float) -> bool:
    """True if every target is met at its confidence bound."""
    return all(check.met for check in lower_bounds(scores, level))


def check_count(scores: Sequence[RunScore], level: float) -> None:
    """Check that a share of good requests which is 1 in all replications of a plan meets its target at its bound: else
    no plan that is asked for as much can, of a tenant or a service with few requests as little as of all.

    Raises:
        InputError: it does not; names the target and the requests that it takes.
    """
    for i, (check, bound) in enumerate(zip(scores[0].checks, lower_bounds(scores, level), strict=True)):
        judged = sum(score.judged[i] for score in scores if score.judged)
        if judged and not bound.met and all(worst(score.checks[i]) == 1 for score in scores):
            raise InputError(
                f"{check.name}: {judged:,} requests in {len(scores)} replications do not show {100 * check.target:.6g} "
                f"% with {100 * level:g} % confidence, even if all are good; take "
                f"{requests_to_show(check.target, level):,} or more, by a longer horizon or more seeds"
            )


def requests_to_show(share: float, level: float) -> int:
    """Requests of which all are good that show at least this share of good ones, with the usual difference to another
    run: (1 - level) = share ** n, and four standard deviations of a Poisson count.

    >>> requests_to_show(0.99, 0.95)
    368
    """
    needed = log(1 - level) / log(share)
    return ceil(needed + 4 * sqrt(needed))


def proves_to_hold(order: Sequence[tuple[str, int]], simulate: Simulate, level: float) -> bool:
    """True if a plan meets its targets at their confidence bounds; it is simulated no further than shows that it does
    not.

    Args:
        order: all its runs, the most telling first.
        simulate: makes them.
        level: of the bounds.
    """
    scores: dict[tuple[str, int], RunScore] = {}
    count = 1
    while count:
        scores |= simulate(order[len(scores) : len(scores) + count])
        found = list(scores.values())
        if hopeless(found, len(order)) or bound_lost(found, len(order), level):
            return False
        count = at_once(found, len(order))
    return holds([scores[key] for key in sorted(scores)], level)


def worst(check: Check) -> float:
    """The measured value; where nothing could be measured, the worst."""
    if check.measured is None:
        return 0.0 if is_to_reach(check.name) else inf
    return check.measured


def margin(score: RunScore) -> float:
    """Distance to the target that is kept by the least; less than 0 = it is missed.

    >>> round(margin(futures_score(1.0, 0.1, met=False)), 9)
    -0.9
    """
    return min(map(_kept, score.checks), default=0.0)


def is_far(score: RunScore) -> bool:
    """True if only a small part of the share asked for is good: so a plan with many replicas lets no fleet of its
    hardware seem to hold.
    """
    return any(is_to_reach(check.name) and worst(check) < _FAR * check.target for check in score.checks)


def _kept(check: Check) -> float:
    value = worst(check)
    return value - check.target if is_to_reach(check.name) else 1 - value / max(check.target, 1e-9)


def hopeless(scores: Sequence[RunScore], replications: int) -> bool:
    """True if a target is missed on average even if all other replications are perfect."""
    rest = replications - len(scores)
    for same in zip(*(score.checks for score in scores), strict=True):
        good = is_to_reach(same[0].name)
        mean = (fsum(map(worst, same)) + rest * (1.0 if good else 0.0)) / replications
        if not Check.of(same[0].name, mean, same[0].target).met:
            return True
    return False


def misses_of(scores: Sequence[RunScore], replications: int) -> str:
    """Reason of a plan that misses the SLO even if its other replications were perfect; of futures, how many tell it.

    >>> misses_of([futures_score(1.0, 0.1, met=False)] * 2, 10)
    'misses the SLO in 2 of 10 futures or more, the busiest first'
    >>> misses_of([futures_score(1.0, 0.1, met=False)], 1)
    'misses the SLO in 1 of 1 future'
    """
    check = scores[0].checks[0]
    if check.name != FUTURES:
        return "misses the SLO in simulation"
    enough = misses_allowed(replications, 1 - check.target) + 1
    more = " or more, the busiest first" if enough < replications else ""
    return f"misses the SLO in {enough} of {plural(replications, 'future')}{more}"


def at_once(scores: Sequence[RunScore], replications: int) -> int:
    """Number of replications to simulate next of a plan that may be the best: all that are left; of futures, once one
    has missed the SLO, as many as it takes to show that too many do.

    >>> met, missed = (RunScore(usd=1.0, checks=(Check.of(FUTURES, share, 0.9),)) for share in (1.0, 0.0))
    >>> at_once([met], 10), at_once([missed], 10), at_once([missed, met], 10), at_once([missed], 30)
    (9, 1, 1, 3)
    """
    missed = [score for score in scores if score.checks and score.checks[0].name == FUTURES and not score.checks[0].met]
    left = count = replications - len(scores)
    if missed:
        enough = (more for more in range(1, left) if hopeless([*scores, *missed[:1] * more], replications))
        count = next(enough, left)
    return count


def bound_lost(scores: Sequence[RunScore], replications: int, level: float) -> bool:
    """True if the lower bound of a share misses its target whatever all other replications are.

    L = mean - t s / sqrt(N) is concave in the values, so that L with all others at 1 is the most where L still rises in
    them there: t s / sqrt(N) (1 - mean) N <= sum of (value - mean)^2. Where it does not, nothing is said.
    """
    for same in zip(*(score.checks for score in scores), strict=True):
        if not is_to_reach(same[0].name) or same[0].name == FUTURES:
            continue
        values = [*map(worst, same), *[1.0] * (replications - len(same))]
        bounds = interval(values, 2 * level - 1, exact=True)
        if bounds.lo is None or Check.of(same[0].name, bounds.share_lo, same[0].target).met:
            continue
        squares = fsum((value - bounds.mean) ** 2 for value in values)
        if (bounds.margin or 0.0) * (1 - bounds.mean) * replications <= squares:
            return True
    return False
