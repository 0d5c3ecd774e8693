"""Growth that a history shows: how much, how sure, and what it adds to a forecast."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simcost.forecast.models.base import Fitted
from simcost.forecast.models.long_horizon import WEEKS_A_MONTH, Planned
from simcost.forecast.season import MONTHLY, Season
from simcost.trace.series.series import Floats

P90 = 1.2815515655446004
"""Standard normal quantile of 90 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredGrowth:
    """Factor of a month by which demand grew, and what of it is in a forecast."""

    per_month: float
    """Median factor: 1.1 = 10 % a month."""
    lo: float
    hi: float
    """Its 80 % interval."""
    kept: float
    """Share of it, as a logarithm, that the point forecast goes on with; 0 where it was left out."""
    adds: Floats
    """Its part in each step of the point forecast."""


def measured(ahead: Fitted, season: Season) -> MeasuredGrowth | None:
    """Growth that a planned forecast found; None for other models, which do not tell it apart."""
    if not isinstance(ahead, Planned):
        return None
    months = 1.0 if season == MONTHLY else 1 / WEEKS_A_MONTH
    growth = ahead.state.growth
    rate, error = growth.rate / months, P90 * growth.error / months
    return MeasuredGrowth(
        per_month=math.exp(rate),
        lo=math.exp(rate - error),
        hi=math.exp(rate + error),
        kept=ahead.kept,
        adds=ahead.point - ahead.ungrown,
    )
