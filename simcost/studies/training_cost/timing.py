"""Duration of a run under one rate of interruptions: in closed form, or simulated."""

from dataclasses import dataclass, replace
from math import inf, isinf
from typing import TYPE_CHECKING

from simcost.catalog import Catalog
from simcost.errors import InputError
from simcost.perf.training.duration import (
    CheckpointWrites,
    Ettr,
    Failures,
    checkpoints,
    compute_s,
    ettr_of,
    failure_rates,
    mtbf_of,
    node_count,
    peak_flops,
)
from simcost.perf.training.utilization import Mfu
from simcost.plan.failures import RecordedFailures
from simcost.rng import stream
from simcost.studies.training_cost.inputs import TrainingSetup, ValueRange
from simcost.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from simcost.sim.training_failures import FailureRuns

LONGEST_S = 1e11
"""3,000 years."""
RUNS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Duration of a run under one rate of interruptions."""

    useful_s: ValueRange
    time_s: ValueRange
    ettr: tuple[Ettr, Ettr, Ettr]
    """At the lowest, likely and highest rate."""
    written: CheckpointWrites
    simulated: "FailureRuns | None"
    """At the likely rate, where runs were simulated."""

    @property
    def between_s(self) -> float | None:
        """Work between two checkpoints; None = the run ends before that: its only one is at its end."""
        return None if self.written.interval_s >= self.useful_s.mid else self.written.interval_s


def timed(catalog: Catalog, run: TrainingSetup, mfu: Mfu, interruptions_per_node_day: float) -> Timed:
    """Time of the run where `interruptions_per_node_day` come in addition to the failures.

    Raises:
        InputError: it would never end.
        CatalogError: no failure rate given, none published.
    """
    gpus = run.layout.gpus
    peak = peak_flops(run.accelerator, run.precision)
    flops = run.token_flops.model * run.tokens
    useful_s = ValueRange(*(compute_s(flops, gpus, peak * share) for share in (mfu.high, mfu.mid, mfu.low)))
    failures = _as_rates(run)
    given = failures.per_node_day is not None
    published = () if given else catalog.facts.failure_rates
    rates = [rate + interruptions_per_node_day for rate in failure_rates(failures, published)]
    written = checkpoints(run.method.parameters(run.model).trained, gpus, failures, rates[1])
    spaced = written
    if not isinf(written.interval_s):  # the last interval of a run ends with it
        spaced = replace(written, interval_s=min(written.interval_s, useful_s.mid))
    found = [_ettr(run, failures, spaced, rate, useful_s.mid) for rate in rates]
    low, mid, high = (one for one, _ in found)
    low = replace(low, value=max(low.value, mid.value))  # simulated ones may cross by chance
    high = replace(high, value=min(high.value, mid.value))
    time_s = ValueRange(useful_s.low / low.value, useful_s.mid / mid.value, useful_s.high / high.value)
    if not time_s.high < LONGEST_S:
        raise InputError(
            f"the run would take {time_s.high / SECONDS_PER_DAY / 365:.3g} years; check tokens, gpus and mfu"
        )
    return Timed(useful_s=useful_s, time_s=time_s, ettr=(low, mid, high), written=written, simulated=found[1][1])


def _as_rates(run: TrainingSetup) -> Failures:
    """The failures as rates, with correlated losses on top."""
    failures, losses = mean_failures(run), run.losses
    if losses.correlated is None:
        return failures
    together = failures.size_independent_per_day + losses.correlated.per_day
    return replace(failures, size_independent_per_day=together)


def mean_failures(run: TrainingSetup) -> Failures:
    """The failures as rates, without correlated losses; those of a recorded log are its mean.

    Raises:
        InputError: there are both.
    """
    failures, losses = run.failures, run.losses
    if isinstance(losses.model, RecordedFailures):
        if failures.per_node_day or failures.size_independent_per_day:
            raise InputError("recorded failures and failure rates say the same; give one of them")
        per_day = len(losses.model.times_s) * SECONDS_PER_DAY / losses.model.span_s
        return replace(failures, per_node_day=0.0, size_independent_per_day=per_day)
    return failures


def _ettr(
    run: TrainingSetup, failures: Failures, written: CheckpointWrites, rate: float, useful_s: float
) -> "tuple[Ettr, FailureRuns | None]":
    """The share of time that is useful, and the runs it was read from, where it has no closed form."""
    losses = run.losses
    closed = ettr_of(written, run.layout.gpus, failures, rate) if losses.closed else None
    if closed is not None and (losses.runs == 0 or closed.mtbf_s == inf):
        return closed, None
    from simcost.sim.training_failures import Gang, run_under_failures

    gang = Gang(
        work_s=useful_s,
        nodes=node_count(run.layout.gpus, failures),
        interval_s=min(written.interval_s, useful_s),
        write_s=written.write_s,
        restart_s=failures.restart_s,
        rate_per_node_day=rate,
        size_independent_per_day=run.failures.size_independent_per_day,
        model=losses.model,
        correlated=losses.correlated,
        spares=losses.spares,
    )
    runs = run_under_failures(gang, runs=losses.runs or RUNS, rng=stream(losses.seed, "failures"))
    if closed is not None:
        return closed, runs
    mtbf_s = mtbf_of(run.layout.gpus, failures, rate)
    return Ettr(value=useful_s / float(runs.elapsed_s.mean()), per_node_day=rate, mtbf_s=mtbf_s), runs
