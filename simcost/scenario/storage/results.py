"""Results folders of finished runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from logging import WARNING
from math import fsum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcost.errors import InputError, did_you_mean
from simcost.execution.log import log_once
from simcost.scenario.files.yaml import parse, read
from simcost.scenario.storage.folders import check_result, no_result
from simcost.tables.digests import sha256_of


def finished_plan(folder: Path, name: str | None = None) -> tuple[dict[str, Any], float]:
    """A plan of the result in a folder, the best one unless named, and the mean length of its runs.

    Raises:
        InputError: no finished result, or no such plan.
    """
    try:
        check_result(folder)
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        plans = {str(plan["name"]): plan for plan in document["plans"]}
        chosen = name or document["best"] or document["baseline"]
        lengths_s = {name: float(plan["horizon_s"]) for name, plan in plans.items()}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise no_result(folder, error) from error
    if chosen not in plans:
        raise InputError(
            f"{folder}: no plan {chosen!r}{did_you_mean(chosen, list(plans))}; there are {', '.join(plans)}"
        )
    return plans[chosen], lengths_s[chosen]


def other_version(folder: Path, error: Exception) -> InputError:
    """The error of a whole result that lacks something, or has it in another form."""
    why = f"no key {error}" if isinstance(error, KeyError) else str(error)
    return InputError(
        f"{folder}: is not a result that this version of simcost has written ({why}); run the scenario again"
    )


def versions_of(folder: Path) -> tuple[str, str]:
    """Version of simcost, and that of its engine, by which a finished result was simulated; empty where not stated.

    Raises:
        InputError: the result cannot be read.
    """
    try:
        stated = json.loads((folder / "result.json").read_text(encoding="utf-8")).get("provenance", {})
        return str(stated.get("simcost_version", "")), str(stated.get("engine_version", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise no_result(folder, error) from error


def refuse_services(folder: Path, plan: Mapping[str, Any]) -> None:
    """Raise InputError for a plan of several services, where the question is of one."""
    if services := plan.get("services"):
        names = ", ".join(str(service["name"]) for service in services)
        raise InputError(
            f"{folder}: plan {plan['name']!r} serves {names}; run a scenario of the one service that is meant"
        )


AMOUNTS = ("consumed_quantity", "list_cost_usd", "contracted_cost_usd", "effective_cost_usd", "billed_cost_usd")
"""Fields of a charge that grow with the time that it is of."""


def runs_of_plan(folder: Path, plan: str) -> list[dict[str, Any]]:
    """The rows of the table `runs` of a plan of a finished result, in the order of its replications.

    Raises:
        InputError: they cannot be read.
    """
    try:
        runs = pq.ParquetFile(folder / "tables" / "runs.parquet").read()
        found: list[dict[str, Any]] = runs.filter(pc.equal(runs["plan"], plan)).sort_by("replication").to_pylist()
    except (OSError, LookupError, pa.ArrowException) as error:
        raise InputError(f"{folder}: its runs cannot be read ({error}); run the scenario again") from error
    return found


def plan_charges(folder: Path, plan: str) -> tuple[list[dict[str, Any]], float]:
    """The charges of a plan of a finished result, each its part of the mean over replications, and their length.

    Replications that end at different times have equal weight in a month, as in the result: the amounts are of the mean
    length, and per hour as high as those of the replication. One without a charge counts, too.

    Raises:
        InputError: they cannot be read.
    """
    lengths_s = {run["replication"]: run["horizon_s"] for run in runs_of_plan(folder, plan)}
    try:
        charges = pq.ParquetFile(folder / "tables" / "charges.parquet").read()
        mine = charges.filter(pc.equal(charges["plan"], plan)).to_pylist()
        mean_s = fsum(lengths_s.values()) / len(lengths_s)
        parts = {replication: mean_s / length_s / len(lengths_s) for replication, length_s in lengths_s.items()}
        return [row | {name: row[name] * parts[row["replication"]] for name in AMOUNTS} for row in mine], mean_s
    except (OSError, LookupError, ArithmeticError, pa.ArrowException) as error:
        raise InputError(f"{folder}: its charges cannot be read ({error}); run the scenario again") from error


def costs_by_replication(folder: Path, plan: str) -> tuple[tuple[float, ...], int, bool]:
    """Costs a month of a plan of a finished result by replication, its seed, and True if something in it is random.

    Raises:
        InputError: they cannot be read.
    """
    try:
        document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        seed, is_random = int(document["provenance"]["seed"]), not document["deterministic"]
        return tuple(run["per_month_usd"] for run in runs_of_plan(folder, plan)), seed, is_random
    except (OSError, ValueError, LookupError, TypeError) as error:
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


def inputs_of(folder: Path) -> dict[str, str]:
    """SHA-256 of the files that a finished result was made of, by path; the scenario comes first.

    Raises:
        InputError: they cannot be read.
    """
    try:
        found: dict[str, str] = json.loads((folder / "result.json").read_text(encoding="utf-8"))["provenance"]["inputs"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise no_result(folder, error) from error
    return found


def changed_inputs(inputs: Mapping[str, str]) -> Iterator[str]:
    """Files that are there, as seen from the working directory, and are not what they were.

    Args:
        inputs: SHA-256 by path, as in `provenance`.
    """
    for name, digest in inputs.items():
        if Path(name).exists() and sha256_of(Path(name)) != digest:
            yield name


def folder_of_scenario(folder: Path) -> Path | None:
    """The folder of the scenario that a finished result was run of, as seen from here; None where it is not there.

    Raises:
        InputError: no finished result.
    """
    file = Path(next(iter(inputs_of(folder)), ""))
    return file.parent if file.is_file() else None


def folder_of_inputs(folder: Path) -> Path:
    """The folder to which the paths in the scenario of a finished result are relative, as seen from here.

    A warning names the files beside the scenario that have changed since.

    Raises:
        InputError: no finished result, or its scenario is not there.
    """
    finished_plan(folder)
    document = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    inputs = document["provenance"]["inputs"]
    file = next(iter(inputs), "")
    if changed := [name for name in changed_inputs(inputs) if name != file]:
        has = "has" if len(changed) == 1 else "have"
        since = f"{', '.join(changed)} {has} changed since it was run; the answer is of what is there now"
        log_once(__name__, WARNING, f"{folder}: {since}")
    if not Path(file).is_file():
        raise InputError(
            f"{folder}: the scenario {file!r} that it was run of is not there; call from the same directory, or pass "
            "--data with the folder of its traces"
        )
    return Path(document["provenance"].get("data") or Path(file).parent)


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
