"""Jobs that wait for the end of others."""

from collections.abc import Sequence

import numpy as np

from simcost.errors import InputError
from simcost.ledger.jobs import NEVER, Floats, Ints
from simcost.trace.jobs.jobs import Flags, Jobs


def edges(jobs: Jobs) -> tuple[Ints, Ints]:
    """Rows (job, one it waits for); who is not among the jobs has ended already."""
    if jobs.after is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    row_of = {name: row for row, name in enumerate(jobs.job_id.tolist())}
    found = [(row, row_of[name]) for row, names in enumerate(jobs.after.tolist()) for name in names if name in row_of]
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def eligible_s(jobs: Jobs, end_s: Floats) -> Floats | None:
    """Time from which each job waits for GPUs: its submission, or the last end of those that it waits for.

    Args:
        jobs: the trace.
        end_s: end of each job; NEVER = it has not ended, so that who waits for it is not eligible: infinite.

    Returns:
        None where no job waits for another.
    """
    row, before = edges(jobs)
    if not len(row):
        return None
    result = jobs.submit_s.astype(np.float64)
    ended = end_s[before]
    np.maximum.at(result, row, np.where(ended == NEVER, np.inf, ended))
    return result


def check_pools(jobs: Jobs, pools: Sequence[Ints]) -> None:
    """Pools run one after the other. Raises InputError where a job waits for one of another pool.

    Args:
        jobs: the trace.
        pools: rows of each pool.
    """
    row, before = edges(jobs)
    number = np.zeros(len(jobs), np.int64)
    for i, rows in enumerate(pools):
        number[rows] = i
    across = np.flatnonzero(number[row] != number[before])
    if len(across):
        one, other = row[across[0]], before[across[0]]
        raise InputError(
            f"job {jobs.job_id[one]} of pool {jobs.pools[jobs.pool[one]]!r} waits for job {jobs.job_id[other]} of pool "
            f"{jobs.pools[jobs.pool[other]]!r} ({len(across):,} such pairs), but pools are replayed one by one; replay "
            "all jobs in one pool, or as quotas of one cluster"
        )


def with_followers(jobs: Jobs, kept_out: Flags) -> Flags:
    """The jobs flagged, and all that wait for the end of one of them."""
    row, before = edges(jobs)
    result = kept_out.copy()
    while (more := result[before] & ~result[row]).any():
        result[row[more]] = True
    return result
