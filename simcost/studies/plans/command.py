"""`simcost run`, `check` and `schema`: scenarios."""

import os
import sys
from pathlib import Path
from typing import Any

from simcost.errors import Fault, FaultsError, GateError, InputError
from simcost.progress import Progress
from simcost.studies.options import Arguments, data, output_folder, positive, print_json, seed, show, verb


def add(verbs: Any) -> None:
    """The verbs `run`, `check` and `schema`."""
    _add_run(verbs)
    check = verb(verbs, "check", _check, "find all faults of a scenario, without running it")
    check.add_argument("file", type=Path, help="scenario YAML")
    data(check)
    verb(verbs, "schema", _schema, "print the JSON Schema of scenario files")


def _add_run(verbs: Any) -> None:
    run = verb(verbs, "run", _run, "simulate the plans of a scenario and compare them")
    run.add_argument("file", type=Path, help="scenario YAML")
    output_folder(run, "--out", help="results folder (default: results/SCENARIO)")
    run.add_argument("--seeds", type=positive, help="replications (default: as the scenario says)")
    run.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="runs at a time (default: cores)")
    run.add_argument("--fresh", action="store_true", help="run again what is already known")
    run.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="GATE",
        help="exit 1 if a plan breaks it: slo, quality, or budget=USD a month",
    )
    data(run)
    seed(run)


def _run(arguments: Arguments) -> None:
    from simcost.compare.gate import broken_gates, parse_gate
    from simcost.scenario.checks.load import load
    from simcost.scenario.runs.run import run
    from simcost.studies.plans.sections import write_html

    gates = [parse_gate(gate) for gate in arguments.fail_on]
    loaded = load(arguments.file, arguments.data)
    asked = loaded.scenario.quality
    if "quality" in gates and (asked is None or asked.at_least is None):
        raise InputError(f"{arguments.file}: --fail-on quality needs `quality: {{metric: ..., at_least: ...}}` in it")
    out = arguments.out or Path("results") / loaded.scenario.scenario
    with Progress(loaded.scenario.scenario, quiet=arguments.quiet) as progress:
        document = run(
            loaded,
            out,
            seeds=arguments.seeds,
            seed=arguments.seed,
            jobs=arguments.jobs,
            fresh=arguments.fresh,
            progress=progress,
        )
        files = [*document["files"], os.path.relpath(write_html(out))]
    show(arguments, document | {"files": files}, "plans.sections")
    broken = broken_gates(document, arguments.fail_on)
    if broken:
        raise GateError("; ".join(broken))


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


def _schema(_: Arguments) -> None:
    from simcost.scenario.files.json_schema import json_schema

    print_json(json_schema())
