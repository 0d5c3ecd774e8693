"""`simcost run`, `check` and `schema`: scenarios."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simcost.errors import Fault, FaultsError, InputError
from simcost.gates import Amount, Gate, above
from simcost.progress import Progress
from simcost.studies.argument_types import positive
from simcost.studies.options import (
    Arguments,
    check_gates,
    data,
    engine,
    engine_of,
    gated,
    gates_of,
    output_folder,
    print_json,
    seed,
    show,
    verb,
)
from simcost.units import format_usd

GATES: Mapping[str, Amount] = {"slo": "", "quality": "", "budget": "USD"}


def add(verbs: Any) -> None:
    """The verbs `run`, `check` and `schema`."""
    _add_run(verbs)
    check = verb(verbs, "check", _check, "find all faults of a scenario, without running it")
    check.add_argument("file", type=Path, help="scenario YAML")
    data(check)
    schema = verb(verbs, "schema", _schema, "explain a key of scenario files, or print their JSON Schema")
    schema.add_argument("key", nargs="?", help="e.g. plans.scaling, hpa or slo.ttft (default: all, as JSON Schema)")


def _add_run(verbs: Any) -> None:
    run = verb(verbs, "run", _run, "simulate the plans of a scenario and compare them")
    run.add_argument("file", type=Path, help="scenario YAML")
    output_folder(run, "--out", help="results folder, or s3://BUCKET/PREFIX (default: results/SCENARIO)")
    run.set_defaults(upload="")
    run.add_argument("--seeds", type=positive, help="replications (default: as the scenario says)")
    engine(run)
    run.add_argument("--fresh", action="store_true", help="run again what is already known")
    gated(run, GATES, broken)
    data(run)
    seed(run)


def _run(arguments: Arguments) -> None:
    from simcost.scenario.checks.load import load_with_services
    from simcost.scenario.runs.run import run
    from simcost.scenario.storage.folders import SUMS
    from simcost.studies.plans.sections import write_html
    from simcost.tables.object_stores import upload

    gates = gates_of(arguments)
    loaded = load_with_services(arguments.file, arguments.data)
    scenario = loaded.first.scenario
    asked = scenario.quality
    if any(gate.name == "quality" for gate in gates) and (asked is None or asked.at_least is None):
        raise InputError(f"{arguments.file}: --fail-on quality needs `quality: {{metric: ..., at_least: ...}}` in it")
    out = arguments.out or Path("results") / scenario.scenario
    with Progress(scenario.scenario, quiet=arguments.quiet) as progress:
        document = run(
            loaded,
            out,
            seeds=arguments.seeds,
            seed=arguments.seed,
            jobs=arguments.jobs,
            engine=engine_of(arguments),
            fresh=arguments.fresh,
            progress=progress,
        )
        files = [*document["files"], os.path.relpath(write_html(out))]
        if arguments.upload:
            upload(out, arguments.upload, SUMS)
    show(arguments, document | {"files": files}, "plans.sections")
    check_gates(arguments, document, gates, "plans.sections")


def _check(arguments: Arguments) -> None:
    from simcost.scenario.runs.check import check

    document = check(arguments.file, arguments.data)
    if arguments.json:
        print_json(document)
        if document["faults"]:
            sys.stdout.flush()
            raise SystemExit(InputError.exit_code)
        return
    if document["faults"]:
        raise FaultsError([Fault(**fault) for fault in document["faults"]])
    print(f"{arguments.file}: no faults")
    for note in document["notes"]:
        print(f"note: {note}")


def _schema(arguments: Arguments) -> None:
    if arguments.key is None:
        from simcost.scenario.files.json_schema import json_schema

        print_json(json_schema())
        return
    from simcost.scenario.files.key_help import help_on

    show(arguments, help_on(arguments.key), "plans.key_help_view")


def broken(document: Mapping[str, Any], gate: Gate) -> str:
    """The sentence of a gate that was broken, with the plans that broke it; empty = it holds.

    `slo` is broken by every plan that misses the SLO, `quality` by every one whose model does not reach the least that
    the scenario asks for, or of which no score is known; `budget=USD` by every plan whose mean cost a month
    (730 h) is above the budget. One plan is enough: keep plans that may fail out of a gated scenario.
    """
    plans = document["plans"]
    if gate.name == "slo":
        names = [_named(plan, _misses) for plan in plans if not plan["slo"]["met"]]
        return f"SLO missed by {', '.join(names)}" if names else ""
    if gate.name == "quality":
        names = [_named(plan, _is_poor) for plan in plans if any(map(_is_poor, plan.get("services", [plan])))]
        return f"quality missed by {', '.join(names)}" if names else ""
    costs = {plan["name"]: plan["cost_usd"]["per_month"] for plan in plans}
    dear = [f"{name} ({above(usd, gate.amount)})" for name, usd in costs.items() if usd > gate.amount]
    return f"budget of {format_usd(gate.amount)} a month exceeded by {', '.join(dear)}" if dear else ""


def _named(plan: dict[str, Any], breaks: Callable[[dict[str, Any]], bool]) -> str:
    """Name of a plan, and of those of its services that break a gate."""
    services = [service["name"] for service in plan.get("services", []) if breaks(service)]
    return f"{plan['name']} ({', '.join(services)})" if services else str(plan["name"])


def _misses(plan: dict[str, Any]) -> bool:
    return not plan["slo"]["met"]


def _is_poor(plan: dict[str, Any]) -> bool:
    return bool(plan["quality"]) and plan["quality"]["met"] is False
