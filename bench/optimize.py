"""Search for the cheapest plan beside enumeration: random spaces of 50 to 300 plans, all simulated; in the last 40 of
100 each plan may be bought with reservations and a savings plan, and enumeration tries all amounts of them. With
--services, small spaces of two or three services, on nodes that they share or with a cascade between them; from the
15th on, services on nodes of their own, on demand or on spot, that commit to reservations and a savings plan together.

python bench/optimize.py [--json] [--services] [--spaces 20] [--first 60] [--kept rows.jsonl] [--search]

With --kept, each space is added to the file as it is done, and a later call goes on after those of the file. Plans that
differ in money alone share their simulations, in the search and in the enumeration. Enumeration looks at every plan; of
a plan that misses its target even if all further replications were perfect it leaves these out, and what the search has
simulated it reads again. Both count in full as what enumeration simulates. With --search, this is counted and not done.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import measure
import yaml
from search_spaces import Offers, all_amounts, committed_services, large_space, offers, services_space, space

from simcost.billing import OnDemand
from simcost.billing.commitment.offered import Offered
from simcost.catalog import Catalog
from simcost.compare.scores import RunScore, holds, hopeless
from simcost.compare.significance import negligible_usd
from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.inputs.variations import variations
from simcost.scenario.inputs.whole_variations import whole_variations
from simcost.scenario.runs.bills import PurchasedNodes, costs_of
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.service_runs import runs_of_services
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.runs.whole_plans import WholePlans
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices
from simcost.studies.optimizing.settings import SearchSettings
from simcost.studies.optimizing.study import optimize

COMMITTED, COMMITTED_SERVICES = 60, 14
"""The first space with commitments, and the first one of services with commitments."""
NOT_DONE = {"found": None, "within_gap": None, "feasible": None}
"""Of a space whose enumeration is only counted."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--spaces", type=int, default=20)
    parser.add_argument("--services", action="store_true", help="spaces of services that depend on each other")
    parser.add_argument("--first", type=int, default=0, help="number of the first space")
    parser.add_argument("--kept", type=Path, help="file of finished spaces, one JSON object a line")
    parser.add_argument("--search", action="store_true", help="count what enumeration simulates, and leave it out")
    options = parser.parse_args()
    rows = measure.kept(options.kept)[: options.spaces]
    for seed in range(options.first + len(rows), options.first + options.spaces):
        with tempfile.TemporaryDirectory() as folder:
            done = (searched_services if options.services else searched)(Path(folder), seed, count=options.search)
            rows.append(done)
        measure.keep(options.kept, rows[-1])
    spent = {name: sum(row[name] for row in rows) for name in ("cpu_s", "wall_s")}
    work = {
        "name": "optimize",
        "work": f"{options.spaces} spaces, {sum(row['plans'] for row in rows)} plans, 5 replications",
        **({} if options.search else of_enumeration(rows)),
        "simulated_share": sum(row["simulated"] for row in rows) / sum(row["enumerated"] for row in rows),
        "rss_bytes": measure.account((time.monotonic(), measure.cpu_s() - 1), 1)["rss_bytes"],
        "per_cpu_s": sum(row["simulated"] for row in rows) / spent["cpu_s"],
    }
    measure.show({**work, **spent}, options)


def of_enumeration(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Spaces of all in which the search found the optimum, or a plan within the gap that it states."""
    return {
        "enumeration_cpu_s": sum(row["enumeration_cpu_s"] for row in rows),
        "feasible": sum(row["feasible"] for row in rows),
        "found_share": sum(row["found"] for row in rows) / len(rows),
        "found_or_within_gap_share": sum(row["found"] or row["within_gap"] for row in rows) / len(rows),
    }


def searched(folder: Path, seed: int, *, count: bool = False) -> dict[str, Any]:
    """One space: what the search finds, and what enumeration does on the same seeds."""
    runs, bought = folder / "runs", seed >= COMMITTED
    small = space(seed) | {"horizon": "15min"}
    loaded = written(folder, small if bought else large_space(seed))
    settings = SearchSettings(jobs=1, offers=offers(seed) if bought else ())
    since = time.monotonic(), measure.cpu_s()
    document = optimize(loaded, runs, settings, lambda _share, _what: None)
    spent = measure.account(since, 1)
    began = measure.cpu_s()
    every = written(folder, all_amounts(small, offers(seed))) if bought else loaded
    fresh = document["provenance"]["confirmation_seed"]
    best, best_usd, plans, simulations = enumerated(every, runs, fresh, count=count)
    figures = {"optimum": best, "plans": plans, "enumerated": simulations} | (NOT_DONE if count else {})
    return row(seed, document, best_usd, figures | {"enumeration_cpu_s": measure.cpu_s() - began}, spent)


def row(
    seed: int,
    document: dict[str, Any],
    best_usd: float | None,
    figures: dict[str, Any],
    spent: dict[str, Any],
) -> dict[str, Any]:
    """Figures of one space. The optimum is found where the answer costs as much, since of equal plans the one that
    serves best is the answer, and names do not say what was bought.
    """
    best = document["best"]
    if best is not None and best_usd is not None:
        found = abs(best["cost_usd"]["per_month"] - best_usd) <= negligible_usd(best_usd)
        near = found or within_gap(document, best_usd)
    else:
        found = near = best is best_usd
    return {
        "space": seed,
        "plan": best["name"] if best else None,
        "found": found,
        "within_gap": near,
        "feasible": figures["optimum"] is not None,
        **figures,
        "simulated": document["simulated"],
        "cpu_s": spent["cpu_s"],
        "wall_s": spent["wall_s"],
    }


def searched_services(folder: Path, seed: int, *, count: bool = False) -> dict[str, Any]:
    """One space of services: what the search finds, and what enumeration of whole plans does on the same seeds."""
    runs, bought = folder / "runs", seed >= COMMITTED_SERVICES
    file = folder / "space.yaml"
    file.write_text(yaml.safe_dump((committed_services if bought else services_space)(seed)), encoding="utf-8")
    loaded = load_with_services(file)
    offered = offers(seed) if bought else ()
    since = time.monotonic(), measure.cpu_s()
    document = optimize(loaded, runs, SearchSettings(jobs=1, offers=offered), lambda _share, _what: None)
    spent = measure.account(since, 1)
    began = measure.cpu_s()
    fresh = document["provenance"]["confirmation_seed"]
    best, best_usd, plans, simulations = enumerated_services(loaded, runs, fresh, offered, count=count)
    figures = {"optimum": best, "plans": plans, "enumerated": simulations} | (NOT_DONE if count else {})
    return row(seed, document, best_usd, figures | {"enumeration_cpu_s": measure.cpu_s() - began}, spent)


def enumerated_services(
    loaded: LoadedScenario | LoadedServices, runs: Path, fresh: int, offered: Offers | tuple[()], *, count: bool
) -> tuple[str | None, float | None, int, int]:
    """As `enumerated`, of whole plans under all amounts of the commitments; all are simulated on the seeds of the
    search.
    """
    plans = whole_variations(loaded).plans
    with workers_of(runs, jobs=1) as workers:
        made = [
            WholePlans(loaded, seed=seed, seeds=None, runs=runs, workers=workers, note=lambda _: None)
            for seed in (None, fresh)
        ]
        for simulations, plan in product(made, plans):
            simulations.add(plan.name, plan.loaded)
        if count:
            questions = [made[0].question(plan.name) for plan in plans]
            stages = [runs_of_services(one, runs)[0] for one in questions if isinstance(one, ResolvedServices)]
            return None, None, len(plans), len({run.folder.name for one in stages for stage in one for run in stage})
        names = [one.name for one in plans if holds(made[0].all_of(one.name), made[0].level)]
        simulated, catalog = len(made[0].keys), loaded.first.catalog
        choices = {name: cheapest(made[0], name, offered, catalog) for name in names}
        for name in sorted(choices, key=lambda name: choices[name][0]):
            if made[1].hold(name):
                usd = mean_usd(made[1].nodes(name), choices[name][1], catalog)
                return name, usd, len(plans), simulated
        return None, None, len(plans), simulated


def cheapest(
    simulations: WholePlans, name: str, offered: Offers | tuple[()], catalog: Catalog
) -> tuple[float, list[Offered]]:
    """Least mean cost of a plan under all counts of reservations, and amounts of a savings plan that some number of
    nodes of each kind draws; and the commitments.
    """
    nodes = simulations.nodes(name)
    if not offered:
        return mean_usd(nodes, [], catalog), []
    reserved, plan = offered
    draws = [[n * rate for n in range(int(plan.commitment / rate + 1e-9) + 1)] for rate in plan.rates.values()]
    sums = {round(sum(one), 9) for one in product(*draws)}
    amounts = sorted({*(usd for usd in sums if usd <= plan.commitment), plan.commitment})
    found = []
    for units, usd in product(range(reserved.count + 1), amounts):
        held: list[Offered] = [replace(reserved, count=units)] if units else []
        held += [replace(plan, commitment=usd)] if usd else []
        found.append((mean_usd(nodes, held, catalog), held))
    return min(found, key=lambda one: one[0])


def mean_usd(replications: Sequence[Sequence[PurchasedNodes]], held: list[Offered], catalog: Catalog) -> float:
    """Mean cost a month of the nodes of a plan whose account has these commitments."""
    costs = []
    for nodes in replications:
        first = next((one.buy for one in nodes if isinstance(one.buy, OnDemand)), None)
        own = [
            replace(one, buy=replace(one.buy, commitments=tuple(held))) if one.buy == first else one for one in nodes
        ]
        costs.append(costs_of(own, catalog).per_month_usd)
    return fmean(costs)


def written(folder: Path, scenario: dict[str, Any]) -> LoadedScenario:
    """A scenario, written and read."""
    file = folder / "space.yaml"
    file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    return load(file)


def within_gap(document: dict[str, Any], usd: float) -> bool:
    """True if what was found costs no more than the enumerated optimum and the gap that the search states."""
    found = document["best"]["cost_usd"]["per_month"]
    return bool(found * (1 - document["gap"]) <= usd * (1 + 1e-9))


def enumerated(
    loaded: LoadedScenario, runs: Path, fresh: int, *, count: bool = False
) -> tuple[str | None, float | None, int, int]:
    """The cheapest plan that holds on the seeds of the search and on fresh ones with its cost on these, the number of
    plans, and that of distinct simulations of the search seeds; the numbers alone where they are only counted.
    """
    plans = {variation.plan.name: variation.plan for variation in variations(loaded).variations}
    with workers_of(runs, jobs=1) as workers:
        made = [
            Simulations(one, one.source, runs, workers, lambda _: None)
            for one in (settle(loaded, seed=seed, seeds=None) for seed in (None, fresh))
            if one.source is not None
        ]
        for simulations, plan in product(made, plans.values()):
            simulations.add(plan)
        if count:
            return None, None, len(plans), made[0].distinct(plans)
        costs = {name: made[0].summary(name).per_month_usd.mean for name in plans if _holds(made[0], name)}
        for name in sorted(costs, key=lambda name: costs[name]):
            if _holds(made[1], name):
                return name, made[1].summary(name).per_month_usd.mean, len(plans), made[0].distinct(plans)
        return None, None, len(plans), made[0].distinct(plans)


def _holds(simulations: Simulations, name: str) -> bool:
    """True if a plan meets the SLO at its confidence bound."""
    scores: list[RunScore] = []
    seeds = simulations.question.seeds
    for replication in range(seeds):
        scores += simulations([(name, replication)]).values()
        if hopeless(scores, seeds):
            return False
    return holds(scores, simulations.question.loaded.scenario.level)


if __name__ == "__main__":
    main()
