"""Readings of a provider's meter: hours of every line of usage in each clock-hour, from a ledger or a file.

Reservations, savings plans and committed-use discounts are settled per clock-hour in UTC and never roll over; this
is the form in which they look at usage. Rows may come in any order and be cut anywhere: the sums are the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from simcost.catalog.facts import BillingRule
from simcost.errors import RunError
from simcost.ledger.requests import Ledger, LedgerUsage
from simcost.units import SECONDS_PER_HOUR

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is metered by the hour, and its price without any commitment."""

    provider: str
    sku: str
    region: str
    service: str = ""
    """Service of the provider, as usage names it or its SKU tells; empty = not known."""
    zone: str = ""
    account: str = ""
    pricing: Literal["standard", "spot"] = "standard"
    accelerator: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    """Tags of its use: workload, model, tenant, team."""
    list_usd: float
    """On-demand list price of an hour; of spot, the mean price in effect."""
    contracted_usd: float
    """The same after negotiated discounts: what is paid without a commitment."""
    as_of: str
    """Date of the price; empty for a price of the user's own."""
    quality: str
    """A, B or C as in the catalog, or `given`."""
    source: str = ""
    """Source of the price; empty for a price of the user's own."""
    contract: str = ""
    """Name of the contract whose price is paid; empty = none."""
    reserved_idle: bool = False
    """Hours of a capacity reservation that nothing used; discounts reach them after all usage."""

    @property
    def name(self) -> str:
        """`provider/sku`, as plans write it."""
        return f"{self.provider}/{self.sku}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsageIntervals:
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
    runs: UsageIntervals
    """Runs within the hours; for reservations of capacity, which need each second."""
    notes: tuple[str, ...] = ()
    """Sentences on the metering of its runs."""

    @property
    def span_h(self) -> float:
        """Length of the account."""
        return float(self.length_h.sum())

    def days_h(self, from_h: float, to_h: float) -> Iterator[tuple[date | None, float]]:
        """Days (UTC) of a part of the account, each with its hours in it; simulated time is one day without a date."""
        if self.start_s is None:
            yield None, to_h - from_h
            return
        start = from_h
        while start < to_h:
            at_s = self.start_s + start * SECONDS_PER_HOUR
            end = min(to_h, start + 24 - at_s / SECONDS_PER_HOUR % 24)
            yield datetime.fromtimestamp(at_s, UTC).date(), end - start
            start = end


def idle_hour(lines: Sequence[Line], length_h: float = 1.0) -> Metered:
    """An hour, or the first part of one, in which nothing ran."""
    none = np.empty(0)
    return Metered(
        start_s=None,
        length_h=np.full(1, length_h),
        lines=tuple(lines),
        hours=np.zeros((1, len(lines))),
        varying_usd=None,
        runs=UsageIntervals(start_s=none, end_s=none, line=none.astype(np.int64), units=none),
    )


def metered(
    lines: Sequence[Line], runs: UsageIntervals, *, horizon_s: float, start_s: float | None, cut: bool = True
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
    runs = UsageIntervals(
        start_s=runs.start_s[order],
        end_s=runs.end_s[order],
        line=runs.line[order],
        units=runs.units[order],
        price_usd=None if runs.price_usd is None else runs.price_usd[order],
    )
    varying = None
    if runs.price_usd is not None:
        varying = _by_hour(runs, runs.units * runs.price_usd, count, len(lines))
    hours = _by_hour(runs, runs.units, count, len(lines))
    return Metered(start_s=start_s, length_h=length, lines=tuple(lines), hours=hours, varying_usd=varying, runs=runs)


def _by_hour(runs: UsageIntervals, units: Floats, hours: int, lines: int) -> Floats:
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


_SLACK_S = 1e-6  # a microsecond of float error is no further second


def usages_of(ledger: Ledger) -> list[LedgerUsage]:
    """Usage of a serving run, by kind of node. What it sent out stands with the first kind.

    Raises:
        RunError: the ledger contradicts itself.
    """
    run_seconds(ledger)
    slot_seconds(ledger)
    parts = [ledger.of_kind(kind) for kind in range(len(ledger.slots))] if len(ledger.slots) > 1 else [ledger]
    return [
        LedgerUsage(
            horizon_s=ledger.horizon_s,
            slots_per_node=slots,
            nodes=part.nodes,
            slot_seconds=part.slot_seconds(),
            stepping_s=part.busy_ready_s() * (1 - part.computing_share()),
            disk_gb_per_node=ledger.disk_gb_per_node,
            gb_out=ledger.gb_out if kind == 0 else 0.0,
            out_shares=ledger.out_shares() if kind == 0 else (),
        )
        for kind, (slots, part) in enumerate(zip(ledger.slots, parts, strict=True))
    ]


def run_seconds(ledger: Ledger | LedgerUsage) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Running time of each node in seconds, and True where it was still running at the end of the run.

    Raises:
        RunError: a node ends before it starts, or after the end of the run.
    """
    start, end = ledger.nodes["start_s"].to_numpy(), ledger.nodes["end_s"].to_numpy()
    wrong = (end < start) | (end > ledger.horizon_s + _SLACK_S) | (start < 0)
    if wrong.any():
        row = int(wrong.argmax())
        raise RunError(
            f"ledger: node in row {row} runs from {start[row]} s to {end[row]} s in a run of "
            f"{ledger.horizon_s} s; this is a fault of the simulator, please report it"
        )
    return end - start, end >= ledger.horizon_s - _SLACK_S


def billed_seconds(run_s: npt.ArrayLike, still_running: npt.ArrayLike, rule: BillingRule) -> npt.NDArray[np.float64]:
    """Seconds the provider bills for each interval: max(minimum, ceil(run / granularity) * granularity).

    An interval still running at the end of the run is cut there and billed as it stands: its rounding and
    minimum belong to the time after the run.
    """
    run = np.asarray(run_s, dtype=np.float64)
    steps = np.ceil((run - _SLACK_S) / rule.granularity_s)
    rounded = np.maximum(np.maximum(rule.minimum_s, steps * rule.granularity_s), run)
    return np.where(still_running, run, rounded)


def slot_seconds(ledger: Ledger) -> dict[str, float]:
    """`Ledger.slot_seconds`, of a ledger that does not contradict itself.

    Raises:
        RunError: replicas took more time than their node has, or were busy for longer than they were there.
    """
    length = ledger.replicas["end_s"].to_numpy() - ledger.replicas["start_s"].to_numpy()
    busy = ledger.replicas["busy_s"].to_numpy()
    if (length < -_SLACK_S).any() or (busy < -_SLACK_S).any() or (busy > length + _SLACK_S).any():
        raise RunError("ledger: a replica was busy for longer than it was there; please report this")
    if ledger.outcomes.work_s > busy.sum() * (1 + 1e-9) + _SLACK_S:
        raise RunError("ledger: tokens took more engine time than replicas were busy; please report this")
    unknown = set(ledger.replicas["state"].to_pylist()) - {"starting", "ready", "draining"}
    if unknown:
        raise RunError(f"ledger: unknown replica state {sorted(unknown)}; please report this")
    _check_nodes(ledger, length)
    return ledger.slot_seconds()


def _check_nodes(ledger: Ledger, length: npt.NDArray[np.float64]) -> None:
    """Node by node: its replicas took no more slot seconds than it offers."""
    nodes, place = np.unique(ledger.nodes["node"].to_numpy(), return_inverse=True)
    slots = np.bincount(place, ledger.offered_s(), minlength=len(nodes))
    home = ledger.replicas["node"].to_numpy()
    strangers = ~np.isin(home, nodes)
    if strangers.any():
        raise RunError(f"ledger: a replica lies on the unknown node {home[strangers][0]}; please report this")
    taken = np.bincount(np.searchsorted(nodes, home), length, minlength=len(nodes))
    over = taken > slots * (1 + 1e-9) + _SLACK_S
    if over.any():
        worst = int(over.argmax())
        raise RunError(
            f"ledger: replicas took {taken[worst]:.6f} s of node {nodes[worst]}, which offers only "
            f"{slots[worst]:.6f} slot seconds; this is a fault of the simulator, please report it"
        )
