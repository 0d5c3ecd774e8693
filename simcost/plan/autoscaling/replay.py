"""Replay of recorded metrics through a scaling policy: its decision at each sync, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

import numpy as np

from simcost.errors import InputError
from simcost.plan.autoscaling.policy import Policy, SamplingPolicy, ns
from simcost.plan.autoscaling.recorded_metrics import pipeline_of
from simcost.trace.metrics import Floats, Ints, Recording
from simcost.units import NS_PER_S

MOST_SYNCS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """Sync by sync; all arrays and lists have one length."""

    time_s: Floats
    current: Ints
    """Replicas asked for before the sync."""
    ready: Ints
    desired: Ints
    reason: list[str]
    totals: dict[str, Floats]
    """Values that the policy read of the whole pool; NaN = no data."""
    silent: int
    """Syncs that were passed over, since nothing is recorded at their time."""

    def __len__(self) -> int:
        return len(self.desired)


def replay(
    policy: Policy,
    recording: Recording,
    *,
    closed: bool = False,
    start: int | None = None,
    valid_s: float | None = None,
) -> Replayed:
    """The decisions of a policy on recorded metrics, at each of its syncs from the first sample to the last.

    Args:
        policy: any scaling policy.
        recording: the metrics; `Recording.table` makes one of arrays. How many replicas there were is what the metric
            `replicas` says, else the number of pods, else what the policy decided before.
        closed: replicas are what the policy decided before, whatever is recorded after the first sync; pods share the
            totals evenly.
        start: replicas at the first sync where they are not recorded, and of a closed loop; None = those recorded, if
            any, else the policy's own.
        valid_s: time for which a sample counts; None = until the next of its kind is due.

    Raises:
        UnrecordedMetricError: a metric that the policy reads is not recorded.
        InputError: there are too many syncs.
    """
    pipeline = pipeline_of(recording, policy.reads(), closed=closed, valid_s=valid_s)
    step_ns = ns(policy.interval)
    first_ns, last_ns = int(recording.time_ns[0]), int(recording.time_ns[-1])
    syncs = (last_ns - first_ns) // step_ns + 1
    if syncs > MOST_SYNCS:
        many = f"{syncs:,} syncs of {policy.interval:g} s are more than {MOST_SYNCS:,}"
        raise InputError(f"{many}; replay a shorter time")
    decided = policy.initial() if start is None else start
    if closed and start is None:
        decided = _recorded_start(policy, recording, valid_s) or decided
    state = policy.fresh()
    rows: list[tuple[float, int, int, int, str, Mapping[str, float]]] = []
    sampling = policy if isinstance(policy, SamplingPolicy) else None
    sample_ns = step_ns if sampling is None else gcd(step_ns, ns(sampling.sample_s))
    for now_ns in range(first_ns, last_ns + 1, sample_ns):
        seen = pipeline.observe(now_ns, decided)
        if seen is None:
            continue
        if sampling is not None and (now_ns - first_ns) % step_ns:
            state = sampling.sampled(now_ns / NS_PER_S, seen, state)
            continue
        decided, reason, state = policy.step(now_ns / NS_PER_S, seen, state)
        rows.append((now_ns / NS_PER_S, seen.current, seen.ready, decided, reason, seen.totals))
    time_s, current, ready, desired, reasons, totals = zip(*rows, strict=True)
    return Replayed(
        time_s=np.array(time_s),
        current=np.array(current),
        ready=np.array(ready),
        desired=np.array(desired),
        reason=list(reasons),
        totals={name: np.array([seen[name] for seen in totals]) for name in policy.reads()},
        silent=syncs - len(rows),
    )


def _recorded_start(policy: Policy, recording: Recording, valid_s: float | None) -> int:
    """Replicas that are recorded at the first sync; the policy's own where none are recorded."""
    first = pipeline_of(recording, policy.reads(), valid_s=valid_s).observe(int(recording.time_ns[0]), policy.initial())
    return first.current if first is not None else policy.initial()
