"""`simcost sweep`: thousands of plans."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.gates import Amount, Gate, over_budget
from simcost.progress import Progress
from simcost.studies.argument_types import positive
from simcost.studies.options import Arguments, data, engine, engine_of, gated, output_folder, seed, study
from simcost.units import plural

if TYPE_CHECKING:
    from simcost.studies.sweeps.study import SweepResult

GATES: Mapping[str, Amount] = {"infeasible": "", "budget": "USD"}


def add(verbs: Any) -> None:
    """The verb `sweep`."""
    sweep = study(verbs, "sweep", _sweep, "sweeps.view", "simulate all plans of a scenario's `sweep`, and rank them")
    sweep.add_argument("file", type=Path, help="scenario YAML with `sweep`")
    output_folder(sweep, "-o", "--out", help="folder of the rows (default: results/SCENARIO-sweep)")
    sweep.add_argument("--seeds", type=positive, help="replications (default: as the scenario says)")
    engine(sweep)
    sweep.add_argument(
        "--limit", type=positive, metavar="N", help="make at most so many runs now; the next call goes on"
    )
    sweep.add_argument("--dry-run", action="store_true", help="say how many runs there are and how long they take")
    sweep.add_argument("--yes", action="store_true", help="make more than 10,000 runs")
    gated(sweep, GATES, broken)
    data(sweep)
    seed(sweep)


def _sweep(arguments: Arguments) -> object:
    from simcost.scenario.checks.load import load
    from simcost.scenario.sweeps.sweep import SweepOptions
    from simcost.studies.sweeps.study import SweepSettings, answer

    loaded = load(arguments.file, arguments.data)
    name = loaded.scenario.scenario
    settings = SweepSettings(seeds=arguments.seeds, seed=arguments.seed, consent=arguments.yes, dry=arguments.dry_run)
    with Progress(name, quiet=arguments.quiet) as progress:
        options = SweepOptions(
            jobs=arguments.jobs, engine=engine_of(arguments), limit=arguments.limit, progress=progress
        )
        return answer(loaded, arguments.out or Path("results") / f"{name}-sweep", settings, options)


def broken(result: SweepResult, gate: Gate) -> str:
    """`infeasible` is broken where no plan meets the SLO in all its runs, or in as many futures as `risk` asks;
    `budget=USD` where none does that costs no more a month; of `--dry-run` neither.
    """
    if result.expected_s is not None:
        return ""
    if result.best is None:
        from simcost.compare.verdict import none_eligible

        left = f"; {plural(result.missing, 'run')} still to be made" if result.missing else ""
        failed = f"; runs of {plural(result.failed, 'plan')} could not go on" if result.failed else ""
        return none_eligible(result.not_good_enough, result.plans) + failed + left
    return over_budget(gate, result.best["cost_usd_per_month"])
