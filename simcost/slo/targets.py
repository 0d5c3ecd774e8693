"""Service level targets of requests and jobs, and their attainment."""

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Literal, Self

from annotated_types import MinLen

from simcost.record import record
from simcost.units import PositiveSeconds, Seconds, Share

if TYPE_CHECKING:
    from simcost.ledger.requests import LatencyLimits

Percentile = Literal["p50", "p90", "p95", "p99"]
JobLevel = Literal["mean", "p50", "p90", "p95", "p99", "max"]
FUTURES = "futures"
"""Name of the check of the share of futures that meet the SLO. A future does or does not, so that it has no spread."""
_SHARES_TO_REACH = ("attainment", FUTURES, "deadlines")


def is_to_reach(check: str) -> bool:
    """True of a check of a share of what is good, by its name; all other checks are of something bad."""
    return check.rpartition(": ")[2] in _SHARES_TO_REACH


@record
class Slo:
    """Targets of requests and of jobs. Of requests: limits of each, the share that must keep them, targets on
    percentiles. Of jobs: targets on their waiting, completion and deadlines.

    A request is good when it completes within every limit given. Rejected and timed-out requests are misses.
    attainment = good / (arrived - still in the system and not yet late).
    """

    ttft: PositiveSeconds | None = None
    """Longest time from arrival to first token, queueing included; None = no limit."""
    tpot: PositiveSeconds | None = None
    """Longest mean time between output tokens after the first: (E2E - TTFT) / (output_tokens - 1). A request of
    one output token keeps it."""
    e2e: PositiveSeconds | None = None
    """Longest time from arrival to last token; None = no limit."""
    attainment: Share = 0.99
    """Share of requests that must be good."""
    errors: Share | None = None
    """Largest share of requests rejected or timed out; None = counted in attainment only."""
    percentiles: Annotated[Mapping[Literal["ttft", "tpot", "e2e"], Mapping[Percentile, PositiveSeconds]], MinLen(0)] = (
        field(default_factory=dict)
    )
    """Targets on percentiles over all completed requests: `{ttft: {p95: 2s}, tpot: {p99: 80ms}}`."""
    wait: Annotated[Mapping[JobLevel, Seconds], MinLen(0)] = field(default_factory=dict)
    """Targets on the time from the submission of a job to its first start: `{p95: 1h, mean: 10min}`. A job that
    never starts has waited until the end of the run; one wider than the cluster waits for ever."""
    jct: Annotated[Mapping[JobLevel, Seconds], MinLen(0)] = field(default_factory=dict)
    """Targets on the time from the submission of a job to its end."""
    deadlines: Share | None = None
    """Share of the deadlines of jobs that must be kept; None = no target."""

    def limits(self) -> "LatencyLimits":
        """The per-request limits, as the simulation counts against them."""
        from simcost.ledger.requests import LatencyLimits

        inf = float("inf")
        return LatencyLimits(ttft_s=self.ttft or inf, tpot_s=self.tpot or inf, e2e_s=self.e2e or inf)

    def job_checks(self, measured: Mapping[str, float | None]) -> tuple["Check", ...]:
        """Every target of jobs against what was measured; names are `wait_s p95`, `jct_s mean`, `deadlines`."""
        targets = {f"wait_s {level}": limit for level, limit in self.wait.items()}
        targets |= {f"jct_s {level}": limit for level, limit in self.jct.items()}
        if self.deadlines is not None:
            targets["deadlines"] = self.deadlines
        return tuple(Check.of(name, measured.get(name), target) for name, target in targets.items())

    def checks(self, measured: Mapping[str, float | None]) -> tuple["Check", ...]:
        """Every target of requests against what was measured; names are `attainment`, `errors`, `ttft_s p95`, ..."""
        targets: dict[str, float] = {"attainment": self.attainment}
        if self.errors is not None:
            targets["errors"] = self.errors
        for metric, limits in self.percentiles.items():
            targets |= {f"{metric}_s {percentile}": limit for percentile, limit in limits.items()}
        return tuple(Check.of(name, measured.get(name), target) for name, target in targets.items())


@record
class Check:
    """One target of an SLO and how it was kept."""

    name: str
    """As `attainment`, or of one tenant `chat: attainment`."""
    measured: float | None
    """None where no request has a value."""
    target: float
    """A share, or seconds."""
    met: bool

    @classmethod
    def of(cls, name: str, measured: float | None, target: float) -> Self:
        """Shares of good must reach their target, all else must not exceed it; unmeasured values are not met."""
        met = measured is not None and (measured >= target if is_to_reach(name) else measured <= target)
        return cls(name=name, measured=measured, target=target, met=met)

    @property
    def is_attainment(self) -> bool:
        """True of the attainment of all requests, or of those of a tenant."""
        return is_attainment(self.name)


def is_attainment(check: str) -> bool:
    """True if the name of a check is that of an attainment, of all requests or of a tenant."""
    return check.rpartition(": ")[2] == "attainment"
