"""Ray Serve's autoscaler.

Semantics: ray 2.60 ray/serve/autoscaling_policy.py and config.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, fsum, isnan
from typing import Annotated, ClassVar, Literal, NamedTuple, TypedDict

from annotated_types import Gt

from simcost.plan.autoscaling.policy import Decision, Observation, ScaleDownOrder, Source, ns, own
from simcost.plan.replica_counts import StartingReplicas
from simcost.record import record
from simcost.units import Count, PositiveCount, PositiveSeconds, Seconds

SLACK_NS = 1000
"""A delay counts as over a microsecond early."""


class Wish(TypedDict):
    """The direction that decisions have kept, and since when."""

    direction: int
    """1 = up, -1 = down, 0 = neither."""
    since_ns: int | None


class RayState(TypedDict):
    """Samples of the look-back period, the last mean that was pushed, and the wish."""

    samples: list[list[float]]
    """Stretches of equal samples, one an interval: first and last instant in nanoseconds, requests."""
    pushed: list[float] | None
    """Instant in nanoseconds, requests; None before the first."""
    wish: Wish


class RequestLoad(NamedTuple):
    """Inputs of one decision."""

    requests: float
    """Running and queued, over the look-back period."""
    running: int
    """Replicas that run."""
    target: int
    """Replicas asked for now."""


@record
class RayServe(StartingReplicas):
    """Requests running and queued per replica near a target; a change must be wanted for its whole delay."""

    kind: Literal["ray-serve"] = "ray-serve"
    scrape_s: ClassVar[float | None] = 10.0
    scale_down_order: ClassVar[ScaleDownOrder] = "youngest"
    min: Count = 1
    """Fewest replicas."""
    max: PositiveCount = 1
    """Most replicas."""
    start: Count | None = None
    """Replicas at time 0, already warm (`initial_replicas`); None = min."""
    target_ongoing_requests: Annotated[float, Gt(0)] = 2.0
    """Per replica."""
    look_back: PositiveSeconds = 30.0
    """Time over which requests are taken."""
    aggregation: Literal["mean", "max", "min"] = "mean"
    """Aggregation of the samples."""
    upscale_delay: Seconds = 30.0
    """Time for which more must be wanted before any is added."""
    downscale_delay: Seconds = 600.0
    """Time for which fewer must be wanted before any is removed."""
    downscale_to_zero_delay: Seconds | None = None
    """From 1 to 0; None = `downscale_delay`."""
    upscaling_factor: Annotated[float, Gt(0)] = 1.0
    """Of the difference, for each decision."""
    downscaling_factor: Annotated[float, Gt(0)] = 1.0
    """Share of the way down that is gone at once."""
    interval: PositiveSeconds = 0.1
    """Of the control loop. A second or two decide the same, at most that much later, and cost less."""
    push: Seconds = 10.0
    """Between two reports of requests to the controller; 0 = each decision sees the newest."""

    def initial(self) -> int:
        """Replicas at the start."""
        return min(max(self.min if self.start is None else self.start, self.min), self.max)

    def fresh(self) -> RayState:
        """Nothing seen, nothing wanted."""
        return {"samples": [], "pushed": None, "wish": {"direction": 0, "since_ns": None}}

    def reads(self) -> Mapping[str, Source]:
        """Requests in flight: running, and queued at the handles."""
        return own("in_flight")

    def by_replica(self) -> frozenset[str]:
        """None: it reads totals of the pool."""
        return frozenset()

    def step(self, now_s: float, seen: Observation, state: RayState) -> Decision[RayState]:
        """Take the look-back mean, and decide."""
        now_ns = ns(now_s)
        new = self._sampled(state, now_ns, seen.total("in_flight"))
        if new["pushed"] is None:
            return Decision(seen.current, "NoData: no report of requests yet", new)
        load = RequestLoad(new["pushed"][1], seen.ready, seen.current)
        desired, reason, wish = self.decide(now_ns, load, new["wish"])
        return Decision(desired, reason, {**new, "wish": wish})

    def decide(self, now_ns: int, load: RequestLoad, wish: Wish) -> tuple[int, str, Wish]:
        """Replicas for a load, why, and the wish to go on with."""
        words = f"{load.requests:.4g} requests on {load.running} replicas, {self.target_ongoing_requests:g} each"
        if load.running == 0:
            cold = max(ceil(self.upscaling_factor), load.target) if load.requests > 0 else load.target
            return self._bounded(cold), f"FromZero: {words}", wish
        ratio = load.requests / (self.target_ongoing_requests * load.running)
        wanted = self._scaled(load.running * ratio, load.running)  # in this order, as Ray rounds
        desired, reason, wish = self._delayed(now_ns, max(0, wanted), load.target, wish)
        return self._bounded(desired), f"{reason}: {words}: desired {wanted}", wish

    def _scaled(self, exact: float, running: int) -> int:
        """A part of the way, a replica at least when it goes down."""
        factor = self.upscaling_factor if exact > running else self.downscaling_factor
        scaled = ceil(running + factor * (exact - running))
        return scaled - 1 if ceil(exact) < running and scaled == running else scaled

    def _delayed(self, now_ns: int, wanted: int, target: int, wish: Wish) -> tuple[int, str, Wish]:
        """The latest wish once its direction has held for the delay."""
        if wanted == target:
            return target, "OnTarget", {"direction": 0, "since_ns": None}
        up = wanted > target
        direction, delay_s = 1 if up else -1, self.upscale_delay
        if not up:
            last = target == 1
            wanted = wanted if last else max(1, wanted)
            delay_s = self.downscale_delay
            if last and self.downscale_to_zero_delay is not None:
                delay_s = self.downscale_to_zero_delay
        since_ns = wish["since_ns"] if wish["direction"] == direction else None
        since_ns = now_ns if since_ns is None else since_ns
        if now_ns - since_ns + SLACK_NS >= ns(delay_s):
            return wanted, "Upscale" if up else "Downscale", {"direction": 0, "since_ns": None}
        reason = "UpscaleDelayed" if up else "DownscaleDelayed"
        return target, reason, {"direction": direction, "since_ns": since_ns}

    def _bounded(self, replicas: int) -> int:
        return min(max(replicas, self.min), self.max)

    def _sampled(self, state: RayState, now_ns: int, requests: float) -> RayState:
        """The look-back period with a new sample, and its aggregate where a report is due."""
        if isnan(requests):
            return state
        since_ns = now_ns - ns(self.look_back)
        samples = self._with(state["samples"], since_ns, now_ns, requests)
        pushed = state["pushed"]
        if pushed is None or now_ns - pushed[0] >= ns(self.push):
            pushed = [now_ns, self._aggregate(samples, since_ns)]
        return {**state, "samples": samples, "pushed": pushed}

    def _with(self, samples: list[list[float]], since_ns: int, now_ns: int, requests: float) -> list[list[float]]:
        """The stretches with one more sample, without those that are over by then."""
        gone = next((i for i, (_, last_ns, _) in enumerate(samples) if last_ns > since_ns), len(samples))
        if samples:
            first_ns, last_ns, value = samples[-1]
            if value == requests and now_ns - last_ns == ns(self.interval):
                return [*samples[gone:-1], [first_ns, now_ns, value]]
        return [*samples[gone:], [now_ns, now_ns, requests]]

    def _aggregate(self, samples: list[list[float]], since_ns: int) -> float:
        """Of the samples after an instant."""
        if self.aggregation != "mean":
            return (max if self.aggregation == "max" else min)(value for _, _, value in samples)
        step_ns = ns(self.interval)
        counts = [(last_ns - max(first_ns, since_ns + 1)) // step_ns + 1 for first_ns, last_ns, _ in samples]
        return fsum(n * value for n, (_, _, value) in zip(counts, samples, strict=True)) / sum(counts)
