"""Coverage of a search's confirmation: winners of small random spaces, judged on replications that nothing else saw.

python bench/confirmation.py [--json] [--cases 200] [--truth 60] [--kept rows.jsonl]

With --kept, each case is added to the file as it is done, and a later call goes on after those of the file.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import measure
import yaml
from search_spaces import space

from simcost.compare.document import plan_document
from simcost.scenario.checks.load import load
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.simulations import Simulations
from simcost.studies.optimizing.levels import least_attainment
from simcost.studies.optimizing.settings import SearchSettings
from simcost.studies.optimizing.study import optimize


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--truth", type=int, default=60, help="replications that tell the true attainment")
    parser.add_argument("--kept", type=Path, help="file of finished cases, one JSON object a line")
    options = parser.parse_args()
    since = time.monotonic(), measure.cpu_s()
    rows = measure.kept(options.kept)[: options.cases]
    for case in range(len(rows), options.cases):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(judged(Path(folder), case, options.truth))
        measure.keep(options.kept, rows[-1])
    found = [row for row in rows if row]
    work = {
        "name": "confirmation",
        "work": f"{options.cases} spaces of 10 plans, 5 replications of 10 min, truth of {options.truth}",
        "answered": len(found),
        "truly_met_share": fmean(row["met"] for row in found),
        "bound_held_share": fmean(row["with_such_engines"] >= row["at_least"] for row in found),
        "bound_held_share_of_all_engines": fmean(row["reached"] >= row["at_least"] for row in found),
        "worst_shortfall": max(row["shortfall"] for row in found),
    }
    measure.show({**work, **measure.account(since, options.cases)}, options)


def judged(folder: Path, case: int, truth: int) -> dict[str, Any]:
    """The winner of one space, and its attainment over many other replications; empty where none holds."""
    file = folder / "space.yaml"
    small = space(1000 + case) | {"horizon": "10min"}
    small["vary"][0] = small["vary"][0][case % 4 : case % 4 + 1]
    file.write_text(yaml.safe_dump(small), encoding="utf-8")
    loaded = load(file)
    document = optimize(loaded, folder / "runs", SearchSettings(jobs=1), lambda _share, _what: None)
    best = document["best"]
    if best is None:
        return {}
    question = settle(loaded, seed=10_000_000 + case, seeds=truth)
    assert question.source is not None
    plan = next(variation.plan for variation in variations(loaded).variations if variation.plan.name == best["name"])
    with workers_of(folder / "truth", jobs=1) as workers:
        runs = Simulations(question, question.source, folder / "truth", workers, lambda _: None)
        runs.add(plan)
        shares = [score.checks[0].measured or 0.0 for score in runs.all_of(best["name"])]
        factors = plan_document(runs.summary(best["name"]))["engine_factors"]
    reached, target = fmean(shares), loaded.scenario.slo.attainment
    slowest = max(best["engine_factors"])
    return {
        "met": reached >= target,
        "shortfall": max(target - reached, 0.0),
        "at_least": least_attainment(best["lower_bounds"]),
        "reached": reached,
        "with_such_engines": fmean(share for share, factor in zip(shares, factors, strict=True) if factor <= slowest),
    }


if __name__ == "__main__":
    main()
