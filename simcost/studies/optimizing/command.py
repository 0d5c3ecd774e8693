"""`simcost optimize`: the cheapest plan that meets the SLO."""

import os
from pathlib import Path
from typing import Any

from simcost.progress import Progress
from simcost.studies.options import Arguments, data, output_folder, positive, seed, study


def add(verbs: Any) -> None:
    """The verb `optimize`."""
    optimize = study(
        verbs, "optimize", _optimize, "optimizing.view", "search the cheapest plan that meets the SLO, and prove it"
    )
    optimize.add_argument("file", type=Path, help="scenario YAML; its `vary` says what may vary (default: the catalog)")
    output_folder(optimize, "--out", help="folder that keeps the runs (default: results/SCENARIO)")
    optimize.add_argument("--seeds", type=positive, help="replications (default: as the scenario says, else 10)")
    optimize.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="runs at a time (default: cores)")
    data(optimize)
    seed(optimize)


def _optimize(arguments: Arguments) -> dict[str, Any]:
    from simcost.scenario.checks.load import load
    from simcost.studies.optimizing.study import SearchSettings, optimize

    loaded = load(arguments.file, arguments.data)
    out = arguments.out or Path("results") / loaded.scenario.scenario
    settings = SearchSettings(seeds=arguments.seeds, seed=arguments.seed, jobs=arguments.jobs)
    with Progress(loaded.scenario.scenario, quiet=arguments.quiet) as progress:
        return optimize(loaded, out / "runs", settings, progress)
