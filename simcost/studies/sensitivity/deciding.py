"""Quantities of which the sign decides between two plans: misses of one, or the difference of their costs."""

from __future__ import annotations

from math import fsum, inf, log, sqrt
from typing import Protocol

from simcost.record import record
from simcost.studies.sensitivity.states import PlanAtValue, PlanState, Preference

_LEAST_RATIO = 1e-3
"""Of misses to those allowed: below it, how few there are says nothing."""
_FEW = 0.1
"""Of misses to those allowed in one replication: below it their number is a matter of chance."""


class Deciding(Protocol):
    """A quantity that is below zero below a flip, and above it above."""

    def height(self, state: PlanState) -> float | None:
        """The quantity over all replications, on a scale on which it is nearly straight; None = not known."""

    def differences(self, state: PlanState) -> list[float]:
        """The quantity less what it is at a flip, by replication; empty where it is not known."""

    def heights(self, state: PlanState) -> dict[int, float]:
        """The height of each replication by itself; empty where it is not known."""

    def weight(self, state: PlanState) -> float:
        """Noise of the height over all replications as a share of that of one."""


@record
class Misses:
    """Misses of a plan over those allowed."""

    plan: str
    base: PlanAtValue
    """The plan at the base."""
    sign: float
    """-1 of a plan that misses the SLO below the flip."""

    def height(self, state: PlanState) -> float | None:
        """Logarithm of the ratio."""
        found = state.known.get(self.plan)
        if found is None or found.ratio == inf:
            return None
        return self.sign * log(max(found.mean_ratio(self.base), _LEAST_RATIO))

    def differences(self, state: PlanState) -> list[float]:
        """The ratio less 1; of a plan without hope in the replications that show it."""
        found = state.known.get(self.plan)
        return [] if found is None else [self.sign * (ratio - 1) for ratio in found.ratios]

    def heights(self, state: PlanState) -> dict[int, float]:
        """Logarithms of the ratios, those of hardly a miss left out."""
        found = state.known.get(self.plan)
        pairs = () if found is None or not found.ratios else zip(found.replications, found.ratios, strict=True)
        return {number: self.sign * log(ratio) for number, ratio in pairs if _FEW < ratio < inf}

    def weight(self, state: PlanState) -> float:
        """Those with many misses count most."""
        found = state.known.get(self.plan)
        ratios = () if found is None else found.ratios
        return sqrt(fsum(ratio**2 for ratio in ratios)) / fsum(ratios) if any(ratios) else 1.0


@record
class Gap:
    """Cost of the plan that is best below a flip, less that of the one above."""

    before: str
    after: str
    preference: Preference

    def height(self, state: PlanState) -> float | None:
        """USD a month."""
        before, after = state.known.get(self.before), state.known.get(self.after)
        if before is None or after is None:
            return None
        return self.preference.gap_usd(self.before, before.usd, self.after, after.usd)

    def differences(self, state: PlanState) -> list[float]:
        """USD a month."""
        before, after = state.known.get(self.before), state.known.get(self.after)
        if before is None or after is None or not (before.complete and after.complete):
            return []
        return [
            self.preference.gap_usd(self.before, one, self.after, other)
            for one, other in zip(before.costs_usd, after.costs_usd, strict=True)
        ]

    def heights(self, state: PlanState) -> dict[int, float]:
        """USD a month."""
        return dict(enumerate(self.differences(state)))

    def weight(self, state: PlanState) -> float:
        """Of a mean."""
        return 1 / sqrt(max(len(self.differences(state)), 1))


def deciding(low: PlanState, high: PlanState, base: PlanState, preference: Preference) -> Deciding | None:
    """The quantity that decides between the best plans at two values; None = nothing tells.

    It is the misses of the plan that is best at one value and misses the SLO at the other, else the costs of both.
    """
    before, after = low.best, high.best
    if before is not None and high.possible(before) == inf:
        return Misses(plan=before, base=base.known[before], sign=1.0)
    if after is not None and low.possible(after) == inf:
        return Misses(plan=after, base=base.known[after], sign=-1.0)
    return None if before is None or after is None else Gap(before=before, after=after, preference=preference)
