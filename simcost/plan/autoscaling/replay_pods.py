"""The life of pods, as the rows of a recording tell it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcost.plan.autoscaling.policy import READY, RUNNING
from simcost.plan.autoscaling.replay_samples import LONG_NS, Samples, held
from simcost.trace.metrics_init import PHASES, SAID, Flags, Floats, Ints, Recording
from simcost.units import NS_PER_S

TERMINATING = PHASES.index("terminating")


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The pods that are there at an instant; all arrays have one length."""

    pod: Ints
    phase: Ints
    deleting: Flags
    ready: Ints
    age_s: Floats
    ready_age_s: Floats
    window_s: Floats


@dataclass(frozen=True, slots=True)
class Pods:
    """Per row of a pod what is known then, from it and earlier rows."""

    newest: Samples
    """Of any metric; their values are nothing."""
    until_ns: Ints
    """Time until which the pod is there, unless more rows follow."""
    phase: Floats
    ready: Floats
    start_ns: Floats
    changed_ns: Floats
    window_s: Floats

    def at(self, now_ns: int) -> Now:
        """The pods that are there."""
        rows = self.newest.at(now_ns)
        pod = np.flatnonzero((rows >= 0) & (self.until_ns[rows] > now_ns))
        row = rows[pod]
        phase = self.phase[row].astype(np.int64)
        deleting = phase == TERMINATING
        return Now(
            pod=pod, phase=np.where(deleting, RUNNING, phase), deleting=deleting,
            ready=self.ready[row].astype(np.int64), age_s=(now_ns - self.start_ns[row]) / NS_PER_S,
            ready_age_s=(now_ns - self.changed_ns[row]) / NS_PER_S, window_s=self.window_s[row],
        )  # fmt: skip


def pods_of(recording: Recording, stands_ns: Ints, gap_ns: Ints) -> Pods | None:
    """The pods of a recording, given per row for how long its sample counts and what time it covers unless it says so.

    A pod that has rows at the beginning was there long before, ready or not as it is then. Another one started with
    its first row.
    """
    rows = np.flatnonzero(recording.pod >= 0)
    if not len(rows):
        return None
    time_ns, pod = recording.time_ns[rows], recording.pod[rows]
    nothing = np.full(len(rows), np.nan)
    said = {name: recording.said[name][rows] if name in recording.said else nothing for name in SAID}
    of_pod = np.argsort(pod, kind="stable")
    first_ns = time_ns[of_pod[np.searchsorted(pod[of_pod], pod)]]
    appeared_ns = np.where(first_ns - recording.time_ns[0] < stands_ns[rows], -float(LONG_NS), first_ns)
    start_ns = held(time_ns - said["age_s"] * NS_PER_S, pod, appeared_ns)
    ready = held(said["ready"], pod, READY)
    return Pods(
        newest=Samples(time_ns=time_ns, pod=pod, value=nothing, request=nothing, failed=np.zeros(len(rows), np.bool_),
                       stands_ns=np.full(len(rows), 2 * LONG_NS), pods=len(recording.pods)),
        until_ns=_until(time_ns + stands_ns[rows], of_pod, pod),
        phase=held(said["phase"], pod, RUNNING), ready=ready, start_ns=start_ns,
        changed_ns=_changed(time_ns, of_pod, pod, ready, time_ns - said["ready_age_s"] * NS_PER_S,
                            np.where(ready == READY, appeared_ns, start_ns)),
        window_s=held(said["window_s"], pod, gap_ns[rows] / NS_PER_S),
    )  # fmt: skip


def _until(expires_ns: Ints, of_pod: Ints, pod: Ints) -> Ints:
    """The latest expiry so far, pod by pod."""
    until_ns = np.empty_like(expires_ns)
    for own in np.split(of_pod, np.flatnonzero(np.diff(pod[of_pod])) + 1):
        until_ns[own] = np.maximum.accumulate(expires_ns[own])
    return until_ns


def _changed(
    time_ns: Ints, of_pod: Ints, pod: Ints, ready: Floats, said_ns: Floats, first_ns: Floats
) -> Floats:
    """When readiness last changed: as a row says, else where it differs from the row before."""
    is_first = np.append(True, np.diff(pod[of_pod]) != 0)
    turned = np.append(False, np.diff(ready[of_pod]) != 0)
    changed = np.empty(len(time_ns))
    changed[of_pod] = np.where(is_first, first_ns[of_pod], np.where(turned, time_ns[of_pod], np.nan))
    return held(np.where(np.isnan(said_ns), changed, said_ns), pod, np.nan)
