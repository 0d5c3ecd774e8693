"""Tasks of a question: from a run to what it contributes, as workers perform them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simcost.compare.results import RunResult
from simcost.execution.task import Tell
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.contributions import (
    ServedSide,
    TrainedSide,
    as_one,
    left_for_jobs,
    served_side,
    trained_side,
)
from simcost.scenario.runs.job_runs import JobRun, job_ledger
from simcost.scenario.runs.resolve import ResolvedScenario
from simcost.scenario.runs.serving_runs import ServingRun, serving_ledger

Key = tuple[str, int]
"""Plan and replication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequests:
    """Serving parts of the plans of a run."""

    question: ResolvedScenario
    arrivals: Arrivals
    fresh: bool

    def check_inputs(self) -> None:
        """Check that traces are those of the command. Raises RunError."""
        self.arrivals.check_inputs()

    def __call__(self, run: ServingRun, tell: Tell) -> dict[Key, ServedSide]:
        """The parts by plan and replication."""
        ledger = serving_ledger(self.question, run, self.arrivals, tell, fresh=self.fresh)
        return {
            (plan.plan.name, run.replication): served_side(self.question, plan, run.replication, ledger)
            for plan in run.plans
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJobs:
    """Training parts of the plans of a run."""

    question: ResolvedScenario
    fresh: bool

    def __call__(self, run: JobRun, tell: Tell) -> dict[Key, TrainedSide]:
        """The parts by plan and replication."""
        del tell  # jobs are run in one go
        question, trace, serving = self.question, self.question.jobs, run.serving
        assert trace is not None  # noqa: S101 - there are runs of jobs
        left = left_for_jobs(run.cluster, serving.get((run.cluster.plan.name, run.replication)))
        ledger = job_ledger(question, run, left, fresh=self.fresh)
        return {
            (cluster.plan.name, r): trained_side(
                question, trace, cluster, r, ledger, serving.get((cluster.plan.name, r))
            )
            for cluster, r in run.uses
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessPlan:
    """Result of the one plan of a run of requests."""

    question: ResolvedScenario
    arrivals: Arrivals
    against_perfect: bool
    """True if the fleet is compared with a perfect autoscaler, which takes as long as all else."""

    def check_inputs(self) -> None:
        """Check that traces are those of the command. Raises RunError."""
        self.arrivals.check_inputs()

    def __call__(self, run: ServingRun, tell: Tell) -> RunResult:
        """The result of the plan in this replication."""
        [plan] = run.plans
        ledger = serving_ledger(self.question, run, self.arrivals, tell, fresh=False)
        side = served_side(self.question, plan, run.replication, ledger, against_perfect=self.against_perfect)
        return as_one(plan.plan.name, run.replication, side, None, self.question.loaded.catalog).result


def shared_by_runs(question: ResolvedScenario) -> ResolvedScenario:
    """A question without its resolved plans: each run brings its own."""
    return replace(question)
