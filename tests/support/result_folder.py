"""A finished result folder with plausible numbers, as `simcost run` writes it: what reports are tested on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PLANS = ("H100 bf16 fixed", "H100 fp8 fixed", "H100 fp8 autoscaled", "A100 bf16 fixed")
MONTHLY = (27_400.0, 18_250.0, 11_932.5, 20_110.0)
ATTAINMENT = (0.9991, 0.9952, 0.9904, 0.931)


def build(folder: Path, plans: tuple[str, ...] = PLANS, hours: int = 24) -> Path:
    """Write the folder and return it."""
    (folder / "tables").mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(document(plans, hours)), encoding="utf-8")
    (folder / "scenario.yaml").write_text("scenario: chat\n", encoding="utf-8")
    for name, columns in tables(plans, hours).items():
        pq.write_table(pa.table(columns), folder / "tables" / f"{name}.parquet")
    return folder


def document(plans: tuple[str, ...] = PLANS, hours: float = 24) -> dict[str, Any]:
    """The document of `simcost run`."""
    return {
        "scenario": "chat",
        "question": "Which GPU, and how many of them?",
        "verdict": f"{plans[len(plans) // 2]} is the cheapest plan that meets the SLO: $11,933 a month.",
        "baseline": plans[0],
        "best": plans[len(plans) // 2],
        "quality": None,
        "replications": 5,
        "plans": [_plan(name, i) for i, name in enumerate(plans)],
        "differences": [
            {
                "plan": name,
                "against": plans[0],
                "cost_usd": _interval(-300.0, 9.0),
                "per_month_usd": _interval(-9e3, 250.0),
                "share": -0.33,
                "noise_explains": False,
            }
            for name in plans[1:]
        ],
        "assumptions": ["A month is 730 h."],
        "drivers": [f"{plans[len(plans) // 2]}: idle hours fall from 61 % to 18 % of the hours paid."],
        "provenance": {
            "horizon_s": 3600.0 * hours,
            "simcost_version": "0.1.0",
            "seed": 1,
            "inputs": {"scenarios/chat.yaml": "ab" * 32},
            "catalog_date": "2026-01-15",
        },
        "files": ["result.json", "tables/hours.parquet"],
    }


def _plan(name: str, i: int) -> dict[str, Any]:
    month, attainment = MONTHLY[i % 4], ATTAINMENT[i % 4]
    day = month * 24 / 730
    shares = {
        "computing": 0.52,
        "idle": 0.3,
        "starting": 0.04,
        "draining": 0.02,
        "unallocated": 0.0,
        "rounding": 0.01,
    }
    return {
        "name": name,
        "model": "llama-3.1-8b",
        "quality": None,
        "cost_usd": {
            "total": day,
            "per_month": month,
            "per_million_output_tokens": 4.2,
            "by_category": {"compute": day * 0.89, "storage": day * 0.05, "transfer": day * 0.06},
            "by_state": {state: day * share for state, share in shares.items()},
            "per_month_by_part": {state: month * share for state, share in shares.items()}
            | {"storage": month * 0.05, "transfer": month * 0.06},
        },
        "slo": {
            "met": attainment >= 0.99,
            "met_share": 1.0 if attainment >= 0.99 else 0.4,
            "attainment": attainment,
            "error_budget_used": (1 - attainment) / 0.01,
            "hours_missed": 0.0 if attainment >= 0.99 else 2.5,
            "goodput_per_s": 8.0 * attainment,
            "output_tokens_per_s": 2000.0,
            "missed": "" if attainment >= 0.99 else f"attainment {100 * attainment:.4g} % (target 99 %)",
            "target": 0.99,
            "limits": {"ttft_s": 2.0, "tpot_s": 0.05, "e2e_s": None},
            "metrics": {
                metric: {"p50": value, "p95": 3 * value, "p99": 7 * value}
                for metric, value in (("ttft_s", 0.21), ("tpot_s", 0.018), ("e2e_s", 4.4))
            },
        },
        "intervals": {
            "per_month_usd": _interval(month, 0.03 * month),
            "attainment": _interval(attainment, 0.0008),
        },
        "requests": {"arrived": 86400, "completed": 86210, "rejected": 12, "timed_out": 140, "in_system": 38},
        "replica_hours": {
            "starting": 3.0,
            "computing": 80.0,
            "idle": 40.0,
            "draining": 1.0,
            "unallocated": 0.0,
        },
        "following": {
            "reaction_s": 420.0 if i else None,
            "reaction_max_s": 600.0 if i else None,
            "short_share": 0.01 * i,
            "turns_per_day": 3.0,
            "cold_starts": 12.0,
            "cold_start_s": 390.0,
            "interruptions": 0.5,
            "provisioning_h": 1.5,
            "loading_h": 1.5,
        },
        "utilisation": 0.52,
        "over_provisioned": {
            "replica_hours": 31.0,
            "usd": 0.25 * month / 30,
            "share": 0.25,
            "per_month": {
                "paid_replica_hours": 3772.0,
                "needed_replica_hours": 2829.0,
                "replica_hours": 943.0,
                "usd": 0.25 * month,
            },
        },
    }


def _interval(mean: float, margin: float) -> dict[str, float]:
    return {"mean": mean, "lo": mean - margin, "hi": mean + margin, "level": 0.95, "margin": margin}


def tables(plans: tuple[str, ...], hours: int) -> dict[str, dict[str, Any]]:
    """Columns of the tables, by name."""
    rng = np.random.default_rng(7)
    timeline, hourly, latency, followed = ({"plan": []} for _ in range(4))
    for i, name in enumerate(plans):
        _extend(timeline, name, _timeline(rng, i, hours))
        _extend(hourly, name, _hours(rng, i, hours))
        _extend(followed, name, _followed(i, hours))
        for metric, scale in (("ttft_s", 0.2), ("tpot_s", 0.02), ("e2e_s", 4.0)):
            q = np.concatenate([np.arange(1, 100) / 100, [0.995, 0.999, 0.9999]])
            value = scale * (1 + 0.3 * i) * np.exp(0.8 * np.log(q / (1 - q)) / 1.7)
            _extend(latency, name, {"metric": [metric] * len(q), "quantile": q, "value_s": value})
    return {"timeline": timeline, "hours": hourly, "latency": latency, "followed": followed}


def _followed(i: int, hours: int) -> dict[str, Any]:
    t_s = np.arange(1, hours * 60 + 1) * 60.0
    needed = np.ceil(3 * _load(t_s)).astype(int)
    ready = np.roll(needed, 5 * i) + 1
    return {
        "t_s": t_s,
        "requests_per_s": 4 * _load(t_s),
        "needed": needed,
        "desired": needed + 1,
        "ready": ready,
        "waiting": np.maximum(needed - ready, 0) * 40,
    }


def _extend(columns: dict[str, Any], plan: str, more: dict[str, Any]) -> None:
    columns["plan"] = [*columns["plan"], *[plan] * len(next(iter(more.values())))]
    for key, values in more.items():
        columns[key] = [*columns.get(key, []), *values]


def _load(t_s: np.ndarray) -> np.ndarray:
    return 1.2 - np.cos((t_s / 3600 - 4) / 24 * 2 * np.pi)


def _timeline(rng: np.random.Generator, i: int, hours: int) -> dict[str, Any]:
    t_s = np.arange(0, hours * 3600, 60.0)
    ready = np.ceil(_load(t_s) * 2.5).astype(int) if i % 4 == 2 else np.full(len(t_s), 6)
    running = rng.poisson(_load(t_s) * 40)
    waiting = rng.poisson(np.where(_load(t_s) > 2, 30.0 * (i % 4 == 3), 0.05))
    desired = np.roll(ready, -5) if i % 4 == 2 else ready
    return {
        "t_s": t_s,
        "desired": desired,
        "ready": ready,
        "starting": np.maximum(desired - ready, 0),
        "draining": np.maximum(ready - desired, 0),
        "running": running,
        "waiting": waiting,
        "kv_tokens": running * 900,
    }


def _hours(rng: np.random.Generator, i: int, hours: int) -> dict[str, Any]:
    start_s = np.arange(hours) * 3600.0
    load = _load(start_s)
    attainment = np.clip(ATTAINMENT[i % 4] + 0.01 * (1 - load / 2) + rng.normal(0, 0.002, hours), 0, 1)
    attainment = np.where(load > 2.1, attainment - 0.2 * (i % 4 == 3), attainment)
    arrived = (3600 * load).astype(int)
    flat = np.full(hours, 0.6)
    return {
        "start_s": start_s,
        "arrived": arrived,
        "completed": arrived - 2,
        "attainment": attainment,
        "error_share": flat / 100,
        "ttft_p95_s": flat,
        "tpot_p95_s": flat / 20,
        "e2e_p95_s": flat * 20,
        "goodput_per_s": load * attainment,
        "met": attainment >= 0.99,
    }
