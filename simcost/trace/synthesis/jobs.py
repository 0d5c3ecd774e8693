"""Training jobs along a forecast: rows of a job log, resampled with the gaps before them."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.rng import stream
from simcost.trace.jobs.jobs import NONE, Jobs
from simcost.trace.requests.batch import Floats, Ints, Pairs
from simcost.trace.synthesis.bootstrap import gaps_in_blocks
from simcost.trace.synthesis.generator import arrivals
from simcost.trace.synthesis.rates import ArrivalRates
from simcost.trace.synthesis.time_rescaling import rescaled_gaps
from simcost.units import NS_PER_S

_AT_ONCE = 262_144


def jobs_along(jobs: Jobs, rates: ArrivalRates, *, seed: int, index: int = 0, start_utc: str | None = None) -> Jobs:
    """Jobs submitted along the rates: those of a trace, resampled in blocks with their sizes, durations and owners.

    A job that waits for the end of others waits for their copies in its block; those that are not in it, as at the
    start of a log, have ended.

    Args:
        jobs: the trace they are taken from.
        rates: jobs expected in each step.
        seed: of the random numbers.
        index: of the replication.
        start_utc: ISO time of the start of the rates.

    Raises:
        InputError: the trace has too few different submissions, or no job comes within the rates.
    """
    times, rows = job_arrivals(jobs.submit_s.astype(np.float64), rates, seed=seed, index=index)
    if not len(rows):
        raise InputError(f"no job comes within {rates.span_s:g} s at {rates.expected.sum():.3g} expected ones")
    chosen, submit_s = jobs[rows], np.floor(times).astype(np.int64)
    deadline_s = chosen.deadline_s - chosen.submit_s + submit_s
    return replace(
        chosen,
        job_id=np.array([str(number) for number in range(len(rows))], np.object_),
        submit_s=submit_s,
        deadline_s=np.where(chosen.deadline_s == NONE, NONE, deadline_s),
        start_utc=start_utc,
        source=f"resampled from {jobs.source}, seed {seed}",
        recorded_wait_s=None,
        after=None if jobs.after is None else _copies_waited_for(jobs, rows),
    )


def _copies_waited_for(jobs: Jobs, rows: Ints) -> npt.NDArray[np.object_]:
    """Of each resampled job the numbers of those whose end it waits for, as ids: their latest copies, where these are
    no further back than in the log.
    """
    row_of = {name: row for row, name in enumerate(jobs.job_id.tolist())}
    names = [] if jobs.after is None else jobs.after.tolist()
    waited = [[row_of[name] for name in each if name in row_of] for each in names]
    latest: dict[int, int] = {}
    found = np.empty(len(rows), np.object_)
    for number, row in enumerate(rows.tolist()):
        copies = [(latest[other], row - other) for other in waited[row] if other in latest]
        found[number] = tuple(str(copy) for copy, back in copies if number - copy <= back)
        latest[row] = number
    return found


def job_arrivals(
    submit_s: Floats, rates: ArrivalRates, *, seed: int, index: int = 0, block: int = 50
) -> tuple[Floats, Ints]:
    """Submit times along the rates, and which row of the log each job is: its size, duration and owner.

    The same bootstrap as for requests (`simcost.trace.synthesis.gaps.Bootstrap`): blocks of consecutive jobs, each with
    the gap before it in operational time, so that bursts of like jobs stay together.

    Args:
        submit_s: submit times of the log in seconds, sorted.
        rates: jobs expected in each step.
        seed: of the random numbers.
        index: of the replication.
        block: jobs in a block.

    Returns:
        Times in seconds from the start of the rates, sorted; rows of `submit_s`.

    Raises:
        InputError: the log is not sorted, or has fewer than 20 different submit times.
    """
    gap, row = rescaled_gaps(submit_s, stream(0, "ties"))
    blocks = gaps_in_blocks(gap, np.cumsum(gap), block, stream(seed, "jobs", index))

    def draw(count: int) -> tuple[Floats, Pairs]:
        found, chosen = blocks(count)
        numbers = row[chosen].astype(np.int32)
        return found, (numbers, numbers)

    parts = [*arrivals(draw, rates.clock(), 1.0, place=None, most=_AT_ONCE)]
    times = np.concatenate([time_ns for time_ns, _ in parts]) / NS_PER_S
    return times, np.concatenate([rows[0] for _, rows in parts if rows is not None]).astype(np.int64)
