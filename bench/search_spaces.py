"""Random spaces of the search: kinds of hardware, fleets and policies, commitments, and services."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from simcost.billing.commitment import ReservedInstances, SavingsPlan
from simcost.billing.commitment.offered import written

Offers = tuple[ReservedInstances, SavingsPlan]
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
LONG = 11
"""Spaces of half an hour: the first ones."""


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


def offers(seed: int) -> Offers:
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


def all_amounts(made: dict[str, Any], offered: Offers) -> dict[str, Any]:
    """The space with all amounts of the commitments that a fleet of its kind of nodes can use, in whole nodes."""
    [hardware, scaling] = made["vary"]
    reserved, plan = offered
    variants = []
    for kind in hardware:
        sku = kind["buy"]["offer"].partition("/")[2]
        counts = range(3 if sku == reserved.sku else 1)
        for count, nodes in product(counts, range(int(plan.commitment / plan.rates[sku] + 1e-9) + 1)):
            held = [written(replace(reserved, count=count))] if count else []
            held += [written(replace(plan, commitment=round(nodes * plan.rates[sku], 6)))] if nodes else []
            variants.append({**kind, "buy": {**kind["buy"], "commitments": held}})
    return {**made, "vary": [variants, scaling]}


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
    kinds: list[dict[str, Any]] = [HARDWARE[i] for i in (0, 2, 3)[-int(rng.integers(2, 4)) :]]
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
