"""What a provider's meter reads: for each clock-hour, how many hours every line of usage ran.

Reservations, savings plans and committed-use discounts are settled per clock-hour in UTC and never roll over; this
is the form in which they look at usage. Rows may come in any order and be cut anywhere: the sums are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from simcost.units import SECONDS_PER_HOUR

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is metered by the hour, and its price without any commitment."""

    provider: str
    sku: str
    region: str
    zone: str = ""
    account: str = ""
    pricing: Literal["standard", "spot"] = "standard"
    accelerator: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    """What it was used for: workload, model, tenant, team."""
    list_usd: float
    """On-demand list price of an hour; of spot, the mean price in effect."""
    contracted_usd: float
    """The same after negotiated discounts: what is paid without a commitment."""
    as_of: str
    """Date of the price; empty for a price of the user's own."""
    quality: str
    """A, B or C as in the catalog, or `given`."""
    source: str = ""
    """Where the price comes from; empty for a price of the user's own."""
    reserved_idle: bool = False
    """Hours of a capacity reservation that nothing used; discounts reach them after all usage."""

    @property
    def name(self) -> str:
        """`provider/sku`, as plans write it."""
        return f"{self.provider}/{self.sku}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """Stretches in which so many units of a line ran, in seconds from the start of hour 0."""

    start_s: Floats
    end_s: Floats
    line: Ints
    units: Floats
    price_usd: Floats | None = None
    """Price in effect of a unit and hour, where it is not the line's (spot)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metered:
    """Hours of usage by clock-hour and line."""

    start_s: float | None
    """Seconds since 1970 (UTC) at the start of hour 0, a whole clock-hour; None = a simulated time without calendar."""
    length_h: Floats
    """[hour] How much of each clock-hour lies in the account; 1 but for the last, which the end of a run may cut."""
    lines: tuple[Line, ...]
    hours: Floats
    """[hour, line] Unit-hours metered."""
    varying_usd: Floats | None
    """[hour, line] Cost at the prices in effect, where runs have prices of their own."""
    runs: Runs
    """Where within the hours; for reservations of capacity, which look at each second."""

    @property
    def span_h(self) -> float:
        """Length of the account."""
        return float(self.length_h.sum())


def metered(
    lines: Sequence[Line], runs: Runs, *, horizon_s: float, start_s: float | None, cut: bool = True
) -> Metered:
    """Runs as hours of each clock-hour.

    Args:
        lines: what ran.
        runs: when.
        horizon_s: end of the account, from the start of hour 0; what a minimum charge adds beyond it counts in the
            last hour.
        start_s: of hour 0, since 1970; None = no calendar.
        cut: whether the account ends at the horizon; else at the end of its clock-hour.
    """
    count = max(int(np.ceil(horizon_s / SECONDS_PER_HOUR - 1e-9)), 1)
    length = np.ones(count)
    if cut:
        length[-1] = horizon_s / SECONDS_PER_HOUR - (count - 1)
    order = np.lexsort((runs.units, runs.end_s, runs.start_s, runs.line))
    runs = Runs(
        start_s=runs.start_s[order], end_s=runs.end_s[order], line=runs.line[order], units=runs.units[order],
        price_usd=None if runs.price_usd is None else runs.price_usd[order],
    )  # fmt: skip
    varying = None
    if runs.price_usd is not None:
        varying = _by_hour(runs, runs.units * runs.price_usd, count, len(lines))
    hours = _by_hour(runs, runs.units, count, len(lines))
    return Metered(
        start_s=start_s, length_h=length, lines=tuple(lines), hours=hours, varying_usd=varying, runs=runs
    )


def _by_hour(runs: Runs, units: Floats, hours: int, lines: int) -> Floats:
    """[hour, line] Unit-hours: whole hours between the ends by a running sum, the ends by themselves."""
    first_h, last_h = runs.start_s / SECONDS_PER_HOUR, runs.end_s / SECONDS_PER_HOUR
    begin, end = (np.clip(np.floor(at).astype(np.int64), 0, hours) for at in (first_h, last_h))
    change = np.zeros((hours + 1, lines))
    np.add.at(change, (begin, runs.line), units)
    np.add.at(change, (end, runs.line), -units)
    found = np.cumsum(change, axis=0)[:hours]
    ends = np.zeros((hours + 1, lines))
    np.add.at(ends, (begin, runs.line), -units * (first_h - begin))
    np.add.at(ends, (np.minimum(end, hours - 1), runs.line), units * (last_h - end))
    total: Floats = np.round(found + ends[:hours], 12) + 0.0  # below a ns: cuts and order leave no trace
    return total
