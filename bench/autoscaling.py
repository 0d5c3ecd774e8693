"""Cost of a decision of each autoscaler, and a week of an HPA replayed from recorded metrics.

    python bench/autoscaling.py [--json]

A step of an HPA over 50 pods should take 50 us of CPU at most; `ratio` is that of what is measured to it.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

import measure

PODS = 50
TARGET_US = 50.0
STEPS = 4000
WEEK_SYNCS = 40_320


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("steps", "replay"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(steps() if options.part == "steps" else week()))
        return
    found, replayed = (measure.in_process(__file__, "--part", part) for part in ("steps", "replay"))
    document = {
        "name": "autoscaling",
        "work": f"{STEPS:,} steps of each policy",
        **{key: found[key] for key in ("cpu_s", "wall_s", "rss_bytes")},
        "us_per_step": found["us_per_step"],
        "ratio": found["us_per_step"]["hpa, cpu of 50 pods"] / TARGET_US,
        "replay_syncs": WEEK_SYNCS,
        "replay_cpu_s": replayed["work_cpu_s"],
    }
    measure.show(document, options)


def steps() -> dict[str, Any]:
    from simcost.plan.autoscaling import Hpa, Keda, Kpa, RayServe
    from simcost.plan.autoscaling.hpa import Behavior, Direction, Metric, ScalingRule
    from simcost.plan.autoscaling.keda import MetricTrigger

    pods = Metric(type="Pods", name="w", target_type="AverageValue", target=10)
    cpu = Metric(type="Resource", name="cpu", target_type="Utilization", target=60)
    total = Metric(type="External", name="total", target_type="AverageValue", target=10)
    rules = Behavior(
        scale_up=Direction(policies=(ScalingRule(type="Percent", value=50, period=60),)),
        scale_down=Direction(window=600, policies=(ScalingRule(type="Pods", value=1, period=180),)),
    )
    policies: dict[str, Any] = {
        "hpa, metric of 50 pods": Hpa(max=100, metrics=(pods,)),
        "hpa, cpu of 50 pods": Hpa(max=100, metrics=(cpu,)),
        "hpa, total, with behavior": Hpa(max=100, metrics=(total,), behavior=rules),
        "keda": Keda(max=100, triggers=(MetricTrigger(name="total", threshold=10),)),
        "kpa": Kpa(max=100),
        "ray serve": RayServe(max=100),
    }
    return {"us_per_step": {name: _us(policy) for name, policy in policies.items()}}


def _us(policy: Any) -> float:
    """CPU time of a step, in microseconds, least of three runs."""
    return min(_run(policy) for _ in range(3)) / STEPS * 1e6


def _run(policy: Any) -> float:
    step, state, seen = policy.step, policy.fresh(), _observations()
    start = measure.cpu_s()
    for k in range(STEPS):
        state = step(k * policy.interval, seen(k), state).state
    return measure.cpu_s() - start


def _observations() -> Callable[[int], Any]:
    """Pods that ask for a little more or less, in turn."""
    import numpy as np

    from simcost.plan.autoscaling import Observation, Replicas

    rng = np.random.default_rng(1)
    made = []
    for k in range(16):
        load = rng.uniform(8, 12, PODS) * (1 + 0.3 * np.sin(k / 16 * 2 * np.pi))
        replicas = Replicas.all_ready({"w": load, "cpu": load / 20}, {"cpu": [1.0] * PODS})
        total = float(load.sum())
        made.append(
            Observation(current=PODS, ready=PODS, replicas=replicas, totals={"total": total, "in_flight": total})
        )
    return lambda k: made[k % 16]


def week() -> dict[str, Any]:
    import numpy as np

    from simcost.plan.autoscaling import Hpa
    from simcost.plan.autoscaling.hpa import Metric
    from simcost.plan.autoscaling.replay import replay
    from simcost.trace.metrics import Recording

    times = np.arange(WEEK_SYNCS) * 15.0
    load = 10 + 5 * np.sin(times[:, None] / 9000 + np.arange(PODS))
    recording = Recording.table(times, {"w": load})
    policy = Hpa(max=100, metrics=(Metric(type="Pods", name="w", target_type="AverageValue", target=10),))
    start = measure.cpu_s()
    replayed = replay(policy, recording)
    return {"syncs": len(replayed), "work_cpu_s": measure.cpu_s() - start}


if __name__ == "__main__":
    main()
