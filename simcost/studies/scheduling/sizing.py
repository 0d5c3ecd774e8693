"""Number of GPUs that a queue of jobs needs: waiting against cluster size, and hardware that a better policy saves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, fsum
from typing import Any

import numpy as np

from simcost.documents import FindingDocument, optional_key, values
from simcost.errors import InputError
from simcost.ledger.jobs import HELD, JobLedger
from simcost.trace.jobs.jobs import Jobs
from simcost.units import HOURS_PER_MONTH, format_seconds, format_usd, plural

POINTS = 9
"""Sizes on a curve."""
LARGEST = 64
"""Times the offered load: where the search ends."""
WALK = 16
"""Nodes below the answer of the bisection that are tried too, until the wait is twice as long."""
Run = Callable[[int, str], JobLedger]
"""Replays the jobs on a number of GPUs under a policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingTarget:
    """Question about a cluster."""

    wait_s: float
    """Longest wait that the percentile may have."""
    percentile: float
    """As a share: 0.95."""
    step: int
    """GPUs are bought in multiples of it: those of a node."""
    usd_per_gpu_h: float | None
    """None = no money is shown."""
    also: tuple[int, ...] = ()
    """Numbers of GPUs to look at besides, whether they keep the target or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitOfSize:
    """Time in the queue on a cluster, that after preemptions included; `target` at the percentile of the target."""

    mean: float
    target: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSize:
    """The queue on so many GPUs."""

    gpus: int
    wait_s: WaitOfSize
    preemptions: int
    utilisation: float
    """Share of the GPU time that jobs held, restarts after preemptions included."""
    usd_per_month: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedPolicy:
    """The smallest cluster that keeps the target under a policy, the sizes around it, and those asked for."""

    policy: str
    gpus: int
    wait_s: WaitOfSize
    preemptions: int
    utilisation: float
    usd_per_month: float | None
    curve: tuple[ClusterSize, ...]
    at: tuple[ClusterSize, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitTarget:
    """Longest wait that the percentile may have."""

    percentile: float
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MixWait:
    """Waits of all starts; `target` at the percentile of the target."""

    mean: float
    target: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MixRow:
    """The least spot that keeps the target beside so many reserved GPUs; None where no number does."""

    base_gpus: int
    spot_gpus: int | None
    """At most."""
    wait_s: MixWait | None = None
    usd_per_month: float | None = None
    reserved_usd_per_month: float | None = None
    spot_usd_per_month: float | None = None
    spot_gpu_hours_per_month: float | None = None
    preemptions: float | None = None
    redone_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MixResult:
    """Mixes of reserved GPUs and spot that keep the target."""

    trace: str
    available: float
    starts: int
    mixes: tuple[MixRow, ...]
    best: MixRow
    verdict: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingResult:
    """Clusters that keep a target, by policy."""

    offered_gpus: float
    target: WaitTarget
    policies: tuple[SizedPolicy, ...]
    verdict: str
    mix: MixResult | None = optional_key()
    findings: Sequence[FindingDocument] = ()
    provenance: Mapping[str, Any] | None = optional_key()


def size(
    run: Run,
    policies: Sequence[str],
    question: SizingTarget,
    *,
    offered: float,
    widest: int,
    every: int | None = None,
) -> SizingResult:
    """The smallest cluster for each policy, its curve, and the saving of the best policy.

    Args:
        run: replays the jobs.
        policies: names, the first the one that the others are compared with.
        question: target and price.
        offered: GPUs that the jobs keep busy on average.
        widest: of any job; smaller clusters would reject it.
        every: GPUs that all jobs together ask for, beyond which no job waits; None = unknown.

    Raises:
        InputError: not even 64 times the offered load, or the widest job, keeps the target.
    """
    least = max(ceil(widest / question.step), 1)
    guess = max(ceil(min(offered, offered if every is None else every) / question.step), least)
    found = [_policy(run, name, question, least, guess) for name in policies]
    best = min(found, key=lambda one: one.gpus)
    return SizingResult(
        offered_gpus=offered,
        target=WaitTarget(
            percentile=question.percentile,
            wait_s=question.wait_s,
        ),
        policies=tuple(found),
        verdict=_verdict(found, best, question),
        findings=_after_preemptions(found),
    )


def size_of_jobs(jobs: Jobs, run: Run, policies: Sequence[str], question: SizingTarget) -> SizingResult:
    """The same for a log of jobs, whose load is that of the time in which they are submitted."""
    return size(
        run,
        policies,
        question,
        offered=jobs.gpu_seconds / submitted_s(jobs),
        widest=int(jobs.gpus.max()),
        every=int(jobs.gpus.sum()),
    )


def submitted_s(jobs: Jobs) -> float:
    """Time in which the jobs were submitted; of jobs submitted at once, the longest of them."""
    return float(jobs.submit_s[-1] - jobs.submit_s[0]) or float(jobs.duration_s.max())


def _after_preemptions(found: Sequence[SizedPolicy]) -> tuple[FindingDocument, ...]:
    """Finding on the waits of policies that preempt: those to the first start alone would be short on a cluster that is
    far too small.
    """
    stop = [one.policy for one in found if sum(point.preemptions for point in (*one.curve, *one.at))]
    if not stop:
        return ()
    said = (
        f"waits of {', '.join(stop)} count the time in the queue after preemptions too, not only that before the first"
    )
    return ({"kind": "after_preemptions", "count": len(stop), "message": f"{said} start"},)


def _policy(run: Run, name: str, question: SizingTarget, least: int, guess: int) -> SizedPolicy:
    """Bisection on the number of nodes, then a walk down: waits fall as the cluster grows, but not at every step.

    Args:
        run: replays the jobs.
        name: of the policy.
        question: target and price.
        least: nodes that hold the widest job.
        guess: nodes that the offered load fills; where the search begins.
    """
    seen: dict[int, JobLedger] = {}

    def wait(nodes: int) -> float:
        if nodes not in seen:
            seen[nodes] = run(nodes * question.step, name)
        return _wait(seen[nodes], question.percentile)

    low, high = least - 1, guess
    while wait(high) > question.wait_s:
        if high > LARGEST * guess:
            raise InputError(
                f"{name}: not even {high * question.step:,} GPUs keep P{100 * question.percentile:g} of the wait "
                f"within {format_seconds(question.wait_s)}; ask for a longer wait"
            )
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if wait(middle) <= question.wait_s else (middle, high)
    for nodes in range(high - 1, max(least, high - WALK) - 1, -1):
        high = nodes if wait(nodes) <= question.wait_s else high
        if wait(nodes) > 2 * question.wait_s:
            break
    high, shown = _settled(wait, seen, question, least, high)
    curve = tuple(_point(seen[nodes], nodes * question.step, question) for nodes in sorted(seen) if nodes in shown)
    at = tuple(_point(_of_size(run, seen, gpus, name, question.step), gpus, question) for gpus in question.also)
    return SizedPolicy(policy=name, **values(_point(seen[high], high * question.step, question)), curve=curve, at=at)


def _settled(
    wait: Callable[[int], float], seen: dict[int, JobLedger], question: SizingTarget, least: int, high: int
) -> tuple[int, range]:
    """The smallest number of nodes of all that were tried, those of its curve included, that keeps the target."""
    for gpus in question.also:
        if gpus % question.step == 0 and gpus >= least * question.step:
            wait(gpus // question.step)
    while True:
        shown = range(max(least, high // 2), 2 * high + 1)
        for nodes in np.unique(np.linspace(shown[0], shown[-1], POINTS).astype(int)).tolist():
            wait(nodes)
        smallest = min(nodes for nodes in seen if nodes >= least and wait(nodes) <= question.wait_s)
        if smallest == high:
            return high, shown
        high = smallest


def _of_size(run: Run, seen: dict[int, JobLedger], gpus: int, name: str, step: int) -> JobLedger:
    """The replay on so many GPUs, whole nodes or not."""
    nodes, rest = divmod(gpus, step)
    return seen[nodes] if not rest and nodes in seen else run(gpus, name)


def _point(ledger: JobLedger, gpus: int, question: SizingTarget) -> ClusterSize:
    wait = ledger.queue_s()
    capacity = fsum(ledger.gpu_seconds.values())
    price = question.usd_per_gpu_h
    return ClusterSize(
        gpus=gpus,
        wait_s=WaitOfSize(
            mean=float(wait.mean()) if len(wait) else 0.0,
            target=_wait(ledger, question.percentile),
            max=float(wait.max()) if len(wait) else 0.0,
        ),
        preemptions=int(ledger.outcomes.preemptions.sum()),
        utilisation=fsum(ledger.gpu_seconds[name] for name in HELD) / capacity if capacity else 0.0,
        usd_per_month=None if price is None else gpus * price * HOURS_PER_MONTH,
    )


def _wait(ledger: JobLedger, share: float) -> float:
    wait = ledger.queue_s()
    return float(np.quantile(wait, share)) if len(wait) else 0.0


def _verdict(found: Sequence[SizedPolicy], best: SizedPolicy, question: SizingTarget) -> str:
    first = found[0]
    target = f"P{100 * question.percentile:g} of the wait within {format_seconds(question.wait_s)}"
    needs = f"{best.policy} needs {plural(best.gpus, 'GPU')} for {target}{_money(best)}"
    if best is first or best.gpus == first.gpus:
        return f"{needs}; no other policy asked for needs fewer." if len(found) > 1 else f"{needs}."
    fewer = first.gpus - best.gpus
    more, less = first.usd_per_month, best.usd_per_month
    worth = "" if more is None or less is None else f", {format_usd(more - less)} a month"
    return f"{needs}; {first.policy} needs {first.gpus:,}: the policy is worth {plural(fewer, 'GPU')}{worth}."


def _money(point: SizedPolicy) -> str:
    return "" if point.usd_per_month is None else f" ({format_usd(point.usd_per_month)} a month)"
