"""The results folder of a finished run: its document, the scenario in full, its tables; `result.json` comes last."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simcost.compare.comparison import Comparison
from simcost.compare.document import document
from simcost.compare.results import RunResult
from simcost.errors import InputError
from simcost.outputs import check_folder, check_outputs
from simcost.scenario.inputs.forecast_demand import DEMAND_FILES, ForecastDemand, write_demand
from simcost.scenario.runs.tables import RunTables, write_tables
from simcost.scenario.storage.folders import DESCRIPTION, SUMS, whole_files, write_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRuns:
    """All that a results folder says of a scenario."""

    question: str
    comparison: Comparison
    rows: Sequence[RunTables]
    resolved: str
    """The scenario in full."""
    provenance: dict[str, Any]
    assumptions: Sequence[str]
    forecast: ForecastDemand | None = None
    """The demand, where it is forecast."""
    budget_usd: float | None = None
    demands: Mapping[str, ForecastDemand] = field(default_factory=dict)
    """The same by service, where there are several."""


def results_by_plan(rows: Sequence[RunTables]) -> dict[str, list[RunResult]]:
    """Results by plan, in the order of the rows."""
    results: dict[str, list[RunResult]] = {}
    for row in rows:
        results.setdefault(row.result.plan, []).append(row.result)
    return results


def longest_s(rows: Sequence[RunTables]) -> float:
    """Length of the longest run."""
    return max(row.result.bill.horizon_s for row in rows)


def check_results(read: Sequence[Path], resolved: str, out: Path, *, forecast: bool = False) -> None:
    """Raise InputError where a result would replace an input; a scenario that stays as it is does not count.

    Args:
        read: the files that the result depends on.
        resolved: the scenario in full.
        out: the results folder.
        forecast: whether a demand is forecast.
    """
    check_folder(out)
    if (out / DESCRIPTION).is_file():
        raise InputError(f"{out}: holds a sweep; name another folder with --out")
    written = out / "scenario.yaml"
    names = ["result.json", "report.html", *(DEMAND_FILES if forecast else ())]
    if written.is_file() and written.read_bytes() != resolved.encode():
        names.append(written.name)
    check_outputs([*(out / name for name in names), *out.glob("tables/*")], list(read))
    stored = (out / "runs").resolve()
    for path in read:
        if path.resolve().is_relative_to(stored):
            raise InputError(f"{path}: is an input and lies among the runs of {out}; choose another --out")


def write_results(compared: ComparedRuns, out: Path) -> dict[str, Any]:
    """Write the results folder, and return the document of `simcost run`."""
    forecast = compared.forecast
    with whole_files(out, SUMS, "result.json") as draft:
        names = write_tables(compared.rows, draft / "tables")
        (draft / "scenario.yaml").write_text(compared.resolved, encoding="utf-8")
        names += write_demand(forecast, draft) if forecast is not None else []
        files = [os.path.relpath(out / name) for name in ("result.json", "scenario.yaml", *names)]
        found = document(compared.comparison, compared.provenance, files, budget_usd=compared.budget_usd)
        found["question"] = compared.question
        if forecast is not None:
            found["demand"] = forecast.document()
        if compared.demands:
            found["demands"] = {name: demand.document() for name, demand in compared.demands.items()}
        found["assumptions"] += compared.assumptions
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        (draft / "result.json").write_text(text + "\n", encoding="utf-8")
        write_sums(draft)
    return found
