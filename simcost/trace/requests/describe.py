"""Description of a stored trace: rate, burstiness, token quantiles, prefix reuse, and warnings."""

from collections import Counter
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from simcost.tables.object_stores import original_uri
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.requests.cached_tokens import COLUMN as CACHED
from simcost.trace.requests.formats import LATENCIES
from simcost.trace.requests.statistics import (
    DistinctNumbers,
    Gaps,
    LatencyCounts,
    RepeatedRequests,
    RequestsOverTime,
    TokenCounts,
    Windows,
)
from simcost.trace.requests.store import TraceInfo, open_trace, read_batches, read_tables
from simcost.units import NS_PER_S, format_seconds, format_share, how_many, plural

_LONG_GAP_S = 60.0
_LONG_GAP_MEANS = 100.0
SILENT = 0.02
"""Share of a trace in long gaps from which results tell of them."""
_SHARED = 0.2
_CAP_SHARE = 0.01
_ENOUGH = 100
_ALIKE = 0.05
_FEWEST_REPEATED = 10
_TIMES_CHANCE = 5.0


def arrival_findings(gaps: Gaps, info: TraceInfo, repeated: int = 0) -> list[dict[str, Any]]:
    """Long gaps, arrivals at the same time other than those of repeated rows, and a coarse clock."""
    tied = gaps.zero - repeated
    result = []
    limit_s = _long_gap_s(gaps)
    long = [(length, at) for length, at in gaps.largest if length > limit_s * NS_PER_S]
    if long:
        length, at = long[0]
        result.append(
            _finding(
                "gap",
                len(long),
                f"{how_many(len(long), 'gap without a request is', 'gaps without a request are')} longer than "
                f"{format_seconds(limit_s)}; the longest, {format_seconds(length / NS_PER_S)}, "
                f"begins {format_seconds(at / NS_PER_S)} after the start: was the log complete?",
            )
        )
    if info.rows > 1 and gaps.sum_ns == 0:
        result.append(_finding("constant", info.rows, "all requests arrive at the same instant"))
    elif tied >= _SHARED * gaps.count and tied:
        result.append(
            _finding(
                "quantised",
                tied,
                f"{tied / gaps.count:.0%} of the requests arrive at "
                f"the same instant as the one before, mostly in steps of {format_seconds(_step_s(gaps))}: the "
                "clock of the log is coarse, and queueing will look worse than it was",
            )
        )
    elif tied:
        result.append(
            _finding(
                "duplicate_arrival",
                tied,
                f"{plural(tied, 'request')} {'arrives' if tied == 1 else 'arrive'} at the same instant as the one "
                "before; all were kept",
            )
        )
    return result


def silent_share(path: Path, length_s: float = inf) -> str:
    """Sentence on long times without requests that are at least SILENT of a trace, by which its rate, and the cost of a
    month like it, is too low where they are missing rows; else empty.

    Args:
        path: the trace.
        length_s: time from its start that is replayed.

    Raises:
        TraceError: the trace cannot be read.
    """
    info, gaps = open_trace(path), Gaps()
    replayed_ns = round(min(info.span_ns, length_s * NS_PER_S))
    for batch in read_tables(path, ["arrival_ns"]):
        arrivals = batch.column(0).to_numpy()
        within = int(np.searchsorted(arrivals, replayed_ns))
        gaps.add(np.minimum(arrivals[: within + 1], replayed_ns))  # the first one beyond ends the last gap
        if within < len(arrivals):
            break
    told = [found["message"] for found in arrival_findings(gaps, info) if found["kind"] == "gap"]
    silent = sum(length for length, _ in gaps.largest if length > _long_gap_s(gaps) * NS_PER_S)
    if not told or silent < SILENT * replayed_ns:
        return ""
    return f"{told[0]} A month counts {format_share(silent / replayed_ns)} of its time as without requests."


def _long_gap_s(gaps: Gaps) -> float:
    """Length from which on a gap may be one of the log."""
    return max(_LONG_GAP_S, _LONG_GAP_MEANS * gaps.usual_s())


def repeated_rows(repeats: RepeatedRequests, gaps: Gaps, *tokens: TokenCounts) -> int:
    """Requests like one before in arrival and tokens, where chance does not explain them: two requests seldom have the
    same tokens, and many of those that arrive together do, or far more than so many pairs would.
    """
    chance = min(column.chance_of_two_alike() for column in tokens)
    by_chance = _FEWEST_REPEATED + _TIMES_CHANCE * chance * repeats.pairs
    many = repeats.count >= _SHARED * gaps.zero or repeats.count > by_chance
    return repeats.count if many and chance < _ALIKE else 0


def _repeat_findings(repeated: int) -> list[dict[str, Any]]:
    have = how_many(repeated, "request has", "requests have")
    said = f"{have} the arrival and the tokens of one before: where the log holds rows twice, so does the trace"
    return [_finding("repeated", repeated, said)] if repeated else []


def token_findings(name: str, counts: TokenCounts) -> list[dict[str, Any]]:
    """Values that are all equal, or pile up at their largest."""
    rows, largest = counts.rows, counts.largest
    at_largest = int(counts.counts[largest])
    if rows > 1 and at_largest == rows:
        return [_finding("constant", rows, f"{name} is {largest:,} for every request")]
    if at_largest >= max(_CAP_SHARE * rows, _ENOUGH):
        return [
            _finding(
                "cap",
                at_largest,
                f"{at_largest / rows:.1%} of the requests have exactly the largest "
                f"{name}, {largest:,}: a limit of the service cut them there",
            )
        ]
    return []


def _step_s(gaps: Gaps) -> float:
    """The commonest positive gap, to 1 % of it."""
    digits = np.round(np.log(gaps.steps) * 100.0)
    values, counts = np.unique(digits, return_counts=True)
    return float(np.median(gaps.steps[digits == values[counts.argmax()]])) / NS_PER_S


def _finding(kind: str, count: int, message: str) -> dict[str, Any]:
    return {"kind": kind, "count": count, "message": message}


_DISPERSION_S = (1, 10, 60)
_QUANTILES = {"p5": 0.05, "p50": 0.50, "p95": 0.95, "p99": 0.99}
_LABELS = 50
"""Most labels named."""


def describe_trace(path: Path) -> dict[str, Any]:
    """Read a stored trace once, in bounded memory, and describe it.

    Returns:
        The document of `trace describe`. `cv` is the coefficient of variation of the interarrival times;
        `dispersion` the variance over the mean of the counts in whole windows of 1, 10 and 60 s (1 for a
        Poisson process); both are None where there are too few. Quantiles are nearest-rank, exact.
        `rate_per_hour` has the requests per hour in each hour from the start, the last by the part recorded; a part
        below 6 min is one with the hour before. `over_time` has the requests a second in each whole step of `step_s`,
        at most 240 of them, and in the `busiest`; `percentiles` of tokens are those from 1 to 99 %.
        `latencies` has those of the log, in seconds: how many requests have one, mean, quantiles within 0.4 %, max.
        `cached_tokens` has how many requests count those read from a cache, and their share of the prompt tokens of
        these; None where none does.
        `labels` has tenants, adapters and sessions: how many requests have one, how many different ones there are,
        and the requests of the most frequent tenants and adapters.
        `prefix_reuse` is the share of prompt blocks seen before in the trace, None without hashes.

    Raises:
        TraceError: see `simcost.trace.requests.store`.
    """
    info = open_trace(path)
    gaps, hours, repeats, over_time = Gaps(), Windows(3600), RepeatedRequests(), RequestsOverTime(info.span_ns)
    windows = [Windows(width_s) for width_s in _DISPERSION_S]
    prompt, output = TokenCounts(), TokenCounts()
    for batch in read_batches(path):
        _add(batch, gaps, [*windows, hours], prompt, output)
        repeats.add(batch.arrival_ns, batch.prompt_tokens, batch.output_tokens)
        over_time.add(batch.arrival_ns)
    repeated = repeated_rows(repeats, gaps, prompt, output)
    return {
        "file": original_uri(path) or str(path),
        "source": info.source,
        "start_utc": info.start_utc,
        "rows": info.rows,
        "span_s": info.span_s,
        "rate_per_s": info.rows / info.span_s if info.span_ns else None,
        "cv": gaps.cv(),
        "dispersion": {f"{w.width_s}s": w.dispersion(info.span_ns) for w in windows},
        "prompt_tokens": _tokens(prompt),
        "output_tokens": _tokens(output),
        "cached_tokens": _cached(info),
        "latencies": _latencies(info),
        "rate_per_hour": hours.rates_per_hour(info.span_ns),
        "over_time": over_time.document(),
        "prefix_reuse": _prefix_reuse(info),
        "block_tokens": info.block_tokens,
        "columns": list(info.columns),
        "models": info.models,
        "labels": _labels(info),
        "findings": _repeat_findings(repeated)
        + arrival_findings(gaps, info, repeated)
        + token_findings("prompt_tokens", prompt)
        + token_findings("output_tokens", output),
    }


def _add(batch: RequestBatch, gaps: Gaps, windows: list[Windows], prompt: TokenCounts, output: TokenCounts) -> None:
    gaps.add(batch.arrival_ns)
    for window in windows:
        window.add(batch.arrival_ns)
    prompt.add(batch.prompt_tokens)
    output.add(batch.output_tokens)


def _tokens(counts: TokenCounts) -> dict[str, Any]:
    quantiles: dict[str, float] = {name: counts.quantile(share) for name, share in _QUANTILES.items()}
    named = {"mean": counts.total / counts.rows, **quantiles, "max": counts.largest, "total": counts.total}
    return {**named, "percentiles": counts.percentiles()}


def _cached(info: TraceInfo) -> dict[str, float] | None:
    """Requests whose cached tokens the log counts, and the share of these in their prompts."""
    if CACHED not in info.columns:
        return None
    known = cached = prompt = 0
    for table in read_tables(info.path, ["prompt_tokens", CACHED]):
        rows = table.filter(table[CACHED].is_valid())
        known += len(rows)
        cached += int(rows[CACHED].to_numpy().sum(dtype=np.int64))
        prompt += int(rows["prompt_tokens"].to_numpy().sum(dtype=np.int64))
    return {"known": known, "share": cached / prompt} if known else None


def _latencies(info: TraceInfo) -> dict[str, dict[str, float]]:
    """Of each latency that the log has for any request."""
    found = {name: LatencyCounts() for name in LATENCIES if name in info.columns}
    if found:
        for table in read_tables(info.path, list(found)):
            for name, counts in found.items():
                counts.add(table[name].to_numpy(zero_copy_only=False))
    return {
        name: {"known": counts.known, "mean": counts.sum_s / counts.known}
        | {quantile: counts.quantile(share) for quantile, share in _QUANTILES.items()}
        | {"max": counts.largest_s}
        for name, counts in found.items()
        if counts.known
    }


def _prefix_reuse(info: TraceInfo) -> float | None:
    """1 - distinct blocks / blocks: each block but its first occurrence was seen before. Holds the distinct
    hashes (8 bytes each).
    """
    if "prefix_hashes" not in info.columns:
        return None
    distinct, blocks = DistinctNumbers(), 0
    for table in read_tables(info.path, ["prefix_hashes"]):
        hashes = table.column(0).flatten().to_numpy()
        blocks += len(hashes)
        distinct.add(hashes)
    return 1 - distinct.count() / blocks if blocks else None


def _labels(info: TraceInfo) -> dict[str, dict[str, Any]]:
    """Of each label that the log has for any request: how many requests have one, and how many different ones there
    are; of tenants and adapters also the requests of the most frequent.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in (name for name in ("tenant", "adapter", "session") if name in info.columns):
        counts, sessions, known = Counter[str](), DistinctNumbers(), 0
        for table in read_tables(info.path, [name]):
            labels = table[name].drop_null()
            known += len(labels)
            if name == "session":
                sessions.add(np.fromiter(map(hash, labels.unique().to_pylist()), np.int64))
            else:
                counts.update({item["values"]: item["counts"] for item in labels.value_counts().to_pylist()})
        if known and name == "session":
            found[name] = {"known": known, "distinct": sessions.count()}
        elif known:
            found[name] = {"known": known, "distinct": len(counts), "requests": dict(counts.most_common(_LABELS))}
    return found
