"""The Azure conversation trace of 2023 on the configurations that other simulators have published or been run on.

    python bench/peers.py [--json]

Prints TTFT, TPOT and E2E in ms (mean, p50, p90, p95, p99) beside the peers' figures, which were measured once on
a 2-core machine with the settings named in docs/validation.md, and requests per CPU second.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure

LOG = measure.SHARED / "data/traces/AzureLLMInferenceTrace_conv.csv"
HORIZON_S = 4200.0
QUANTILES = (0.5, 0.9, 0.95, 0.99)
COPIES = 10


@dataclass(frozen=True)
class Setting:
    """One replica as a peer configured it, and what the peer printed (ms; mean, p50, p90, p95, p99; NaN: not)."""

    peer: str
    model: str
    accelerator: str
    tp: int
    tokens: int
    seqs: int
    peer_ttft_ms: tuple[float | None, ...]
    peer_tpot_ms: tuple[float | None, ...]
    peer_e2e_ms: tuple[float | None, ...]
    requests: int = 19_366
    copies: int = 1


SETTINGS = (
    Setting(
        "AISimulate",
        "llama-3.1-8b",
        "h100-sxm",
        1,
        8192,
        256,
        (44.6, 34.1, 99.3, 108, 173),
        (8.54, 8.17, 10.3, 11.3, 14.3),
        (1805, 1150, 3687, 4070, 5213),
    ),
    Setting(
        "AISimulate x10",
        "llama-3.1-8b",
        "h100-sxm",
        1,
        8192,
        256,
        (42.6, 32.9, 97.8, 105, 188),
        (8.58, 8.18, 10.4, 11.5, 15.0),
        (1809, 1154, 3700, 4091, 5239),
        copies=COPIES,
    ),
    Setting(
        "BLIS",
        "llama-3.1-8b",
        "h100-sxm",
        1,
        2048,
        256,
        (32.1, None, 43.5, 52.2, 58.8),
        (8.04, None, 8.61, 8.96, 12.5),
        (1722, None, 3486, 3735, 4885),
    ),
    Setting(
        "AISimulate",
        "llama-3.1-8b",
        "a100-80gb-sxm",
        1,
        8192,
        256,
        (211, 115, 468, 673, 1252),
        (36.6, 26.9, 66.6, 94.3, 154),
        (6920, 4803, 13369, 16688, 30455),
    ),
    Setting(
        "BLIS",
        "llama-3.1-8b",
        "a100-80gb-sxm",
        1,
        2048,
        256,
        (49.6, None, 81.1, 98.1, 116),
        (14.0, None, 15.6, 20.1, 29.6),
        (3002, None, 6161, 6701, 8587),
    ),
    Setting(
        "Vidur",
        "llama-3.1-8b",
        "a100-80gb-sxm",
        1,
        512,
        512 - 1,
        (3945, 228, 18567, 27000, 33456),
        (29.0, 25.5, 45.4, 46.0, 46.8),
        (9655, 6776, 23375, 33349, 41598),
    ),
    Setting(
        "AISimulate",
        "llama-3.1-70b",
        "h100-sxm",
        8,
        8192,
        256,
        (104, 69.3, 208, 277, 484),
        (16.7, 15.1, 22.5, 26.7, 38.1),
        (3429, 2296, 6894, 7862, 10593),
    ),
    Setting(
        "BLIS, first 1,000",
        "llama-3.1-70b",
        "h100-sxm",
        8,
        2048,
        256,
        (37.0, None, 49.2, 64.3, 71.6),
        (10.4, None, 10.5, 10.9, 15.6),
        (2593, None, 4500, 4762, 6072),
        requests=1000,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part is not None:
        print(json.dumps(run(SETTINGS[options.part], options.folder)))
        return
    if not LOG.exists():
        print(json.dumps({"name": "peers", "skipped": f"no trace {LOG.name} beside the checkout"}))
        return
    with tempfile.TemporaryDirectory() as folder:
        from simcost.trace.requests.readers import import_trace

        import_trace(LOG, "azure-llm", Path(folder, "trace.parquet"))
        measure.in_process(__file__, "--part", "0", "--folder", folder)  # compiles and caches the kernel
        runs = [measure.in_process(__file__, "--part", str(i), "--folder", folder) for i in range(len(SETTINGS))]
    for result in runs:
        result["per_cpu_s"] = result["requests"] / result["cpu_s"]
    total = {key: sum(result[key] for result in runs) for key in ("cpu_s", "wall_s")}
    document = {
        "name": "peers",
        "work": f"{len(runs)} replays",
        **total,
        "rss_bytes": max(result["rss_bytes"] for result in runs),
        "per_cpu_s": sum(result["requests"] for result in runs) / total["cpu_s"],
        "runs": runs,
    }
    if not options.json:
        show(runs)
        document.pop("runs")
    measure.show(document, options)


def run(setting: Setting, folder: Path) -> dict[str, Any]:
    import numpy as np
    import pyarrow.parquet as pq

    from simcost.catalog import load_catalog
    from simcost.perf import ReplicaSpec, fit_memory, step_time
    from simcost.plan import Batching, Fixed, RoundRobin
    from simcost.sim import Pool, simulate

    catalog = load_catalog()
    model, accelerator = catalog.model(setting.model), catalog.accelerator(setting.accelerator)
    spec = ReplicaSpec(accelerator=setting.accelerator, tp=setting.tp, memory_utilisation=0.9)
    batching = Batching(max_num_seqs=min(setting.seqs, setting.tokens - 1), max_num_batched_tokens=setting.tokens)
    memory = fit_memory(model, accelerator, spec, batching.max_num_batched_tokens)
    step = step_time(catalog, model, accelerator, spec)
    pool = Pool(
        name=setting.peer,
        step=step,
        kv_capacity_tokens=memory.kv_capacity_tokens,
        batching=batching,
        scaling=Fixed(replicas=setting.copies),
        router=RoundRobin(),
    )
    rows = folder / "rows.parquet"
    start = measure.cpu_s()
    ledger = simulate(pool, arrivals(setting, folder), horizon_s=HORIZON_S, rows=rows)
    work_cpu_s = measure.cpu_s() - start
    table = pq.read_table(rows)
    ttft, e2e, output = (table[name].to_numpy() for name in ("ttft_s", "e2e_s", "output_tokens"))
    tpot = ((e2e - ttft) / np.maximum(output - 1, 1))[output > 1]

    def shown(values: Any) -> list[float]:
        return [round(float(v) * 1e3, 2) for v in (values.mean(), *np.quantile(values, QUANTILES))]

    return {
        "peer": setting.peer,
        "setting": f"{setting.model} {setting.accelerator} tp{setting.tp} {setting.tokens}/{setting.seqs}",
        "requests": ledger.outcomes.completed,
        "work_cpu_s": work_cpu_s,
        "preemptions": ledger.outcomes.preemptions,
        "utilisation": ledger.outcomes.work_s / float(table["arrival_s"].to_numpy().max()) / setting.copies,
        **{f"{name}_ms": shown(values) for name, values in (("ttft", ttft), ("tpot", tpot), ("e2e", e2e))},
        **{f"peer_{name}_ms": getattr(setting, f"peer_{name}_ms") for name in ("ttft", "tpot", "e2e")},
    }


def arrivals(setting: Setting, folder: Path) -> Any:
    """The trace, or its first requests, or each request `copies` times, 7 ms apart, as the peers were fed."""
    import numpy as np

    from simcost.trace.requests.batch import RequestBatch
    from simcost.trace.requests.store import read_batches

    parts = list(read_batches(folder / "trace.parquet"))
    arrival = np.concatenate([part.arrival_ns for part in parts])[: setting.requests]
    prompt = np.concatenate([part.prompt_tokens for part in parts])[: setting.requests]
    output = np.concatenate([part.output_tokens for part in parts])[: setting.requests]
    arrival = (arrival[:, None] + np.arange(setting.copies) * 7_000_000).ravel()
    prompt, output = (np.repeat(column, setting.copies) for column in (prompt, output))
    order = np.argsort(arrival, kind="stable")
    return iter([RequestBatch(arrival[order], prompt[order], output[order])])


def show(runs: list[dict[str, Any]]) -> None:
    for result in runs:
        print(f"{result['setting']}: ours, then {result['peer']} (mean, p50, p90, p95, p99; ms)")
        for name in ("ttft", "tpot", "e2e"):
            both = (
                [f"{v:9,.1f}" if v is not None else "        -" for v in result[key]]
                for key in (f"{name}_ms", f"peer_{name}_ms")
            )
            print(f"  {name}  {' '.join(next(both))}  | {' '.join(next(both))}")
        print(
            f"  utilisation {result['utilisation']:.0%}, {result['preemptions']} preemptions, "
            f"{result['per_cpu_s']:,.0f} requests per CPU s of the process, "
            f"{result['requests'] / result['work_cpu_s']:,.0f} of the simulation"
        )


if __name__ == "__main__":
    main()
