"""Results folders of finished runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcost.errors import InputError, did_you_mean
from simcost.scenario.files.yaml import parse, read
from simcost.scenario.storage.folders import check_result


def finished_plan(folder: Path, name: str | None = None) -> tuple[dict[str, Any], float]:
    """A plan of the result in a folder, the best one unless named, and the length of the run.

    Raises:
        InputError: no finished result, or no such plan.
    """
    try:
        check_result(folder)
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        plans = {str(plan["name"]): plan for plan in document["plans"]}
        chosen = name or document["best"] or document["baseline"]
        horizon_s = float(document["provenance"]["horizon_s"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{folder}: no finished result ({error}); write one with `simcost run FILE.yaml --out {folder}`"
        ) from error
    if chosen not in plans:
        raise InputError(
            f"{folder}: no plan {chosen!r}{did_you_mean(chosen, list(plans))}; there are {', '.join(plans)}"
        )
    return plans[chosen], horizon_s


def refuse_services(folder: Path, plan: Mapping[str, Any]) -> None:
    """Raise InputError for a plan of several services, where the question is of one."""
    if services := plan.get("services"):
        names = ", ".join(str(service["name"]) for service in services)
        raise InputError(
            f"{folder}: plan {plan['name']!r} serves {names}; run a scenario of the one service that is meant"
        )


def plan_charges(folder: Path, plan: str) -> tuple[list[dict[str, Any]], int]:
    """The charges of a plan of a finished result, of all its replications, and their number.

    Raises:
        InputError: they cannot be read.
    """
    try:
        charges = pq.ParquetFile(folder / "tables" / "charges.parquet").read()
        mine = charges.filter(pc.equal(charges["plan"], plan))
        return mine.to_pylist(), len(pc.unique(mine["replication"]))
    except (OSError, LookupError, pa.ArrowException) as error:
        raise InputError(f"{folder}: its charges cannot be read ({error}); run the scenario again") from error


def costs_by_replication(folder: Path, plan: str) -> tuple[tuple[float, ...], int, bool]:
    """Costs a month of a plan of a finished result by replication, its seed, and True if something in it is random.

    Raises:
        InputError: they cannot be read.
    """
    try:
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        runs = pq.ParquetFile(folder / "tables" / "runs.parquet").read(["plan", "replication", "per_month_usd"])
        mine = runs.filter(pc.equal(runs["plan"], plan)).sort_by("replication")
        seed, is_random = int(document["provenance"]["seed"]), not document["deterministic"]
        return tuple(mine["per_month_usd"].to_pylist()), seed, is_random
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
        raise InputError(f"{folder}: its runs cannot be read ({error}); run the scenario again") from error


def first_run(folder: Path, plan: str) -> list[dict[str, Any]]:
    """Figures of the first replication of a plan of a finished result, which replays a trace as it was recorded; of
    several services, a row for each.

    Raises:
        InputError: they cannot be read.
    """
    services = folder / "tables" / "services.parquet"
    try:
        runs = pq.ParquetFile(services if services.exists() else folder / "tables" / "runs.parquet").read()
        first = pc.and_(pc.equal(runs["plan"], plan), pc.equal(runs["replication"], 0))
        found: list[dict[str, Any]] = runs.filter(first).to_pylist()
    except (OSError, LookupError, pa.ArrowException) as error:
        raise InputError(f"{folder}: its runs cannot be read ({error}); run the scenario again") from error
    return found


def folder_of_inputs(folder: Path) -> Path:
    """The folder of the scenario of a finished result, to which the paths in it are relative, as seen from here.

    Raises:
        InputError: no finished result, or its scenario is not there.
    """
    finished_plan(folder)
    document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    file = next(iter(document["provenance"]["inputs"]), "")
    if not Path(file).is_file():
        raise InputError(
            f"{folder}: the scenario {file!r} that it was run of is not there; call from the same directory, or pass "
            "--data with the folder of its traces"
        )
    return Path(file).parent


def scenario_as_run(folder: Path) -> tuple[str, dict[str, Any]]:
    """The YAML of the scenario of a finished result, and what it says, all defaults written out.

    Raises:
        InputError: it cannot be read.
    """
    file = folder / "scenario.yaml"
    text, faults = read(file)
    node, wrong = parse(text, str(file))
    said = node.plain() if node is not None else None
    if faults or wrong or not isinstance(said, dict) or not isinstance(said.get("plans"), list):
        raise InputError(f"{file}: is not the scenario of a result; run the scenario again")
    return text, said
