"""Soundness of observed latencies: what cannot be is taken out of the fit or refused, with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simcost.errors import TraceError
from simcost.trace.observed.observation import Finding, Floats, Ints, ObservedPoint, ObservedRun, finding
from simcost.trace.requests.tally import FASTEST_S, FEWEST_TOKENS, SLOWEST_S
from simcost.units import how_many, plural

QUEUED_S = 0.02
"""Time in the queue from which on a request is said to have waited: a step or two."""
FEWEST = 8
"""Requests with latencies without which there is nothing to fit."""
_BACK = 0.5
_ALWAYS = 0.95
_FAILED = 0.05
"""Share of failed requests from which on they are told."""
_CACHED = 0.05
"""Share of cached prompt tokens from which on they are told: some per cent are found on unrelated prompts."""
_HALVES = 0.15
_WARM_UP, _WARM_UP_S = 10.0, 2.0
"""Time to the first token of the first request from which on it is that of an engine that warms up: times the median,
and at least; no queue stands before it.
"""


def check_run(run: ObservedRun, place: str, lines: Ints) -> tuple[ObservedRun, list[Finding]]:
    """The run with impossible latencies taken out, and what a reader should know of it.

    Args:
        run: as it was read.
        place: of its file.
        lines: line of each request.

    Raises:
        TraceError: nothing is left to fit, or times are in another unit.
    """
    run, findings = _without_going_back(run, place, lines)
    missing = len(run) - int(run.timed.sum())
    if missing:
        at = int(lines[int((~run.timed).argmax())])
        have = how_many(missing, "request has", "requests have")
        message = f"{place}:{at}: {have} no usable latency; part of the load, not of the fit"
        findings.append(finding("no_latency", message, missing))
    run, warmed_up = _without_warm_up(run, place, lines)
    if int(run.timed.sum()) < FEWEST:
        raise TraceError(
            f"{place}: {int(run.timed.sum()):,} of {len(run):,} requests have usable times; at least {FEWEST} are "
            "needed: log first_token_ts and last_token_ts"
        )
    check_unit(_median(_per_token_s(run)), place)
    _check_first_token(_median(run.ttft_s), place)
    run, in_one_piece = _without_whole_answers(run, place, lines)
    return run, [*findings, *warmed_up, *in_one_piece, *_phases(run, place)]


def _check_first_token(ttft_s: float | None, place: str) -> None:
    """Raise TraceError where no engine answers so soon."""
    if ttft_s is not None and ttft_s < FASTEST_S:
        raise TraceError(
            f"{place}: the first token comes after {ttft_s:.3g} s, which no engine does; are the times off by a "
            "thousand? log the times of the engine in seconds"
        )


def _per_token_s(run: ObservedRun) -> Floats:
    """Time of an output token; where the log has no TTFT that of the whole answer, if it is long, for each token."""
    if np.isfinite(run.tpot_s).any():
        return run.tpot_s
    return np.where(run.output_tokens >= FEWEST_TOKENS, run.e2e_s / run.output_tokens, np.nan)


def check_unit(tpot_s: float | None, place: str) -> None:
    """Raise TraceError where no engine takes so long, or so short, for a token."""
    if tpot_s is None:
        return
    if tpot_s > SLOWEST_S:
        raise TraceError(
            f"{place}: a token takes {tpot_s:,.3g} s at the median, which no engine does; are the times in "
            "milliseconds? divide them by 1,000"
        )
    if tpot_s < FASTEST_S:
        raise TraceError(
            f"{place}: a token takes {tpot_s:.3g} s at the median, which no engine does; are the times off by a "
            "thousand, or all tokens in one chunk? log the times of the engine in seconds"
        )


def consistent(point: ObservedPoint, place: str) -> tuple[ObservedPoint, list[Finding]]:
    """The point with a TPOT that agrees with its TTFT, E2E and lengths: some tools count chunks, not tokens.

    Raises:
        TraceError: times are in another unit.
    """
    if not any(point.latencies.values()):
        raise TraceError(f"{_where(point, place)}: states no latency; run the benchmark with streaming on")
    ttft, e2e, tpot = (point.latencies.get(name, {}) for name in ("ttft", "e2e", "tpot"))
    _check_first_token(ttft.get("mean", ttft.get("p50")), _where(point, place))
    length = mean_of(point.output_tokens)
    both = [name for name in ("mean", "p50") if name in ttft and name in e2e]
    if not both or length <= 1:
        check_unit(tpot.get("mean", tpot.get("p50")), _where(point, place))
        return point, []
    name = both[0]
    implied = (e2e[name] - ttft[name]) / (length - 1)
    if implied <= 0:
        raise TraceError(
            f"{_where(point, place)}: TTFT {ttft[name]:.3g} s is not below E2E {e2e[name]:.3g} s; one of them is in "
            "another unit"
        )
    check_unit(implied, _where(point, place))
    if name in tpot and abs(tpot[name] / implied - 1) < _HALVES:
        return point, []
    own = dict(point.latencies) | {"tpot": {name: implied}}
    said = f" says {tpot[name] * 1e3:.3g} ms, but" if name in tpot else ""
    taken = f"(E2E - TTFT) / (output tokens - 1) is {implied * 1e3:.3g} ms, which is taken"
    message = f"{_where(point, place)}: TPOT{said} {taken}"
    return replace(point, latencies=own), [finding("tpot", message)] if said else []


def _where(point: ObservedPoint, place: str) -> str:
    """Place of a point, with the file named once: `c8.json: concurrency 8`."""
    own = point.name.removeprefix(Path(place).name).removeprefix(", ")
    return f"{place}: {own}" if own else place


def many_failed(point: ObservedPoint, place: str) -> list[Finding]:
    """A warning where more than a twentieth of what was sent failed: the load of the replay is not that of the run."""
    return failed_requests(point.requests, point.failed, _where(point, place))


def failed_requests(served: int, failed: int, place: str) -> list[Finding]:
    """A warning where more than a twentieth of what was sent to a place failed."""
    sent = served + failed
    if failed <= _FAILED * sent:
        return []
    message = (
        f"{place}: {failed:,} of {sent:,} requests failed; the latencies are of the others, and "
        "the replay takes it that the failed ones put no load on it. Repeat the benchmark at a load that is served"
    )
    return [finding("failed_requests", message, failed)]


def cached_prompts(share: float, place: str, *, counted: bool) -> list[Finding]:
    """A warning where more than a twentieth of the prompt tokens was in a prefix cache, or may have been: the replay
    computes all of them.
    """
    if share <= _CACHED:
        return []
    if counted:
        told = f"{share:.0%} of the prompt tokens were found in the prefix cache"
    else:
        told = f"{share:.0%} of the prompt tokens were in an earlier prompt, and may have been found in a prefix cache"
    message = (
        f"{place}: {told}, and the replay computes all of them: b, q and the first-token overhead come out too small, "
        "and smaller still in a plan with a prefix_cache. Measure with the cache off, or prompts that share nothing"
    )
    return [finding("cached_prompts", message)]


def unstated(points: Sequence[ObservedPoint]) -> list[Finding]:
    """Points without a latency that others state: it is missing, 0, negative or no number; and TTFT alone of answers
    of several tokens.
    """
    if points and all(not point.latencies.get("tpot") and not point.latencies.get("e2e") for point in points):
        if max(mean_of(point.output_tokens) for point in points) <= 1:
            return []
        message = (
            "no TPOT and no E2E above 0 is stated: the step is fitted to TTFT alone, which says nothing of decoding; "
            "look at the latencies in the output of the benchmark"
        )
        return [finding("no_latency", message, len(points))]
    findings = []
    for metric in ("ttft", "tpot"):
        without = [point.name for point in points if not point.latencies.get(metric)]
        if without and len(without) < len(points):
            message = f"{', '.join(without)}: no {metric.upper()} above 0 is stated; the fit has it of the other points"
            findings.append(finding("no_latency", message, len(without)))
    return findings


def repeated(points: Sequence[ObservedPoint]) -> list[Finding]:
    """A warning of points that state what another one states."""
    stated = [(point.concurrency, point.rate_per_s, point.latencies) for point in points]
    again = [point.name for i, point in enumerate(points) if stated[i] in stated[:i]]
    if not again:
        return []
    message = (
        f"{', '.join(again[:3])}: states the load and the latencies of a point before it, which count twice: give each "
        "run once"
    )
    return [finding("repeated", message, len(again))]


def mean_of(quantiles: Mapping[float, float]) -> float:
    """Mean of a distribution that is known by quantiles."""
    levels = np.array(sorted(quantiles))
    values = np.array([quantiles[level] for level in levels])
    if len(levels) == 1:
        return float(values[0])
    grid = (np.arange(200) + 0.5) / 200
    return float(np.interp(grid, levels, values).mean())


def _without_going_back(run: ObservedRun, place: str, lines: Ints) -> tuple[ObservedRun, list[Finding]]:
    with np.errstate(invalid="ignore"):
        back = (run.ttft_s <= 0) | (run.e2e_s < run.ttft_s) | (run.e2e_s <= 0) | (run.queue_s < -1e-6)
    bad = int(back.sum())
    if not bad:
        return run, []
    at = int(lines[int(back.argmax())])
    if bad > _BACK * len(run):
        raise TraceError(
            f"{place}:{at}: times go back in {bad:,} of {len(run):,} requests: a token before its request, or the last "
            "before the first; are columns exchanged, or clocks different?"
        )
    message = f"{place}:{at}: times go back in {plural(bad, 'request')}; part of the load, not of the fit"
    ttft, e2e, queue = (np.where(back, np.nan, column) for column in (run.ttft_s, run.e2e_s, run.queue_s))
    return replace(run, ttft_s=ttft, e2e_s=e2e, queue_s=queue), [finding("times_back", message, bad)]


def _without_whole_answers(run: ObservedRun, place: str, lines: Ints) -> tuple[ObservedRun, list[Finding]]:
    """The run without the TTFT of answers of several tokens that came in one piece: it is that of all their tokens."""
    with np.errstate(invalid="ignore"):
        whole = run.tpot_s < FASTEST_S
    count = int(whole.sum())
    if not count:
        return run, []
    message = (
        f"{place}:{int(lines[int(whole.argmax())])}: {how_many(count, 'answer', 'answers')} of several tokens came in "
        "one piece, as without streaming: their TTFT is that of the whole answer and leaves the fit, their E2E stays"
    )
    return replace(run, ttft_s=np.where(whole, np.nan, run.ttft_s)), [finding("whole_answers", message, count)]


def _without_warm_up(run: ObservedRun, place: str, lines: Ints) -> tuple[ObservedRun, list[Finding]]:
    """The run without the latencies of its begin, where the first request found an engine that was not ready: graphs,
    kernels and caches are made at first use.
    """
    usual_s = _median(run.ttft_s)
    least_s = max(_WARM_UP * (usual_s or 0.0), _WARM_UP_S)
    late = run.ttft_s > least_s
    count = int((~late).argmax())
    if not count:
        return run, []
    message = (
        f"{place}:{int(lines[0])}: the first request waited {run.ttft_s[0]:.3g} s for its first token, "
        f"{run.ttft_s[0] / (usual_s or 1.0):,.0f} times the median, as in an engine that warms up: the first {count:,} "
        "are part of the load, not of the fit. Send some requests before those that are logged"
    )
    ttft, e2e, queue = (column.copy() for column in (run.ttft_s, run.e2e_s, run.queue_s))
    for column in (ttft, e2e, queue):
        column[:count] = np.nan
    return replace(run, ttft_s=ttft, e2e_s=e2e, queue_s=queue), [finding("warm_up", message, count)]


def check_running(run: ObservedRun, place: str, most: int) -> None:
    """Raise TraceError where more sequences decode at once than the engines take."""
    known = ~np.isnan(run.ttft_s + run.e2e_s)
    if not known.any():
        return
    begin, end = run.arrival_s + run.ttft_s, run.arrival_s + run.e2e_s
    times = np.concatenate([begin[known], end[known]])
    change = np.concatenate([np.ones(known.sum()), -np.ones(known.sum())])
    running = int(np.cumsum(change[np.lexsort((change, times))]).max())
    if running > 1.1 * most:
        raise TraceError(
            f"{place}: {running} sequences decode at once, but the engine takes {most} (max_num_seqs): the log mixes "
            "several engines, or the setting is another one; keep the lines of one engine, or pass --engines N to fit "
            "N behind one queue"
        )


def _phases(run: ObservedRun, place: str) -> list[Finding]:
    """Loads that leave something unobserved."""
    findings = []
    queued = run.queue_s[~np.isnan(run.queue_s)]
    if len(queued) and (queued > QUEUED_S).mean() > _ALWAYS:
        share = f"{(queued > QUEUED_S).mean():.0%}"
        message = (
            f"{place}: {share} of the requests waited in the queue: TTFT is the queue, and says nothing of prefill; "
            "throughput and TPOT can be fitted. Measure below saturation, too"
        )
        findings.append(finding("saturated", message))
    ends = (run.arrival_s + run.e2e_s)[~np.isnan(run.e2e_s)]
    begins = run.arrival_s + np.nan_to_num(run.ttft_s, nan=0.0)
    if not len(ends) or begins.max() <= ends.min():
        message = (
            f"{place}: no request began after another had ended: the run never leaves its start-up, and throughput at "
            "a steady load is not observed; times of steps can be fitted. Measure for longer"
        )
        findings.append(finding("start_up", message))
    return findings


def _median(values: Floats) -> float | None:
    known: npt.NDArray[np.float64] = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
