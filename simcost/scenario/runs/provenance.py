"""Provenance of a result: inputs, versions, assumptions, and the scenario written in full."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.metadata import version
from math import exp
from pathlib import Path
from typing import Any

import yaml

from simcost import __version__
from simcost.billing.spot import Spot
from simcost.plan import Fixed, Scaling, Startup
from simcost.plan.autoscaling.dynamo import DisaggregatedPlanner, DynamoPlanner
from simcost.scenario.files.yaml import scalar
from simcost.scenario.inputs.clusters import assumptions_of, unmet_requirements
from simcost.scenario.inputs.mean_tokens import mean_tokens
from simcost.scenario.inputs.shared_measurements import shared_measurements
from simcost.scenario.inputs.tokens_in_batches import tokens_in_batches
from simcost.scenario.inputs.unmissable_targets import unmissable_targets
from simcost.scenario.inputs.unusual_scores import unusual_scores
from simcost.scenario.inputs.unusual_units import unusual_limits
from simcost.scenario.runs.context_windows import beyond_context
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario
from simcost.scenario.schema.jobs import OnShared
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import OF_A_POOL, Overflow, Plan
from simcost.scenario.storage.engine_version import engine_version
from simcost.tables.object_stores import original_uri, source_name
from simcost.tables.paths import inside
from simcost.units import format_seconds

UNSWEPT = "The plans are as written: `simcost sweep` runs the combinations of the `sweep` of this scenario."


def provenance(question: ResolvedScenario, horizon_s: float) -> dict[str, Any]:
    """Versions, seeds, length of the longest run, the SHA-256 of each input, and the date of the newest fact; `data`
    is the folder of the inputs, where it is not that of the scenario.
    """
    loaded = question.loaded
    own = {os.path.relpath(file): digest for file, digest in loaded.facts.items()}
    named = {os.path.relpath(inside(loaded.folder, name)): digest for name, digest in _named(question).items()}
    return {
        "simcost_version": __version__,
        "engine_version": engine_version(),
        "seed": question.seed,
        "seeds": question.seeds,
        "horizon_s": horizon_s,
        **_data_folder(loaded),
        "inputs": scenario_as_read(loaded) | own | named,
        "catalog_date": loaded.catalog.as_of,
        "python_version": platform.python_version(),
        "numpy_version": version("numpy"),
        "numba_version": version("numba"),
    }


def _data_folder(loaded: LoadedScenario) -> dict[str, str]:
    is_other = loaded.path.is_file() and loaded.path.parent.resolve() != loaded.folder.resolve()
    return {"data": os.path.relpath(loaded.folder)} if is_other else {}


def input_files(question: ResolvedScenario) -> list[Path]:
    """The files that a question is read from: its scenario, own facts, and what the scenario names."""
    loaded = question.loaded
    written = [loaded.path] if loaded.path.is_file() else []
    return [*written, *loaded.facts, *(inside(loaded.folder, name) for name in _named(question))]


def scenario_as_read(loaded: LoadedScenario) -> dict[str, str]:
    """SHA-256 of the scenario file; of its text where it stands in no file, or in one that was changed meanwhile."""
    as_read = sha256(loaded.text.encode()).hexdigest()
    if not loaded.path.is_file():
        return {original_uri(loaded.path) or loaded.path.name: as_read}
    content = loaded.path.read_bytes()
    same = content.decode("utf-8-sig", errors="replace") == loaded.text
    return {source_name(loaded.path): sha256(content).hexdigest() if same else as_read}


def _named(question: ResolvedScenario) -> dict[str, str]:
    """SHA-256 of the files that a scenario names, by their names."""
    sides = (question.source, question.jobs, *question.clusters, *question.plans)
    named = {name: digest for side in sides if side is not None for name, digest in side.inputs.items()}
    return {**named, **question.loaded.calibrations}


def assumptions(question: ResolvedScenario) -> list[str]:
    """One sentence each, with the plans it holds for."""
    sentences: dict[str, list[str]] = {}
    for one, overhead in (
        each for plan in question.plans for each in zip(plan.each_pool(), _overheads(plan), strict=True)
    ):
        name, step = one.plan.name, one.pool.step
        sentences.setdefault(f"Step time {step.provenance}: {step.source}.", []).append(name)
        sentences.setdefault(f"Memory: {one.memory.provenance}.", []).append(name)
        if overhead:
            sentences.setdefault(overhead, []).append(name)
        sentences.setdefault(_engine(one.sigma, one.factors), []).append(name)
        if one.plan.startup == Startup() and not isinstance(one.plan.scaling, Fixed):
            sentences.setdefault(_startup(), []).append(name)
        if one.plan.overflow is not None:
            sentences.setdefault(_overflow(one.plan.overflow), []).append(name)
        if one.other_pools:
            sentences.setdefault(_POOLS, []).append(name)
        if is_kept_spot(one.plan):
            sentences.setdefault(_kept_spot(one.plan), []).append(name)
        replica = one.plan.replica
        levers = replica.assumptions if replica is not None else ()
        for note in (*levers, *_other_model(question, one.plan), *_prefill_side(one), *one.notes):
            sentences.setdefault(note, []).append(name)
    for text, name in beyond_context(question):
        sentences.setdefault(text, []).append(name)
    for cluster in question.clusters:
        of = question.jobs
        told = [] if of is None else unmet_requirements(cluster, of.jobs, of.log.timezone)
        for text in (*assumptions_of(cluster), *told):
            sentences.setdefault(text, []).append(cluster.plan.name)
    every = len(question.loaded.scenario.plans)
    holds = {text: list(dict.fromkeys(names)) for text, names in sentences.items()}
    lines = [text if len(names) == every else f"{', '.join(names)}: {text}" for text, names in holds.items()]
    caveats = [] if question.source is None else question.source.caveats(question.seeds)
    caveats += [*mean_tokens(question.loaded.scenario)]
    caveats += tokens_in_batches(question.loaded.scenario, question.loaded.folder)
    of_jobs = [] if question.jobs is None else question.jobs.caveats()
    lines += [*shared_measurements(question.loaded), *unusual_scores(question.loaded)]
    unswept = [] if question.loaded.scenario.sweep is None else [UNSWEPT]
    targets = [*unmissable_targets(question.loaded.scenario), *unusual_limits(question.loaded)]
    return [*lines, *caveats, *of_jobs, *targets, *unswept]


def _prefill_side(plan: ResolvedPlan) -> tuple[str, ...]:
    """Assumptions on replicas that prefill apart, and on the network."""
    apart, side = plan.plan.disaggregation, plan.pool.prefill
    if apart is None or side is None or plan.prefill is None:
        return ()
    pace = f"{apart.link.bandwidth / 1e9:g} GB/s per accelerator, {side.transfer_s_per_token * 1e6:.3g} us per token"
    link = (
        f"KV caches go from prefill to decode replicas at {pace}, which no measurement here confirms; both are in one "
        "zone, where that costs nothing."
    )
    scaled = _planners(side.pool.scaling, plan.pool.scaling)
    if apart.replica is None:
        return link, *scaled
    step, memory = side.pool.step, plan.prefill.memory
    prefill = f"Prefill replicas: {_unlike_weights(plan)}step time {step.provenance}: {step.source}; "
    prefill += f"memory: {memory.provenance}."
    return link, *scaled, prefill, *(f"Prefill replicas: {text}" for text in apart.replica.assumptions)


def _unlike_weights(plan: ResolvedPlan) -> str:
    """Words on the precision of the weights that prefill, where it is not that of decode; else empty."""
    apart, decode = plan.plan.disaggregation, plan.plan.replica
    if apart is None or apart.replica is None or decode is None or apart.replica.precision == decode.precision:
        return ""
    return f"weights in {apart.replica.precision}, those of decode in {decode.precision}; "


def _planners(prefill: Scaling, decode: Scaling) -> Iterator[str]:
    """Planners of Dynamo: one of both sides, or one of each."""
    if not isinstance(prefill, DynamoPlanner) or not isinstance(decode, DynamoPlanner):
        return
    budgets = [f"{side.max_gpu_budget} GPUs" if side.max_gpu_budget >= 0 else "no limit" for side in (prefill, decode)]
    if DisaggregatedPlanner.of(prefill, decode) is not None:
        yield f"One Dynamo planner scales prefill and decode (mode disagg), within one budget of both: {budgets[0]}."
    else:
        yield (
            "Prefill and decode have a Dynamo planner each, since their intervals, min_endpoint or budgets differ: "
            f"{budgets[0]} for prefill, {budgets[1]} for decode."
        )


def _engine(sigma: float, factors: Sequence[float]) -> str:
    if sigma == 0:
        return "Engines take exactly the modelled step time."
    if len(factors) == 1:
        return f"Engines may differ from the modelled step time by a factor {exp(sigma):.2f} (sigma); not sampled."
    return (
        f"Engines differ from the modelled step time by a factor {exp(sigma):.2f} (sigma); those of the runs take "
        f"{min(factors):.2f} to {max(factors):.2f} times it."
    )


def _overheads(plan: ResolvedPlan) -> list[str]:
    """For each pool the sentence on the time of its requests outside of the engine, empty where there is none."""
    seconds = [one.pool.first_token_overhead_s for one in plan.each_pool()]
    alike = len(set(seconds)) == 1
    pools = ["" for _ in seconds] if alike else [f" of pool {pool.name}" for pool in plan.plan.pools]
    takes = "takes {} outside of its engine before its first token."
    return [
        f"Each request{pool} {takes.format(format_seconds(time))}" if time else ""
        for time, pool in zip(seconds, pools, strict=True)
    ]


def _overflow(api: Overflow) -> str:
    times = f"{format_seconds(api.ttft)} to the first token and {format_seconds(api.tpot)} per further one"
    return (
        f"{api.api} answers all that would be rejected, in {times} as the plan says: it is never slow, never refuses, "
        "and no prompt is in its cache."
    )


def _other_model(question: ResolvedScenario, plan: Plan) -> tuple[str, ...]:
    """Assumption on the tokens of a plan with a model of its own."""
    if plan.model is None or plan.model == question.loaded.scenario.model:
        return ()
    tokens = "have the tokens of the workload: its tokenizer and its answers may make other numbers of them"
    return (f"Requests to {plan.model} {tokens}.",)


def is_kept_spot(plan: Plan) -> bool:
    """True of a plan with spot nodes that are never taken back."""
    prefill = () if plan.disaggregation is None else (plan.disaggregation.buy,)
    spot = any(isinstance(option, Spot) for option in (plan.buy, *plan.or_buy, *prefill))
    return spot and (plan.interruptions is None or plan.interruptions.spot is None)


def _kept_spot(plan: Plan) -> str:
    if plan.disaggregation is not None:
        return "Spot nodes are never taken back: that is not simulated where prefill and decode are apart."
    if isinstance(plan.training, OnShared):
        return "Spot nodes are never taken back: those of a fleet that jobs share are there from start to end."
    return "Spot nodes are never taken back: give `interruptions: {spot: ...}` to see what that does to the SLO."


def _startup() -> str:
    return "Cold starts take the default times, the middle of published ones: give `startup` if you know yours."


_POOLS = "Replicas that demand needs are counted as if each were the mean of its pools."
_OF_JOBS = ("name", "buy", "training", "training_buy")
"""Fields of a plan that serves no requests."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Quote text that YAML 1.2 would read as something else, and line breaks of any sort."""
    try:
        quoted = not (isinstance(scalar(value), str) and value.isprintable())
    except ValueError:
        quoted = True
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)


class _Dumper(yaml.SafeDumper):
    """PyYAML's own, which writes all text in the same way everywhere."""


class _LibyamlDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # not every PyYAML has it
    """Four times as fast; it writes as the other one where `_is_plain`, and other characters in another way."""


for _kind in (_Dumper, _LibyamlDumper):
    _kind.add_representer(str, _text)
    _kind.add_representer(tuple, yaml.SafeDumper.represent_list)

_OPTIONS: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 110, "default_flow_style": False}
_LONGEST_KEY = 60


def _is_plain(value: Any) -> bool:
    """True if all text in it is printable ASCII, and keys are neither empty nor long."""
    if isinstance(value, str):
        return value.isascii() and value.isprintable()
    if isinstance(value, dict):
        return all(_is_plain(key) and 0 < len(key) <= _LONGEST_KEY for key in value) and _is_plain([*value.values()])
    return all(map(_is_plain, value)) if isinstance(value, list | tuple) else True


def resolved_text(question: ResolvedScenario) -> str:
    """The YAML of the scenario with all defaults, in SI units; it reads back to the same scenario, and to itself."""
    scenario = question.loaded.scenario
    horizon = question.horizon_s if scenario.demand is None else None
    scenario = replace(scenario, seed=question.seed, seeds=question.seeds, horizon=horizon)
    said = asdict(scenario)
    for plan in said["plans"]:
        without_shared(plan)
    if question.source is None:
        said["plans"] = [{key: plan[key] for key in _OF_JOBS} for plan in said["plans"]]
    return as_it_was_run(said, question.loaded.path, question.loaded.text)


def without_shared(plan: dict[str, Any]) -> None:
    """Take out what each pool of a plan says itself."""
    if plan["pools"]:
        for key in OF_A_POOL:
            del plan[key]


def as_it_was_run(said: dict[str, Any], path: Path, written: str) -> str:
    """A scenario in full as YAML; the text of its file where that is one in full already."""
    head = f"# {path.name} as it was run, all defaults written out; paths are relative to that file.\n"
    text: str = yaml.dump(said, Dumper=_LibyamlDumper, **_OPTIONS) if _is_plain(said) else dump(said)
    return written if written.partition("\n")[2] == text else head + text


def dump(value: Any, *, compact: bool = False) -> str:
    """Plain data as YAML 1.2; compact for paper, the innermost mappings and lists on one line each."""
    options = _OPTIONS | ({"default_flow_style": None, "width": 46} if compact else {})
    text: str = yaml.dump(value, Dumper=_Dumper, **options)
    return text
