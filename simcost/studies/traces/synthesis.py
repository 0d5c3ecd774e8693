"""`simcost trace synthesize --along`: requests or jobs that follow a sample path of a forecast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simcost.errors import InputError, did_you_mean
from simcost.forecast.sample_paths import Paths, counted, weight
from simcost.outputs import check_outputs
from simcost.scenario.files.parts import load_workload
from simcost.scenario.storage.sample_paths import read_paths
from simcost.tables.paths import inside
from simcost.trace.jobs.describe import description
from simcost.trace.jobs.store import is_jobs, open_jobs, write_jobs
from simcost.trace.requests.writer import iso_utc
from simcost.trace.series.from_traces import is_trace
from simcost.trace.synthesis.gaps import Bootstrap
from simcost.trace.synthesis.generator import drawn
from simcost.trace.synthesis.jobs import jobs_along
from simcost.trace.synthesis.rates import ArrivalRates
from simcost.trace.synthesis.stored_requests import stored
from simcost.trace.workload.spec import Stream, Synthetic, workload_traces
from simcost.units import NS_PER_S


def synthesize_along(
    file: Path,
    along: Path,
    out: Path,
    *,
    series: str | None = None,
    number: int = 0,
    seed: int = 1,
    progress: Callable[[int, float], None] = lambda _rows, _share: None,
) -> dict[str, Any]:
    """Write a trace that follows one future of a forecast.

    Args:
        file: what comes: a trace of requests or of jobs, resampled in blocks; or YAML of a workload with clients.
        along: sample paths, as `simcost forecast --paths-out` writes them.
        out: the trace to write.
        series: which of the paths' series; None = their only one.
        number: which path, from 0.
        seed: of the random numbers.
        progress: called with the rows written and the share of the horizon done.

    Returns:
        file, rows, span_s, rate_per_s, seed, path; of jobs also what `trace describe` says.

    Raises:
        InputError: files that cannot be read or written, or paths that do not count what is to come.
    """
    check_outputs([out], [file, along])
    path = _chosen(read_paths(along), series, along)
    told = {"seed": seed, "series": path.series, "path": number}
    if is_jobs(file):
        rates, start = _rates(path, number, "job", along), iso_utc(path.grid.start_s * NS_PER_S)
        jobs = jobs_along(open_jobs(file), rates, seed=seed, index=number, start_utc=start)
        write_jobs(out, jobs)
        return {"file": str(out), **told, **description(jobs)}
    rates, spec, cut = _rates(path, number, "request", along), _workload(file), Counter(prompt=0, output=0)
    check_outputs([out], [inside(file.parent, name) for name in workload_traces(spec)])
    batches = drawn(spec.clients, rates, folder=file.parent, seed=seed, index=number, cut=cut)
    source = f"path {number} of {path.series} in {along.name}, seed {seed}"
    found = stored(
        batches,
        spec,
        out,
        folder=file.parent,
        source=source,
        horizon_s=rates.span_s,
        seed=seed,
        index=number,
        start_s=path.grid.start_s,
        progress=progress,
    )
    return {**found, **told, "cut": dict(cut)}


def _chosen(found: Sequence[Paths], series: str | None, file: Path) -> Paths:
    known = [one.series for one in found]
    if series is None and len(found) > 1:
        raise InputError(f"{file}: paths of {len(found)} series; pass --series, one of {', '.join(known[:5])}")
    chosen = next((one for one in found if series in (None, one.series)), None)
    if chosen is None:
        near = did_you_mean(str(series), known) or f"; there are {', '.join(known[:5])}"
        raise InputError(f"{file}: no series {series!r}{near}")
    return chosen


def _rates(path: Paths, number: int, what: str, file: Path) -> ArrivalRates:
    """Expected counts of a path in each step; `what` it must count, one word."""
    word = counted(path.quantity, path.grid)
    if word is None or (what not in word and word != "value"):
        raise InputError(f"{file}: {path.series} counts {path.quantity}, but {what}s are to come; forecast those")
    if path.grid.step_s == 0:
        raise InputError(f"{file}: steps of a month are too long to draw {what}s in; forecast days or shorter")
    if number >= len(path.values):
        raise InputError(f"{file}: no path {number}; there are 0 to {len(path.values) - 1}")
    factor = weight(path.quantity, path.grid, path.values.shape[1])
    return ArrivalRates(step_s=float(path.grid.step_s), expected=factor * path.values[number])


def _workload(file: Path) -> Synthetic:
    """Requests like those of a trace, or of the clients that a workload states; the path gives their rate."""
    if is_trace(file):
        return Synthetic(rate=1.0, clients=(Stream(gaps=Bootstrap(trace=file.name)),))
    spec = load_workload(file)
    if not spec.clients:
        raise InputError(f"{file}: a path gives the rate, so say what the requests look like in `clients`")
    return spec
