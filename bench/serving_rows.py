"""Published measurements of serving engines as rows that a step-time model can be held against.

Of the shared folder: offline throughput (`serving_throughput.csv`), closed-loop sweeps (`inferencemax.csv.gz`), times
per output token by concurrency (`aic_silicon_sample.csv.gz`) and two vLLM runs (`observed`). Disaggregated and
speculative rows are left out: they are not one replica that steps.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from step_schedule import Steps, steps

from simcost.catalog import Catalog, load_catalog
from simcost.catalog.aliases import measured_name
from simcost.catalog.facts import Accelerator, Engine, Model, Precision
from simcost.errors import SimcostError
from simcost.perf import ReplicaSpec, fit_memory
from simcost.perf.factors import model_class

Metric = Literal["throughput", "latency", "tpot"]
SILICON_ACCELERATORS = {
    "h100_sxm": "h100-sxm",
    "h200_sxm": "h200-sxm",
    "b200_sxm": "b200-sxm",
    "b300_sxm": "b300-sxm",
    "gb200": "gb200",
    "gb300": "gb300",
}
SILICON_MODELS = {
    "DeepSeek-V3-R1": "deepseek-v3",
    "GLM-5": "glm-5",
    "Kimi-K2.5": "kimi-k2",
    "Llama-3.1-8B": "llama-3.1-8b",
    "Llama-3.1-70B": "llama-3.1-70b",
    "MiniMax-M2.5": "minimax-m2",
    "Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
    "Qwen3-32B": "qwen3-32b",
    "Qwen3.5-397B-A17B": "qwen3.5-397b-a17b",
    "gpt-oss-120b": "gpt-oss-120b",
}
ENGINES: dict[str, Engine] = {"vllm": "vllm", "sglang": "sglang", "trtllm": "trtllm", "trt": "trtllm"}
WEIGHTS: dict[str, Precision] = {"fp16": "bf16", "": "bf16"}
BUDGET = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests of one benchmark: lengths uniform in [1 - spread, 1] of the stated ones."""

    prompt: int
    output: int
    requests: int
    clients: int
    spread: float = 0.0
    budget: int = BUDGET
    lengths: tuple[tuple[int, int], ...] = ()
    """Prompt and output tokens of each request, in place of the stated ones."""

    def tokens(self) -> NDArray[np.int64]:
        """Prompts and outputs of the requests, one row each."""
        if self.lengths:
            return np.array(self.lengths, np.int64).T
        share = 1.0 - self.spread * np.random.default_rng(1).random((2, self.requests))
        return np.maximum(1, np.rint(np.array([[self.prompt], [self.output]]) * share)).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One published figure, as seconds: of the whole run, or per output token."""

    source: str
    name: str
    model: Model
    accelerator: Accelerator
    spec: ReplicaSpec
    load: Load
    metric: Metric
    measured_s: float
    certain: bool = True
    """The configuration is stated in full."""

    @property
    def model_class(self) -> Literal["dense", "moe", "latent"]:
        """Class of models whose factors it shares."""
        return model_class(self.model)

    @property
    def leaf(self) -> tuple[str, ...]:
        """Accelerator, model, format, engine, parallelism and source."""
        s = self.spec
        layout = f"tp{s.tp} pp{s.pp} dp{s.dp}"
        return s.accelerator, self.model.name, s.precision, s.engine or "", layout, self.source


def measurements(shared: Path) -> list[Measurement]:
    """All rows that describe one replica of a model and an accelerator of the catalog."""
    catalog = load_catalog()
    rows = [
        *_throughput(catalog, shared / "data/ground_truth/serving_throughput.csv"),
        *_closed_loop(catalog, shared / "data/ground_truth/inferencemax.csv.gz"),
        *_silicon(catalog, shared / "data/calibration/aic_silicon_sample.csv.gz"),
        *_observed(catalog, shared / "data/observed"),
    ]
    unique = {(row.model.name, row.load, row.metric, row.measured_s): row for row in rows}
    return list(unique.values())


def schedule(row: Measurement) -> tuple[Steps, int] | None:
    """The steps of the benchmark and its output tokens; None if the model does not fit the replica."""
    try:
        memory = fit_memory(row.model, row.accelerator, row.spec, row.load.budget)
    except SimcostError:
        return None
    return _steps(row.load, memory.kv_capacity_tokens)


@cache
def _steps(load: Load, capacity: int) -> tuple[Steps, int]:
    prompts, outputs = np.ascontiguousarray(load.tokens())
    return steps(prompts, outputs, load.clients, load.budget, capacity), int(outputs.sum())


def _table(path: Path) -> Iterator[dict[str, str]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", newline="") as file:
            yield from csv.DictReader(file)
    else:
        with path.open(newline="") as file:
            yield from csv.DictReader(file)


def _throughput(catalog: Catalog, path: Path) -> Iterator[Measurement]:
    for row in _table(path):
        if row["metric"] == "ttft_ms":
            continue
        replicas = int(row["dp_replicas"] or 1)
        engine = next((e for word, e in (("tensorrt", "trtllm"), ("vllm", "vllm")) if word in row["engine"]), None)
        prompt, output = round(float(row["isl"])), round(float(row["osl"]))
        words = row["load"].split()
        if "batch" in row["load"]:
            requests = clients = int(words[-1])
        elif "closed" in row["load"]:
            clients = int(words[2])
            requests = 10 * clients
        else:
            requests = int(row["requests"] or 3000)
            clients = int(row["max_num_seqs"]) if row["max_num_seqs"].isdigit() else 2048
        tokens = row["max_num_batched_tokens"].split() or [""]
        value = float(row["value"])
        variable = row["lengths"] != "fixed"
        attention_dp = "attention" in row["notes"] and "enable_attention_dp" in row["notes"]
        tp = int(row["tp"] or 1)
        ranks: dict[str, Any] = {"tp": 1, "dp": tp, "ep": tp} if attention_dp else {"tp": tp}
        if row["model"] == "deepseek-r1":
            ranks = {"tp": 1, "dp": 8, "ep": 8}
        yield _measurement(
            catalog,
            source=row["source"].split("/")[0].replace("mlcommons", "MLPerf").replace("NVIDIA", "TensorRT-LLM"),
            name=row["id"],
            model=row["model"],
            accelerator=row["accelerator"],
            spec={
                **ranks,
                "pp": int(row["pp"] or 1),
                "precision": WEIGHTS.get(row["weights"], row["weights"]),
                "kv_precision": WEIGHTS.get(row["kv_cache"], row["kv_cache"]),
                "memory_utilisation": 0.95 if row["memory_fraction"].startswith("0.95") else 0.9,
                "engine": engine,
            },
            load=Load(
                prompt=prompt,
                output=output,
                requests=requests,
                clients=min(clients, requests),
                spread=0.9 if variable else 0.0,
                budget=int(tokens[0]) if tokens[0].isdigit() else BUDGET,
            ),
            metric={"itl_ms": "tpot", "latency_s": "latency", "output_tokens_per_s": "throughput"}[row["metric"]],
            measured_s={"itl_ms": value / 1e3, "latency_s": value, "output_tokens_per_s": replicas / value}[
                row["metric"]
            ],
            certain=row["understood"] == "full",
        )


def _closed_loop(catalog: Catalog, path: Path) -> Iterator[Measurement]:
    for row in _table(path):
        if row["disaggregated"] == "true" or row["speculative"] != "none":
            continue
        clients, tp = int(row["concurrency"]), int(row["tp"])
        attention_dp = row["dp_attention"] == "true"
        ranks = {"tp": 1, "dp": tp} if attention_dp else {"tp": tp}
        yield _measurement(
            catalog,
            source="InferenceMAX",
            name=f"{row['accelerator']} {row['model']} {row['engine']} tp{tp} {row['isl']}/{row['osl']} c{clients}",
            model=row["model"],
            accelerator=row["accelerator"],
            spec={
                **ranks,
                "ep": int(row["ep"] or 1),
                "precision": row["weights"],
                "memory_utilisation": 0.9,
                "engine": ENGINES.get(row["engine"]),
            },
            load=Load(
                prompt=int(row["isl"]),
                output=int(row["osl"]),
                requests=10 * clients,
                clients=clients,
                spread=0.2,
            ),
            metric="tpot",
            measured_s=float(row["mean_tpot_s"]),
        )


def _silicon(catalog: Catalog, path: Path) -> Iterator[Measurement]:
    for row in _table(path):
        if row["mode"] != "agg" or row["system"] not in SILICON_ACCELERATORS:
            continue
        tp, dp, ep = _ranks(row)
        clients = round(float(row["concurrency"] or float(row["batch_size"]) * dp))
        yield _measurement(
            catalog,
            source="aiconfigurator silicon",
            name=row["id"],
            model=SILICON_MODELS[row["model_family"]],
            accelerator=SILICON_ACCELERATORS[row["system"]],
            spec={
                "tp": tp,
                "dp": dp,
                "ep": ep,
                "precision": WEIGHTS.get(row["precision"], row["precision"]),
                "memory_utilisation": 0.9,
                "engine": ENGINES[row["backend"]],
            },
            load=Load(
                prompt=int(row["isl"]),
                output=int(row["osl"]),
                requests=max(10 * clients, 20),
                clients=clients,
                spread=0.2,
            ),
            metric="tpot",
            measured_s=float(row["silicon_tpot_ms"]) / 1e3,
            certain=tp * dp <= 8 and not (row["system"] == "gb200" and "gtl_" in row["silicon_data_source"]),
        )


def _observed(catalog: Catalog, folder: Path) -> Iterator[Measurement]:
    """Two vLLM runs whose requests come far faster than they are served: as if all at once."""
    for name, model, tp in (("RTXPRO6000_Llama-3.1-8B", "llama-3.1-8b", 1), ("RTXPRO6000_Qwen3-32B", "qwen3-32b", 2)):
        lines = (folder / name / "requests.jsonl").read_text(encoding="utf-8").splitlines()
        requests = sorted((json.loads(line) for line in lines), key=lambda request: request["queued_ts"])
        times = [
            (request["last_token_ts"] - request["first_token_ts"]) / (request["output_toks"] - 1)
            for request in requests
            if request["output_toks"] > 1
        ]
        yield _measurement(
            catalog,
            source="vLLM runs",
            name=name,
            model=model,
            accelerator="rtx-pro-6000",
            spec={"tp": tp, "memory_utilisation": 0.9, "engine": "vllm"},
            load=Load(
                prompt=0,
                output=0,
                requests=len(requests),
                clients=128,
                budget=2048,
                lengths=tuple((request["input_toks"], request["output_toks"]) for request in requests),
            ),
            metric="tpot",
            measured_s=float(np.mean(times)),
        )


def _ranks(row: dict[str, str]) -> tuple[int, int, int]:
    """tp, dp and ep; labels that multiply tp by dp or experts twice are read as one node of so many devices."""
    tp, dp = int(float(row["tp_size"] or 1)), max(1, int(float(row["attention_dp_size"] or 0)))
    moe_tp, ep = int(float(row["moe_tp_size"] or 1)) or 1, int(float(row["moe_ep_size"] or 1)) or 1
    if moe_tp > 1 and ep > 1 and moe_tp == ep == round((tp * dp) ** 0.5):
        tp, dp = (1, ep) if dp > 1 else (ep, 1)
    elif tp == dp > 1:
        tp, ep = 1, dp
    return tp, dp, ep if (tp * dp) % ep == 0 else 1


def _measurement(catalog: Catalog, *, model: str, accelerator: str, spec: dict[str, Any], **row: Any) -> Measurement:
    device = catalog.accelerator(accelerator)
    spec = spec | {"kv_precision": spec.get("kv_precision") or "bf16"}
    return Measurement(
        model=catalog.model(measured_name(model)),
        accelerator=device,
        spec=ReplicaSpec(accelerator=device.name, **spec),
        **row,
    )
