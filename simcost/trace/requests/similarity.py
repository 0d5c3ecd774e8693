"""Similarity of a synthetic trace to a real one: rate, burstiness, order, tokens, reuse; each with its tolerance."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from simcost.trace.requests.batch import Floats
from simcost.trace.requests.describe import describe_trace
from simcost.trace.requests.store import read_batches
from simcost.trace.synthesis.time_rescaling import Tuples, tuples
from simcost.units import NS_PER_S

Measure = Literal["ratio", "difference", "distance"]

TOLERANCES: dict[str, tuple[float, str]] = {
    "rate_per_s": (0.05, "a fleet is sized by it; bursty counts of an hour vary by about 1 %"),
    "cv": (0.15, "gaps too regular or too bursty by more change the waiting that queueing theory gives"),
    "dispersion": (
        0.25,
        "what the best generators reach on public traces, and Poisson misses on bursty ones",
    ),
    "gaps": (0.10, "laws that miss a bursty trace are .11 to .7 away, resampling is .01 to .09"),
    "tokens": (0.05, "resampled tokens are below .02 away, fitted marginals .04 to .18"),
    "correlation": (0.05, "independent resampling loses .11 of the order that blocks keep"),
    "profile": (0.10, "share of the requests that would have to come in another hour"),
    "prefix_reuse": (0.05, "prefill that a cache saves, as a share of the blocks"),
}
"""By kind of check: how far apart is alike, and why."""

_SHORT_S = 6 * 3600.0
_RANKED = 262_144
_FINE = 0.1  # of a window, or of the mean gap


def compare_traces(real: Path, synthetic: Path) -> dict[str, Any]:
    """Compare two stored traces in bounded memory; of long ones, evenly spread stretches of requests.

    Returns:
        The document of `trace compare`: `verdict`; `real` and `synthetic` with file, rows, span_s; `clock_s`,
        the resolution of the coarser clock; `checks[]` with check, real, synthetic, `distance`, `difference` or
        `ratio` (synthetic over real), tolerance, reason and within. Distances are two-sample Kolmogorov-Smirnov
        D, of the profile the total variation. D, no p-value: at these numbers every difference is significant.

    Raises:
        TraceError: a trace that cannot be read, or is too short.
    """
    said = describe_trace(real), describe_trace(synthetic)
    seen = tuples(real), tuples(synthetic)
    clock_s = max(one.grain_ns for one in seen) / NS_PER_S
    checks = [
        *_ratios(*said, clock_s),
        *_distances(*seen),
        *_orders(*seen),
        _profile(said, (real, synthetic)),
        *_reuse(*said),
    ]
    heads = [{key: one[key] for key in ("file", "rows", "span_s")} for one in said]
    return {
        "verdict": _verdict(checks),
        "real": heads[0],
        "synthetic": heads[1],
        "clock_s": clock_s,
        "checks": checks,
    }


def _ratios(real: dict[str, Any], synthetic: dict[str, Any], clock_s: float) -> list[dict[str, Any]]:
    """Rate, coefficient of variation and dispersion; without those that a trace is too short for, or that would
    show the steps of a coarse clock rather than bursts.
    """
    found = [_check("rate_per_s", "rate_per_s", real["rate_per_s"], synthetic["rate_per_s"], "ratio")]
    if clock_s * real["rate_per_s"] <= _FINE:
        found.append(_check("cv", "cv", real["cv"], synthetic["cv"], "ratio"))
    for name, value in real["dispersion"].items():
        if clock_s <= _FINE * float(name.removesuffix("s")):
            found.append(_check(f"dispersion_{name}", "dispersion", value, synthetic["dispersion"][name], "ratio"))
    return [check for check in found if check is not None]


def _distances(real: Tuples, synthetic: Tuples) -> list[dict[str, Any]]:
    """Distances of the distributions of gaps and tokens."""
    kinds = {
        "rescaled_gaps": ("gap", "gaps"),
        "gaps": ("gap_s", "gaps"),
        "prompt_tokens": ("prompt_tokens", "tokens"),
        "output_tokens": ("output_tokens", "tokens"),
    }
    found = []
    for name, (column, kind) in kinds.items():
        one, other = getattr(real, column), getattr(synthetic, column)
        middle = float(np.median(one)), float(np.median(other))
        found.append(_check(name, kind, *middle, "distance", ks_distance(one, other)))
    return [check for check in found if check is not None]


def _orders(real: Tuples, synthetic: Tuples) -> list[dict[str, Any]]:
    """Rank correlations of prompt with output, and of gaps and outputs with the ones before."""

    def all_of(one: Tuples) -> dict[str, float]:
        gap, prompt, output = (x[:_RANKED] for x in (one.gap, one.prompt_tokens, one.output_tokens))
        return {
            "prompt_output_correlation": rank_correlation(prompt, output),
            "gap_lag1_correlation": rank_correlation(gap[:-1], gap[1:]),
            "output_lag1_correlation": rank_correlation(output[:-1], output[1:]),
        }

    ours, theirs = all_of(real), all_of(synthetic)
    found = [_check(name, "correlation", ours[name], theirs[name], "difference") for name in ours]
    return [check for check in found if check is not None]


def _profile(said: tuple[dict[str, Any], dict[str, Any]], paths: tuple[Path, Path]) -> dict[str, Any]:
    """Spread of the requests over the common span: by the hour, or by 5 minutes where it is below 6 h."""
    span_s = min(one["span_s"] for one in said)
    width_ns = (300 if span_s < _SHORT_S else 3600) * NS_PER_S
    bins = max(1, round(span_s * NS_PER_S / width_ns))
    shares = []
    for path in paths:
        counts = np.zeros(bins)
        for batch in read_batches(path):
            place = batch.arrival_ns[batch.arrival_ns < bins * width_ns] // width_ns
            counts += np.bincount(place, minlength=bins)
        shares.append(counts / max(counts.sum(), 1))
    most = [float(share.max() * bins) for share in shares]
    apart = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return _row("rate_profile", "profile", most[0], most[1], "distance", apart)


def _reuse(real: dict[str, Any], synthetic: dict[str, Any]) -> list[dict[str, Any]]:
    """Share of prompt blocks seen before, where both traces tell."""
    found = _check("prefix_reuse", "prefix_reuse", real["prefix_reuse"], synthetic["prefix_reuse"], "difference")
    return [found] if found is not None else []


def _check(
    name: str,
    kind: str,
    real: float | None,
    synthetic: float | None,
    measure: Measure,
    apart: float | None = None,
) -> dict[str, Any] | None:
    """One row; None where a trace does not tell, or a ratio has no meaning."""
    if real is None or synthetic is None or (measure == "ratio" and real <= 0):
        return None
    if apart is None:
        apart = synthetic / real if measure == "ratio" else synthetic - real
    return _row(name, kind, real, synthetic, measure, apart)


def _row(name: str, kind: str, real: float, synthetic: float, measure: Measure, apart: float) -> dict[str, Any]:
    tolerance, reason = TOLERANCES[kind]
    off = abs(apart - 1) if measure == "ratio" else abs(apart)
    return {
        "check": name,
        "real": real,
        "synthetic": synthetic,
        measure: apart,
        "tolerance": tolerance,
        "within": bool(off <= tolerance),
        "reason": reason,
    }


def _verdict(checks: list[dict[str, Any]]) -> str:
    """One sentence."""
    outside = [check["check"] for check in checks if not check["within"]]
    if not outside:
        return f"Alike: all {len(checks)} checks are within their tolerances."
    return f"Not alike in {', '.join(outside)}; {len(checks) - len(outside)} of {len(checks)} checks are within."


def ks_distance(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """The largest difference between two empirical distribution functions."""
    one, other = np.sort(one), np.sort(other)
    values = np.concatenate([one, other])
    below = [np.searchsorted(sample, values, "right") / len(sample) for sample in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def rank_correlation(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Spearman's, ties at their mean rank; 0 where either does not vary."""
    ranks = _ranks(one), _ranks(other)
    if min(rank.std() for rank in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: npt.NDArray[Any]) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = np.cumsum(count) - (count - 1) / 2
    return middle[place]
