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
import numpy as np
import yaml

from simcost.billing import OnDemand
from simcost.billing.commitment import ReservedInstances, SavingsPlan
from simcost.billing.commitment.offered import Offered
from simcost.billing.commitment.offered import written as as_written
from simcost.catalog import Catalog
from simcost.compare.scores import holds, hopeless
from simcost.compare.significance import negligible_usd
from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.inputs.variations import variations
from simcost.scenario.inputs.whole_variations import whole_variations
from simcost.scenario.runs.bills import PurchasedNodes, costs_of
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.service_runs import runs_of_services
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.runs.whole_plans import WholePlans
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices
from simcost.studies.optimizing.settings import SearchSettings
from simcost.studies.optimizing.study import optimize

HARDWARE = (
    {"replica": {"accelerator": "l40s", "precision": "fp8"}, "buy": {"offer": "aws/g6e.xlarge"}},
    {"replica": {"accelerator": "l40s", "precision": "bf16"}, "buy": {"offer": "aws/g6e.xlarge"}},
    {"replica": {"accelerator": "h100", "precision": "fp8"}, "buy": {"offer": "aws/p5.4xlarge"}},
    {"replica": {"accelerator": "l4", "precision": "fp8"}, "buy": {"offer": "aws/g6.xlarge"}},
    {"replica": {"accelerator": "h100", "precision": "bf16"}, "buy": {"offer": "aws/p5.4xlarge"}},
    {"replica": {"accelerator": "l4", "precision": "bf16"}, "buy": {"offer": "aws/g6.xlarge"}},
)
USD_PER_H = (1.861, 1.861, 4.326, 0.805, 4.326, 0.805)
"""On demand, of each kind."""
SKUS = {0: "g6e.xlarge", 2: "p5.4xlarge", 3: "g6.xlarge"}
LONG, COMMITTED, COMMITTED_SERVICES = 11, 60, 14
"""Spaces of half an hour, the first one with commitments, and the first one of services with commitments."""
NOT_DONE = {"found": None, "within_gap": None, "feasible": None}
"""Of a space whose enumeration is only counted."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
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
    some = best is not None and best_usd is not None
    found = abs(best["cost_usd"]["per_month"] - best_usd) <= negligible_usd(best_usd) if some else best is best_usd
    return {
        "space": seed,
        "plan": best["name"] if best else None,
        "found": found,
        "within_gap": found or (some and within_gap(document, best_usd)),
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
    settings = SearchSettings(jobs=1, offers=offers(seed) if bought else ())
    since = time.monotonic(), measure.cpu_s()
    document = optimize(loaded, runs, settings, lambda _share, _what: None)
    spent = measure.account(since, 1)
    began = measure.cpu_s()
    fresh = document["provenance"]["confirmation_seed"]
    best, best_usd, plans, simulations = enumerated_services(loaded, runs, fresh, settings.offers, count=count)
    figures = {"optimum": best, "plans": plans, "enumerated": simulations} | (NOT_DONE if count else {})
    return row(seed, document, best_usd, figures | {"enumeration_cpu_s": measure.cpu_s() - began}, spent)


def enumerated_services(
    loaded: LoadedScenario | LoadedServices, runs: Path, fresh: int, offered: tuple[Offered, ...], *, count: bool
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
            stages = [runs_of_services(made[0].question(plan.name), runs)[0] for plan in plans]
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
    simulations: WholePlans, name: str, offered: tuple[Offered, ...], catalog: Catalog
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


def services_space(seed: int) -> dict[str, Any]:
    """Two services, in every third space three, with up to five replicas each, on nodes of two sizes that they share;
    in every fourth space each has nodes of its own, and the first escalates a part of its requests to the second.
    """
    rng = np.random.default_rng(30_000 + seed)
    count, cascade = 3 if seed % 3 == 2 else 2, seed % 4 == 3
    names = ("chat", "search", "notes")[:count]
    models = [str(rng.choice(["llama-3.2-1b", "llama-3.2-3b"])) for _ in names]
    services = [
        {
            "name": name,
            "model": model,
            "workload": {
                "kind": "synthetic",
                "rate": round(float(rng.uniform(1.0, 8.0)), 2),
                "burst_cv": round(float(rng.uniform(0.1, 0.5)), 2),
                "lengths": {"prompt_median": int(rng.integers(200, 800)), "output_median": int(rng.integers(40, 160))},
            },
            "slo": {"ttft": "2s", "tpot": "100ms", "attainment": float(rng.choice([0.9, 0.95]))},
        }
        for name, model in zip(names, models, strict=True)
    ]
    own = {"buy": {"offer": "aws/g6.2xlarge"}} if cascade else {}
    parts: dict[str, Any] = {name: {**own, "scaling": {"kind": "fixed", "replicas": 1}} for name in names}
    if cascade:
        parts["chat"]["cascade"] = {"to": "search", "escalate": f"{int(rng.integers(5, 30))}%"}
    most = 3 if count == 3 else 5
    vary: list[Any] = [{"path": f"services.{name}.scaling.replicas", "from": 1, "to": most} for name in names]
    if not cascade:
        vary.append([{"buy": {"offer": offer}} for offer in ("aws/g6.12xlarge", "aws/g6.2xlarge")])
    return {
        "scenario": f"services-{seed}",
        "horizon": "10min",
        "seeds": 5,
        "seed": seed + 1,
        "services": services,
        "defaults": {"replica": {"accelerator": "l4"}},
        "plans": [{"name": "p", **({} if cascade else {"buy": {"offer": "aws/g6.12xlarge"}}), "services": parts}],
        "vary": vary,
    }


def committed_services(seed: int) -> dict[str, Any]:
    """Two services on nodes of their own, each of two or three kinds on demand, one of them on spot too, with fixed and
    autoscaled fleets.
    """
    made, rng = services_space(4 * seed), np.random.default_rng(40_000 + seed)
    names = [service["name"] for service in made["services"]][:2]
    kinds = [HARDWARE[i] for i in (0, 2, 3)[-int(rng.integers(2, 4)) :]]
    usd = dict(zip((one["buy"]["offer"] for one in HARDWARE), USD_PER_H, strict=True))
    on_spot = {**kinds[-1]["buy"], "kind": "spot", "price": f"${0.6 * usd[kinds[-1]['buy']['offer']]:.3f}/h"}
    spot = {**kinds[-1], "buy": on_spot, "interruptions": {"spot": {"kind": "hazard", "per_node_h": 0.05}}}
    scaled = {"kind": "target-concurrency", "target": 16.0, "min": 1, "max": 4, "window": "2min"}
    fleets: list[dict[str, Any]] = [{"kind": "fixed", "replicas": n} for n in (1, 2)]
    vary: list[Any] = []
    for name, own in zip(names, ([*kinds, spot], kinds), strict=True):
        vary.append([{"services": {name: kind}} for kind in own])
        vary.append([{"services": {name: {"scaling": scaling}}} for scaling in (*fleets, scaled)])
    parts = {name: {**kinds[0], "scaling": fleets[0]} for name in names}
    plan = {"name": "p", "services": parts}
    return {**made, "services": made["services"][:2], "seeds": 3, "defaults": {}, "plans": [plan], "vary": vary}


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
    scores, seeds = [], simulations.question.seeds
    for replication in range(seeds):
        scores += simulations([(name, replication)]).values()
        if hopeless(scores, seeds):
            return False
    return holds(scores, simulations.question.loaded.scenario.level)


def large_space(seed: int) -> dict[str, Any]:
    """Four to six kinds of hardware, fixed fleets of 1 to 14 replicas, autoscaled ones, in half of them spot nodes; the
    first spaces are of half an hour, all others of a quarter.
    """
    rng = np.random.default_rng(10_000 + seed)
    made = space(seed) | {"horizon": "30min" if seed < LONG else "15min"}
    fixed = [{"scaling": {"kind": "fixed", "replicas": n}} for n in range(1, int(rng.integers(9, 15)))]
    scaled = [
        {"scaling": {"kind": "target-concurrency", "target": float(t), "min": 1, "max": m, "window": "2min"}}
        for t, m in ((12, 4), (24, 6), (36, 8), (18, 10), (30, 12))[: int(rng.integers(3, 6))]
    ]
    hardware: list[dict[str, Any]] = list(HARDWARE[: int(rng.integers(4, 7))])
    if rng.random() < 0.5:
        spot = {"interruptions": {"spot": {"kind": "hazard", "per_node_h": 0.05}}}
        part = round(float(rng.uniform(0.4, 0.9)), 2)
        hardware += [
            {**one, "buy": {"kind": "spot", **one["buy"], "price": f"${part * usd:.3f}/h"}, **spot}
            for one, usd in zip(hardware, USD_PER_H, strict=False)
        ]
    made["vary"] = [hardware, [*fixed, *scaled]]
    return made


def offers(seed: int) -> tuple[Offered, ...]:
    """Reservations of one kind of node, up to two of them, and a savings plan for all up to two nodes."""
    rng = np.random.default_rng(20_000 + seed)
    kind = int(rng.choice([0, 2, 3]))
    discount = round(float(rng.uniform(0.15, 0.5)), 2)
    reserved = ReservedInstances(
        name="reserved", sku=SKUS[kind], region="us-east-1", count=2, discount=discount, flexible=False, renewed=True
    )
    rates = {sku: round(USD_PER_H[i] * (1 - float(rng.uniform(0.1, 0.4))), 4) for i, sku in SKUS.items()}
    plan = SavingsPlan(name="plan", commitment=2 * max(rates.values()), rates=rates, renewed=True)
    return (reserved, plan)


def all_amounts(made: dict[str, Any], offered: tuple[Offered, ...]) -> dict[str, Any]:
    """The space with all amounts of the commitments that a fleet of its kind of nodes can use, in whole nodes."""
    [hardware, scaling] = made["vary"]
    reserved, plan = offered
    variants = []
    for kind in hardware:
        sku = kind["buy"]["offer"].partition("/")[2]
        counts = range(3 if sku == reserved.sku else 1)
        for count, nodes in product(counts, range(int(plan.commitment / plan.rates[sku] + 1e-9) + 1)):
            held = [as_written(replace(reserved, count=count))] if count else []
            held += [as_written(replace(plan, commitment=round(nodes * plan.rates[sku], 6)))] if nodes else []
            variants.append({**kind, "buy": {**kind["buy"], "commitments": held}})
    return {**made, "vary": [variants, scaling]}


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
        "vary": [list(HARDWARE[:4]), [*fixed, *scaled]],
    }


if __name__ == "__main__":
    main()
