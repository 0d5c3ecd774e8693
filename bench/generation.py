"""Requests from rates: what 10 million of them cost, and how bursty each law of gaps is.

`python bench/generation.py [--json]`. The burstiness is scored against the conversation trace in ../shared that
the laws are fitted to: indices of dispersion of counts in windows of 1, 10 and 60 s, mean of 10 runs, and the
two-sample distance of gaps.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from measure import SHARED, account, cpu_s, in_process, show

from simcost.trace.synthesis.gaps import Bootstrap, GammaGaps, Gaps, Mmpp, Poisson, WeibullGaps

TRACE = "conversation.parquet"
LAWS: dict[str, Gaps] = {
    "poisson": Poisson(),
    "gamma": GammaGaps(trace=TRACE),
    "weibull": WeibullGaps(trace=TRACE),
    "mmpp": Mmpp(trace=TRACE),
    "bootstrap-1": Bootstrap(trace=TRACE, block=1),
    "bootstrap-50": Bootstrap(trace=TRACE),
    "bootstrap-500": Bootstrap(trace=TRACE, block=500),
}
RUNS = 10


def generate(law: str, requests: int, folder: Path) -> dict[str, Any]:
    """Draw a week and drop it; arrivals and both token counts."""
    from simcost.trace.synthesis.generator import drawn
    from simcost.trace.synthesis.rates import ArrivalRates
    from simcost.trace.workload.spec import Stream

    shape = 1 + 0.5 * np.sin(np.arange(168) * 2 * np.pi / 24)
    rates = ArrivalRates(step_s=3600.0, expected=requests * shape / shape.sum())
    since = time.monotonic(), cpu_s()
    rows = sum(len(batch) for batch in drawn([Stream(gaps=LAWS[law])], rates, folder=folder, seed=1, index=0))
    return {"requests": rows, "generation": account(since, rows)}


def dispersion(folder: Path) -> dict[str, Any]:
    """Dispersion and distance of gaps of each law against the trace."""
    from simcost.trace.requests.batch import concat
    from simcost.trace.requests.similarity import ks_distance
    from simcost.trace.requests.store import open_trace, read_batches

    path = folder / TRACE
    real, span_ns = concat(list(read_batches(path))).arrival_ns, open_trace(path).span_ns
    found: dict[str, Any] = {"real": {"idc_1_10_60s": _idc(real, span_ns), "rows": len(real)}}
    for name, law in LAWS.items():
        runs = [_run(law, real, span_ns, folder, index) for index in range(RUNS)]
        idc = np.mean([_idc(run, span_ns) for run in runs], axis=0)
        found[name] = {
            "idc_1_10_60s": [round(float(value), 2) for value in idc],
            "gap_distance": round(float(np.mean([ks_distance(np.diff(real), np.diff(run)) for run in runs])), 4),
            "rows": float(np.mean([len(run) for run in runs])),
        }
    return found


def _run(law: Gaps, real: Any, span_ns: int, folder: Path, index: int) -> Any:
    """The arrivals of one run along the trace's own smoothed rate."""
    from simcost.trace.requests.batch import concat
    from simcost.trace.synthesis.generator import drawn
    from simcost.trace.synthesis.rates import ArrivalRates
    from simcost.trace.workload.spec import Stream

    windows = round(span_ns / 60e9)
    counts = np.bincount(np.minimum(real * windows // span_ns, windows - 1), minlength=windows)
    mean = np.convolve(np.pad(counts.astype(float), 2, mode="symmetric"), np.full(5, 0.2), "valid")
    rates = ArrivalRates(step_s=span_ns / 1e9 / windows, expected=mean)
    return concat(list(drawn([Stream(gaps=law)], rates, folder=folder, seed=1, index=index))).arrival_ns


def _idc(arrival_ns: Any, span_ns: int) -> list[float]:
    from simcost.trace.requests.statistics import Windows

    found = []
    for width_s in (1, 10, 60):
        windows = Windows(width_s)
        windows.add(arrival_ns)
        found.append(round(windows.dispersion(span_ns) or 0.0, 2))
    return found


def main() -> None:
    from simcost.trace.requests.readers import import_trace

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=[*LAWS, "dispersion"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        made = (
            dispersion(options.folder)
            if options.part == "dispersion"
            else generate(options.part, options.requests, options.folder)
        )
        print(json.dumps(made))
        return
    with TemporaryDirectory() as home:
        import_trace(SHARED / "data/traces/AzureLLMInferenceTrace_conv.csv", "azure-llm", Path(home, TRACE))
        common = ("--folder", home, "--requests", str(options.requests))
        parts = {law: in_process(__file__, "--part", law, *common) for law in ("bootstrap-50", "poisson", "mmpp")}
        burst = in_process(__file__, "--part", "dispersion", *common)
    document = {
        "name": "generation",
        "work": f"{options.requests} requests with tokens, a week of hourly rates, tuple bootstrap",
        **{key: parts["bootstrap-50"][key] for key in ("cpu_s", "wall_s", "rss_bytes")},
        "per_cpu_s": parts["bootstrap-50"]["requests"] / parts["bootstrap-50"]["cpu_s"],
        "laws": parts,
        "dispersion": burst,
    }
    show(document, options)


if __name__ == "__main__":
    main()
