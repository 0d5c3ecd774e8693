"""Dynamo planner config, by the names of planner_config.py, with or without units in them."""

from __future__ import annotations

from simcost.plan.autoscaling import DynamoPlanner
from simcost.plan.autoscaling.dynamo import Role
from simcost.scenario.manifests.fields import Fields

KEYS = (
    "optimization_target",
    "throughput_adjustment_interval_seconds",
    "throughput_adjustment_interval",
    "load_adjustment_interval_seconds",
    "load_adjustment_interval",
    "max_gpu_budget",
    "enable_load_scaling",
    "enable_throughput_scaling",
    "decode_engine_num_gpu",
    "prefill_engine_num_gpu",
)
"""Any of them shows what the file is."""
_ROLES: dict[str, Role | None] = {"agg": None, "disagg": "decode", "prefill": "prefill", "decode": "decode"}


def read_dynamo(root: Fields) -> DynamoPlanner | None:
    """The planner of one component; of a disaggregated deployment decode, whose role `prefill` may replace."""
    mode = root.choice("mode", tuple(_ROLES)) or "disagg"
    role = _ROLES[mode]
    target = root.choice("optimization_target", ("throughput", "latency", "load", "sla")) or "throughput"
    notes = root.reading.notes
    if mode == "disagg":
        notes.append(
            "mode disagg: this pool is scaled by the rules of decode; where prefill is apart, `disaggregation.scaling` "
            "of kind dynamo with the same intervals and budget is the same planner"
        )
    predictor = root.choice("load_predictor", ("constant", "arima", "kalman", "prophet"))
    if predictor not in (None, "constant"):
        notes.append(f"load_predictor {predictor}: the last interval is used for the next (constant)")
    gpus = {one: root.count(f"{one}_engine_num_gpu", 1) for one in ("decode", "prefill")}
    throughput, load = (
        _either(root, f"{one}_adjustment_interval_seconds", f"{one}_adjustment_interval")
        for one in ("throughput", "load")
    )
    if throughput is not None and load is not None and load >= throughput:
        root.fault(
            f"must be shorter than the throughput interval ({throughput:g} s)",
            "load_adjustment_interval_seconds",
        )
    ttft, itl = (_either(root, f"{one}_ms", one) for one in ("ttft", "itl"))
    return root.build(
        DynamoPlanner,
        role=role,
        target=target,
        ttft=None if ttft is None else ttft / 1000,
        itl=None if itl is None else itl / 1000,
        throughput_interval=throughput,
        load_interval=load,
        throughput_scaling=root.flag("enable_throughput_scaling"),
        load_scaling=root.flag("enable_load_scaling"),
        min_endpoint=root.count("min_endpoint"),
        max_step=root.count("max_throughput_scaling_replicas", 1),
        gpus=gpus["prefill" if role == "prefill" else "decode"],
        max_gpu_budget=_budget(root, "max_gpu_budget"),
        min_gpu_budget=_budget(root, "min_gpu_budget"),
        engine_rps=root.quantity("engine_rps", above=True),
        down_sensitivity=root.count("load_scaling_down_sensitivity", 0, 100),
        context_tokens=root.count("context_length", 1, 10**9),
    )


def _either(root: Fields, *keys: str) -> float | None:
    """The first of several names that is given; they mean the same."""
    found = [root.seconds(key, 1e-9) for key in keys if root.has(key)]
    return found[0] if found else None


def _budget(root: Fields, key: str) -> int | None:
    value = root.quantity(key, -1)
    return None if value is None else int(value)
