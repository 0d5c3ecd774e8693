"""The limits that users would have given: what backfill, and shortest job first by limit, know of a job."""

from dataclasses import replace

import numpy as np

from simcost.plan.scheduling import EstimateError
from simcost.rng import stream
from simcost.trace.jobs import Jobs


def with_limits(jobs: Jobs, error: EstimateError, seed: int) -> Jobs:
    """The jobs with limits drawn anew; the same seed gives the same limits whatever the policy."""
    noise = stream(seed, "limits").standard_normal(len(jobs)) if error.sigma else np.zeros(len(jobs))
    limit = np.ceil(jobs.duration_s * (1 + error.error) * np.exp(error.sigma * noise)).astype(np.int64)
    return replace(jobs, limit_s=np.maximum(limit, jobs.duration_s))
