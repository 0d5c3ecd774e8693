"""Alibaba's openb pods: some were never scheduled, and are demand all the same."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from simcost.tables.cells import real_numbers
from simcost.tables.table import Table
from simcost.trace.jobs.rejections import finding
from simcost.trace.jobs.times import empty


def never_scheduled(table: Table) -> Table:
    """The table with a duration for pods that were never scheduled: from creation to deletion, at least 1 s.

    How long they would have run is unknown; what they asked for is not, and placement studies count them.
    """
    never = empty(table.columns["start_s"])
    created, deleted = (real_numbers(table.columns[ours])[0] for ours in ("submit_s", "end_s"))
    lived = np.maximum(deleted - created, 1.0)
    known = never & np.isfinite(lived)
    if not known.any():
        return table
    duration = pa.array(lived, mask=~known)
    said = finding("never_started", int(known.sum()), f"{int(known.sum()):,} pods were never scheduled; they are kept "
                   "as demand, and the time until they were deleted stands for their duration")  # fmt: skip
    return replace(table, columns={**table.columns, "duration_s": duration},
                   findings=[*table.findings, said])  # fmt: skip
