"""Jobs that wait for the end of others."""

import numpy as np

from simcost.job_ledger import Ints
from simcost.trace.jobs import Flags, Jobs


def edges(jobs: Jobs) -> tuple[Ints, Ints]:
    """Rows (job, one it waits for); who is not among the jobs has ended already."""
    if jobs.after is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    row_of = {name: row for row, name in enumerate(jobs.job_id.tolist())}
    found = [
        (row, row_of[name])
        for row, names in enumerate(jobs.after.tolist())
        for name in names
        if name in row_of
    ]
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def with_followers(jobs: Jobs, kept_out: Flags) -> Flags:
    """The jobs flagged, and all that wait for the end of one of them."""
    row, before = edges(jobs)
    found = kept_out.copy()
    while (more := found[before] & ~found[row]).any():
        found[row[more]] = True
    return found
