"""Fits the step-time coefficients and factors of the catalog to published measurements, and writes its two tables.

    python bench/fit_step_times.py [--json]

Reads the shared folder, writes hardware_fits.csv and step_factors.csv of `simcost/catalog/facts`; the same rows give
the same files. The spread of each cell comes from rows, configurations, models and accelerators that were left out.
"""

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import measure
import numpy as np
from serving_rows import Measurement, measurements
from step_fit import COEFFICIENTS, Estimate, Group, Name, cells, groups

from simcost.catalog import load_catalog

FACTS = Path(__file__).parents[1] / "simcost/catalog/facts"
SOURCE = (
    "fit to published measurements (TensorRT-LLM, ROCm, MLPerf, NIM, Oracle, InferenceMAX, aiconfigurator silicon, "
    "LLMServingSim's vLLM runs), bench/fit_step_times.py"
)
AS_OF = "2026-11"
STEPS, LEFT_OUT_STEPS = 8, 3
FOLDS = 8
PRIOR_ROWS = 2
"""Weight of a typical spread in that of a cell, in rows."""
LEAST_SIGMA = 0.08
"""No cell is surer: engine versions and settings differ where one campaign agrees with itself."""

Residuals = dict[str, float]
"""Logarithm of predicted / measured by the identity of a row."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not measure.SHARED.is_dir():
        print(json.dumps({"name": "fit_step_times", "skipped": "no shared folder beside the checkout"}))
        return
    since = time.monotonic(), measure.cpu_s()
    found = groups(measurements(measure.SHARED))
    estimate = fitted(found)
    left = {level: left_out(found, estimate, by) for level, by in LEFT_OUT.items()}
    write("hardware_fits", list(hardware_rows(found, estimate)))
    write("step_factors", list(factor_rows(found, estimate, left)))
    count = sum(len(group.rows) for group in found)
    document = {
        "name": "fit_step_times",
        "work": f"{count} measurements, {len(estimate.names)} shrunk values",
        **measure.account(since, count),
        "median_error": {
            level: round(float(np.median(np.abs(np.expm1(list(z.values()))))), 4) for level, z in left.items()
        },
    }
    measure.show(document, options)


def fitted(found: Sequence[Group]) -> Estimate:
    estimate = Estimate(found)
    estimate.improve(found, STEPS)
    return estimate


def identity(row: Measurement) -> str:
    return f"{row.source} {row.name} {row.load} {row.measured_s}"


LEFT_OUT: dict[str, Callable[[Measurement], object]] = {
    "rows": identity,
    "configurations": lambda row: cells(row)[-1],
    "models": lambda row: (row.accelerator.name, row.model.name),
    "accelerators": lambda row: row.accelerator.name,
}
"""Rows that are left out together."""


def left_out(found: Sequence[Group], estimate: Estimate, by: Callable[[Measurement], object]) -> Residuals:
    """Residuals of each row where its fold, whole groups as `by` says, was not fitted."""
    keys = sorted({str(by(row)) for group in found for row in group.rows})
    order = np.random.default_rng(7).permutation(len(keys))
    folds = min(len(keys), 14 if len(keys) < 20 else FOLDS)
    fold = {key: int(order[i] % folds) for i, key in enumerate(keys)}
    residuals: Residuals = {}
    for out in range(folds):
        outside = [[fold[str(by(row))] == out for row in group.rows] for group in found]
        parts = list(zip(found, outside, strict=True))
        kept = [group.subset(np.flatnonzero(np.logical_not(gone))) for group, gone in parts if not all(gone)]
        again = Estimate(kept)
        again.values = np.array([estimate.log(name) for name in again.names])
        again.improve(kept, LEFT_OUT_STEPS)
        for group, gone in parts:
            if any(gone):
                z = again.residuals(group)
                residuals |= {identity(row): float(z[i]) for i, row in enumerate(group.rows) if gone[i]}
    return residuals


def hardware_rows(found: Sequence[Group], estimate: Estimate) -> Iterator[dict[str, object]]:
    """The coefficients of each measured accelerator at each of its rates, and the means."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for group in found:
        counts[group.head.accelerator.name, group.rate] += len(group.rows)
    for link in ("fabric", "PCIe"):
        for rate in ("bf16", "fp8", "fp4"):
            yield _hardware_row(estimate, "", link, rate, 0)
    for accelerator in load_catalog().facts.accelerators:
        if any(name == accelerator.name for name, _ in counts):
            link = "PCIe" if accelerator.link.startswith("PCIe") else "fabric"
            supported = {
                "bf16": True,
                "fp8": accelerator.fp8_flops or accelerator.int8_flops,
                "fp4": accelerator.fp4_flops,
            }
            for rate in (rate for rate, there in supported.items() if there):
                yield _hardware_row(estimate, accelerator.name, link, rate, counts[accelerator.name, rate])


def _hardware_row(estimate: Estimate, accelerator: str, link: str, rate: str, rows: int) -> dict[str, object]:
    values = {
        name: f"{estimate.coefficient(name, link if name.startswith('allreduce') else rate, accelerator):.4g}"
        for name in COEFFICIENTS
    }
    return {"accelerator": accelerator, "link": link, "precision": rate, **values, "rows": rows, **provenance()}


def provenance() -> dict[str, object]:
    return {"source": SOURCE, "as_of": AS_OF, "quality": "B", "notes": ""}


SPREADS = ("accelerators", "accelerators", "models", "configurations", "rows")
"""Rows to leave out for the spread where no narrower cell is known, by level of cell."""
KEYS = ("model_class", "engine", "accelerator", "precision", "model", "tp", "pp", "dp")


def factor_rows(found: Sequence[Group], estimate: Estimate, left: dict[str, Residuals]) -> Iterator[dict[str, object]]:
    """Factors and spreads of all cells, wide ones first."""
    members: dict[tuple[int, Name], list[Measurement]] = defaultdict(list)
    for group in found:
        for level, cell in enumerate(cells(group.head)):
            members[level, cell] += group.rows
    own = {key: [left[SPREADS[key[0]]][identity(row)] for row in rows] for key, rows in members.items()}
    typical = {
        (kind, level): float(np.median([spread(z) for (at, cell), z in own.items() if (at, cell[0]) == (level, kind)]))
        for level in range(len(SPREADS))
        for kind in ("dense", "moe", "latent")
    }
    for (level, cell), rows in sorted(members.items(), key=lambda item: (item[0][0], str(item[0][1]))):
        outside = left["models" if level > 1 else "accelerators"]
        yield {
            **dict(zip(KEYS, cell, strict=True)),
            "factor": f"{np.exp(estimate.log(('factor', *cell))):.4f}",
            "fixed_factor": f"{np.exp(estimate.log(('fixed', *cell))):.4f}",
            "rows": len(rows),
            "sigma": f"{pooled(own[level, cell], typical[str(cell[0]), level]):.3f}",
            "left_out_error": f"{error([outside[identity(row)] for row in rows]):.3f}",
            **provenance(),
        }


def spread(residuals: Sequence[float]) -> float:
    """Root mean square of residuals; what lies outside of four sigmas of their median counts as the edge."""
    size = np.abs(residuals)
    return float(np.sqrt(np.mean(np.minimum(size, 4 * 1.48 * np.median(size)) ** 2)))


def pooled(own: Sequence[float], typical: float) -> float:
    """Spread of a cell: its own, with that of a typical cell as so many rows, and at most three times as wide."""
    squares = PRIOR_ROWS * typical**2 + len(own) * min(spread(own), 3 * typical) ** 2
    return max(LEAST_SIGMA, float(np.sqrt(squares / (PRIOR_ROWS + len(own)))))


def error(residuals: Sequence[float]) -> float:
    """Median absolute relative error."""
    return float(np.median(np.abs(np.expm1(residuals))))


def write(name: str, rows: Sequence[dict[str, object]]) -> None:
    with (FACTS / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
