"""A gang under failures: it works, writes checkpoints, fails, restarts and does lost work again; many runs at once.

Any node that fails stops the gang. Detection, requeueing or swapping in a spare, and restarting are one time,
`restart_s`; a failure may strike in it, as it may while a checkpoint is written. Each interval of work ends with a
checkpoint, the last one included. Between two failures all is closed form: no ticks.
"""

from dataclasses import dataclass, field
from itertools import count

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError, RunError
from simcost.perf.checkpoints import job_mtbf_s
from simcost.plan.failures import CorrelatedLoss, Exponential, FailureModel, RecordedFailures
from simcost.units import SECONDS_PER_DAY, format_seconds

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_MOST_FAILURES = 10_000
_INSTANT_S = 1e-6
"""Times closer than this are the same failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gang:
    """A job that checkpoints, and how its nodes fail."""

    work_s: float
    nodes: int
    interval_s: float
    """Useful work between two checkpoints."""
    write_s: float
    """The job stands still while it writes; of an asynchronous write, only the snapshot counts."""
    restart_s: float
    """From a failure until work goes on."""
    rate_per_node_day: float
    """Beside recorded failures: memoryless interruptions on top of them, as on spot."""
    size_independent_per_day: float = 0.0
    """Failures of the job that do not grow with its nodes."""
    model: FailureModel = field(default_factory=Exponential)
    correlated: CorrelatedLoss | None = None
    spares: int = 0
    """Nodes that stand by for a correlated loss."""

    def __post_init__(self) -> None:
        positive = {"work_s": self.work_s, "interval_s": self.interval_s}
        others = {"write_s": self.write_s, "restart_s": self.restart_s, "spares": self.spares}
        for name, value in (positive | others).items():
            if not 0 <= value < np.inf or (name in positive and value == 0):
                least = "more than 0" if name in positive else "0 or more"
                raise InputError(f"{name} is {value!r}; it must be finite and {least}")
        if isinstance(self.model, RecordedFailures) and max(self.model.times_s) > self.model.span_s:
            raise InputError(
                f"a failure at {max(self.model.times_s):g} s lies after the {self.model.span_s:g} s of its log; "
                "give the whole time the log covers"
            )

    @property
    def mtbf_s(self) -> float:
        """Mean time between failures, correlated losses apart."""
        return job_mtbf_s(self.nodes, self.rate_per_node_day, self.size_independent_per_day)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FailureRuns:
    """Time of each run by use; seconds of the gang. The five parts add up to `elapsed_s`."""

    useful_s: Floats
    lost_s: Floats
    """Work that was done again."""
    checkpoint_s: Floats
    """Writing, unfinished writes included."""
    restart_s: Floats
    waiting_s: Floats
    """For nodes, after a correlated loss."""
    elapsed_s: Floats
    failures: Ints

    @property
    def effective_share(self) -> Floats:
        """Effective training time ratio: useful / elapsed."""
        return self.useful_s / self.elapsed_s


def run_under_failures(gang: Gang, *, runs: int, rng: np.random.Generator) -> FailureRuns:
    """Run the gang to the end of its work, `runs` times.

    After a failure the time to the next is drawn again, from the moment of the failure (of a correlated loss: from
    the end of the outage).

    Raises:
        RunError: runs that fail again and again and do not come to their end.
    """
    parts = {name: np.zeros(runs) for name in ("useful", "lost", "checkpoint", "restart", "waiting")}
    clock, failures = np.zeros(runs), np.zeros(runs, np.int64)
    origin = rng.uniform(0.0, gang.model.span_s, runs) if isinstance(gang.model, RecordedFailures) else np.zeros(runs)
    active = np.arange(runs)
    for life in count():
        if life > _MOST_FAILURES:
            raise RunError(
                f"{len(active)} of {runs} runs have not ended after {_MOST_FAILURES:,} failures; checkpoint more often "
                f"than every {format_seconds(gang.interval_s)}, or use fewer nodes"
            )
        gap, outage = _next_failure(gang, origin[active] + clock[active], rng)
        restart = np.minimum(gap, gang.restart_s if life else 0.0)
        ended, spent = _life(gang, gang.work_s - parts["useful"][active], gap - restart)
        spent |= {"restart": restart, "waiting": np.where(ended, 0.0, outage)}
        for name, seconds in spent.items():
            parts[name][active] += seconds
            clock[active] += seconds
        failures[active] += ~ended
        active = active[~ended]
        if not len(active):
            break
    return FailureRuns(**{f"{name}_s": seconds for name, seconds in parts.items()}, elapsed_s=clock, failures=failures)


def _next_failure(gang: Gang, now: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Time to the next failure of each run, and the outage that it brings."""
    if isinstance(gang.model, RecordedFailures):
        gap = _recorded(gang.model, now)
        if gang.mtbf_s < np.inf:
            gap = np.minimum(gap, gang.mtbf_s * rng.standard_exponential(len(now)))
    else:
        gap = gang.mtbf_s * gang.model.draw(rng, len(now)) if gang.mtbf_s < np.inf else np.full(len(now), np.inf)
    loss = gang.correlated
    if loss is None or loss.per_day == 0:
        return gap, np.zeros(len(now))
    together = rng.exponential(SECONDS_PER_DAY / loss.per_day, len(now))
    outage = loss.outage if loss.nodes > gang.spares else 0.0
    return np.minimum(gap, together), np.where(together < gap, outage, 0.0)


def _recorded(log: RecordedFailures, now: Floats) -> Floats:
    """Time to the next failure of the log, which repeats."""
    times = np.sort(np.asarray(log.times_s))
    at = (now + _INSTANT_S) % log.span_s
    following = np.append(times, times[0] + log.span_s)
    gap: Floats = following[np.searchsorted(times, at, side="right")] - at + _INSTANT_S
    return gap


def _life(gang: Gang, left: Floats, span: Floats) -> tuple[Flags, dict[str, Floats]]:
    """Outcome of `span` seconds of running with `left` seconds of work to do: True where it ended; time by use."""
    writes = np.ceil(left / gang.interval_s * (1 - 1e-12))
    ended = span >= left + writes * gang.write_s
    whole = np.where(ended, writes, np.floor(span / (gang.interval_s + gang.write_s)))
    whole = np.minimum(whole, np.where(ended, writes, writes - 1))
    saved = np.where(ended, left, whole * gang.interval_s)
    rest = np.where(ended, 0.0, span - whole * (gang.interval_s + gang.write_s))
    lost = np.minimum(rest, np.minimum(gang.interval_s, left - saved))
    return ended, {"useful": saved, "lost": lost, "checkpoint": whole * gang.write_s + rest - lost}
