"""Search for the cheapest plan beside enumeration: random spaces of 40 plans, all simulated.

python bench/optimize.py [--json] [--spaces 20]
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import measure
import numpy as np
import yaml

from simcost.compare.racing import holds
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.optimizing.study import SearchSettings, optimize

HARDWARE = (
    {"replica": {"accelerator": "l40s", "precision": "fp8"}, "buy": {"offer": "aws/g6e.xlarge"}},
    {"replica": {"accelerator": "l40s", "precision": "bf16"}, "buy": {"offer": "aws/g6e.xlarge"}},
    {"replica": {"accelerator": "h100", "precision": "fp8"}, "buy": {"offer": "aws/p5.4xlarge"}},
    {"replica": {"accelerator": "l4", "precision": "fp8"}, "buy": {"offer": "aws/g6.xlarge"}},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--spaces", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [searched(Path(folder), seed) for seed in range(options.spaces)]
    spent = {name: sum(row[name] for row in rows) for name in ("cpu_s", "wall_s")}
    work = {
        "name": "optimize",
        "work": f"{options.spaces} spaces, {sum(row['plans'] for row in rows)} plans, 5 replications",
        "found_share": sum(row["found"] for row in rows) / len(rows),
        "simulated_share": sum(row["simulated"] for row in rows) / sum(row["enumerated"] for row in rows),
        "enumeration_cpu_s": sum(row["enumeration_cpu_s"] for row in rows),
        "feasible": sum(row["feasible"] for row in rows),
        "rss_bytes": measure.account((time.monotonic(), measure.cpu_s() - 1), 1)["rss_bytes"],
        "per_cpu_s": sum(row["simulated"] for row in rows) / spent["cpu_s"],
    }
    measure.show({**work, **spent}, options)


def searched(folder: Path, seed: int) -> dict[str, Any]:
    """One space: what the search finds, and what enumeration does on the same seeds."""
    file = folder / f"{seed}.yaml"
    file.write_text(yaml.safe_dump(space(seed)), encoding="utf-8")
    loaded = load(file)
    since = time.monotonic(), measure.cpu_s()
    document = optimize(loaded, folder / f"search-{seed}", SearchSettings(jobs=1), lambda _share, _what: None)
    spent = measure.account(since, 1)
    began = measure.cpu_s()
    best, plans = enumerated(loaded, folder / f"all-{seed}", document["provenance"]["confirmation_seed"])
    found = document["best"]["name"] if document["best"] else None
    return {
        "found": found == best,
        "feasible": best is not None,
        "plans": plans,
        "simulated": document["simulated"],
        "enumerated": plans * document["replications"],
        "enumeration_cpu_s": measure.cpu_s() - began,
        "cpu_s": spent["cpu_s"],
        "wall_s": spent["wall_s"],
    }


def enumerated(loaded: LoadedScenario, runs: Path, fresh: int) -> tuple[str | None, int]:
    """The cheapest plan that holds on the seeds of the search and on fresh ones, and the number of plans."""
    both = [settle(loaded, seed=seed, seeds=None) for seed in (None, fresh)]
    made = [Simulations(one, one.source, runs, 1, lambda _: None) for one in both if one.source is not None]
    plans = [one.plan for one in variations(loaded).variations]
    costs = {}
    for plan in plans:
        made[0].add(plan)
        if holds(made[0].all_of(plan.name), loaded.scenario.level):
            costs[plan.name] = made[0].summary(plan.name).per_month_usd.mean
    for name in sorted(costs, key=lambda name: costs[name]):
        made[1].add(next(plan for plan in plans if plan.name == name))
        if holds(made[1].all_of(name), loaded.scenario.level):
            return name, len(plans)
    return None, len(plans)


def space(seed: int) -> dict[str, Any]:
    """Four kinds of hardware, fixed fleets of one to seven replicas, and three autoscaled ones."""
    rng = np.random.default_rng(seed)
    scaled = [
        {"scaling": {"kind": "target-concurrency", "target": float(target), "min": 1, "max": most, "window": "2min"}}
        for target, most in ((12, 4), (24, 6), (36, 8))
    ]
    fixed = [{"scaling": {"kind": "fixed", "replicas": n}} for n in range(1, 8)]
    return {
        "scenario": f"space-{seed}",
        "model": "llama-3.1-8b",
        "horizon": "30min",
        "seeds": 5,
        "seed": seed + 1,
        "workload": {
            "kind": "synthetic",
            "rate": round(float(rng.uniform(2, 14)), 2),
            "burst_cv": round(float(rng.uniform(0.1, 0.6)), 2),
            "lengths": {"prompt_median": int(rng.integers(200, 1200)), "output_median": int(rng.integers(80, 260))},
        },
        "slo": {"ttft": "1s", "tpot": "60ms", "attainment": float(rng.choice([0.95, 0.99]))},
        "plans": [{"name": "p", **HARDWARE[0], **fixed[0]}],
        "vary": [list(HARDWARE), [*fixed, *scaled]],
    }


if __name__ == "__main__":
    main()
