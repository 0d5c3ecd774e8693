"""Step times of the catalog against published measurements: errors and coverage by source and group of rows.

    python bench/validation.py [--json] [--left-out] [--write]

Each benchmark is replayed step by step (`bench/step_schedule.py`). `--left-out` fits again without each row, and
without each model of an accelerator, and adds the errors of those predictions. `--write` puts the table into
docs/validation.md.
"""

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import measure
import numpy as np
from fit_step_times import LEFT_OUT, Residuals, fitted, identity, left_out
from serving_rows import Measurement, measurements, schedule
from step_fit import Numbers, groups

from simcost.catalog import load_catalog
from simcost.perf import step_time

PAGE = Path(__file__).parents[1] / "docs/validation.md"
MARK = re.compile(r"(<!-- step times: begin -->\n).*?(<!-- step times: end -->)", re.DOTALL)
COVERED = 1.96


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of the table: which they are, and what peers are published or measured to err by."""

    source: str
    name: str
    holds: Callable[[Measurement], bool]
    peers: str = ""


def _trt(row: Measurement) -> bool:
    return row.source == "TensorRT-LLM"


def _silicon(row: Measurement) -> bool:
    return row.source == "aiconfigurator silicon"


def _dense(row: Measurement) -> bool:
    return row.model_class == "dense"


def _pcie_node(row: Measurement) -> bool:
    return row.accelerator.name == "l40s" and row.spec.tp >= 4


GROUPS = (
    RowGroup(
        "TensorRT-LLM offline",
        "dense, fp8 and fp16",
        lambda r: _trt(r) and _dense(r) and r.spec.precision != "fp4" and not _pcie_node(r),
        "AISimulate 2.9 (H200), 4.3 (H100)",
    ),
    RowGroup(
        "TensorRT-LLM offline",
        "dense, fp4",
        lambda r: _trt(r) and _dense(r) and r.spec.precision == "fp4",
        "AISimulate 9.1",
    ),
    RowGroup(
        "TensorRT-LLM offline",
        "experts, fp8 and fp16",
        lambda r: _trt(r) and not _dense(r) and r.spec.precision != "fp4" and not _pcie_node(r),
        "AISimulate 9.1 (fp8)",
    ),
    RowGroup(
        "TensorRT-LLM offline",
        "experts, fp4",
        lambda r: _trt(r) and not _dense(r) and r.spec.precision == "fp4",
        "AISimulate 6.6 (Qwen3-30B, B200)",
    ),
    RowGroup("TensorRT-LLM and MLPerf", "L40S, tp 4 and 8", _pcie_node, "AISimulate 85"),
    RowGroup("ROCm", "MI300X throughput", lambda r: r.source == "ROCm" and r.metric == "throughput"),
    RowGroup("ROCm and Oracle", "MI300X latency of one batch", lambda r: r.metric == "latency"),
    RowGroup("MLPerf offline", "all, partly stated", lambda r: r.source == "MLPerf" and not _pcie_node(r)),
    RowGroup("NVIDIA NIM", "70B, two H100, partly stated", lambda r: r.source == "docs.nvidia.com"),
    RowGroup("vLLM runs TPOT", "RTX PRO 6000: 8B, 32B on two over PCIe", lambda r: r.source == "vLLM runs"),
    RowGroup(
        "InferenceMAX TPOT", "gpt-oss-120b", lambda r: r.source == "InferenceMAX" and r.model.name == "gpt-oss-120b"
    ),
    RowGroup(
        "InferenceMAX TPOT", "DeepSeek-R1", lambda r: r.source == "InferenceMAX" and r.model.name == "deepseek-v3"
    ),
    RowGroup("silicon TPOT", "dense", lambda r: _silicon(r) and _dense(r), "AISimulate 20 to 22"),
    RowGroup("silicon TPOT", "experts", lambda r: _silicon(r) and r.model_class == "moe", "AISimulate 26 to 43"),
    RowGroup(
        "silicon TPOT",
        "experts and latent attention",
        lambda r: _silicon(r) and r.model_class == "latent",
        "AISimulate 21.6 (DeepSeek-R1, H200)",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--left-out", action="store_true", help="also fit without rows and models")
    parser.add_argument("--write", action="store_true", help="put the table into docs/validation.md")
    options = parser.parse_args()
    if not measure.SHARED.is_dir():
        print(json.dumps({"name": "validation", "skipped": "no shared folder beside the checkout"}))
        return
    since = time.monotonic(), measure.cpu_s()
    rows = measurements(measure.SHARED)
    shipped = {identity(row): found for row in rows if (found := residual(row)) is not None}
    outside = outside_of_fits(rows) if options.left_out else None
    table = [line for group in GROUPS if (line := score(group, rows, shipped, outside))]
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(MARK.sub(lambda m: m[1] + markdown(table) + m[2], page), encoding="utf-8")
    document = {
        "name": "validation",
        "work": f"{len(shipped)} measurements",
        **measure.account(since, len(shipped)),
        "rows": table,
    }
    measure.show(document, options)
    if not options.json:
        print(markdown(table))


def residual(row: Measurement) -> tuple[float, float] | None:
    """Logarithm of predicted / measured with the catalog, and the stated sigma; None if the model does not fit."""
    found = schedule(row)
    if found is None:
        return None
    run, outputs = found
    step = step_time(load_catalog(), row.model, row.accelerator, row.spec)
    prompt_s = step.b_s_per_token * (run.rows - run.sequences) + step.q_s_per_pair * run.pairs
    decode_s = step.c_s_per_sequence * run.sequences + step.d_s_per_token * run.kv_tokens
    times = step.base_seconds(run.rows) + decode_s + prompt_s
    weights: dict[str, Numbers | float] = {"tpot": run.tpot, "latency": 1.0, "throughput": 1.0 / outputs}
    return float(np.log((weights[row.metric] * run.repeats * times).sum() / row.measured_s)), step.sigma


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Residuals where the row, or all rows of its model on its accelerator, were not fitted."""

    rows: Residuals
    models: Residuals


def outside_of_fits(rows: Sequence[Measurement]) -> LeftOut:
    found = groups(rows)
    estimate = fitted(found)
    return LeftOut(*(left_out(found, estimate, LEFT_OUT[name]) for name in ("rows", "models")))


def sigma_of_others(row: Measurement) -> float:
    """The spread that would be stated had the model not been measured on the accelerator."""
    wanted = (row.model_class, row.spec.engine, row.accelerator.name, row.spec.precision, "")
    for factor in load_catalog().facts.step_factors:
        if (factor.model_class, factor.engine, factor.accelerator, factor.precision, factor.model) == wanted:
            return factor.sigma
    raise LookupError(f"no cell of {wanted}; run bench/fit_step_times.py")


def score(
    group: RowGroup, rows: Sequence[Measurement], shipped: dict[str, tuple[float, float]], outside: LeftOut | None
) -> dict[str, object] | None:
    """Errors in percent, and the share of measurements inside the stated 95 % interval."""
    members = {name: row for row in rows if group.holds(row) and (name := identity(row)) in shipped}
    if not members:
        return None
    residuals, sigmas = np.array([shipped[name] for name in members]).T
    document = {"source": group.source, "rows": group.name, "n": len(members), **errors(residuals, sigmas)}
    if outside is not None:
        left = np.array([outside.rows[name] for name in members])
        document |= {f"row_left_out_{key}": value for key, value in errors(left, sigmas).items()}
        left = np.array([outside.models[name] for name in members])
        wider = np.array([sigma_of_others(row) for row in members.values()])
        document |= {f"model_left_out_{key}": value for key, value in errors(left, wider).items()}
    return {**document, "peers": group.peers}


def errors(residuals: Numbers, sigmas: Numbers) -> dict[str, float]:
    size = 100 * np.abs(np.expm1(residuals))
    return {
        "median": round(float(np.median(size)), 1),
        "p95": round(float(np.quantile(size, 0.95)), 1),
        "in_95_interval": round(100 * float(np.mean(np.abs(residuals) <= COVERED * sigmas)), 1),
    }


def markdown(table: Sequence[dict[str, object]]) -> str:
    """Each cell: median, p95, share inside the 95 % interval."""
    ways = {"": "fitted", "row_left_out_": "row left out", "model_left_out_": "model left out"}
    there = {prefix: name for prefix, name in ways.items() if f"{prefix}median" in table[0]}
    lines = [f"| source | rows | n | {' | '.join(there.values())} | peers, median |", "|---" * (len(there) + 4) + "|"]
    for row in table:
        cells = [f"{row[f'{p}median']}, {row[f'{p}p95']}, {row[f'{p}in_95_interval']:.0f} %" for p in there]
        shown = [row["source"], row["rows"], row["n"], *cells, row["peers"] or "none known"]
        lines.append(f"| {' | '.join(map(str, shown))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
