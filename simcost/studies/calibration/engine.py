"""Settings that are fixed before a fit: those of the engine, its memory, and the step time that the catalog expects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from typing import Any

import numpy as np

from simcost.catalog import Catalog
from simcost.catalog.facts import Precision
from simcost.errors import InputError
from simcost.perf import ReplicaSpec, StepTime, fit_memory, step_time
from simcost.plan import Batching
from simcost.scenario.inputs.trace_models import is_same_model
from simcost.studies.calibration.parameters import DECODE_TOKENS
from simcost.trace.observed import Configuration
from simcost.trace.observed.observation import Finding, finding

_DEFAULTS = {each.name: each.default for each in fields_of(ReplicaSpec)}
_UNLIMITED_TOKENS = 20_000_000
"""KV capacity where nothing is known of it: no observed request waits for memory."""
_START = StepTime(
    a_s=0.012,
    b_s_per_token=5e-5,
    c_s_per_sequence=3e-5,
    d_s_per_token=1e-7,
    q_s_per_pair=0.0,
    provenance="analytic",
    source="the middle of the catalog's fits",
    sigma=1.0,
)
_LEAST = {"b_s_per_token": 1e-2 / 2048, "c_s_per_sequence": 1e-2 / 128, "d_s_per_token": 1e-2 / 100_000}
"""Smallest start of a coefficient, relative to an empty step: a fit multiplies, and 0 stays 0."""
_PRECISIONS: Mapping[str, Precision] = {
    "fp8": "fp8",
    "w8a8": "int8",
    "int8": "int8",
    "w4a16": "int4",
    "int4": "int4",
    "4bit": "int4",
    "awq": "int4",
    "gptq": "int4",
    "fp4": "fp4",
    "nvfp4": "fp4",
    "mxfp4": "fp4",
}
"""Words in the names of quantised checkpoints, and the precision of their weights."""
_KNOTS = 48
"""Of the base by tokens: as many as say its form, and few enough to write into a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One replica of the observed engine."""

    configuration: Configuration
    spec: ReplicaSpec | None
    """None = the accelerator is not known."""
    batching: Batching
    kv_tokens: int | None
    """Measured or computed capacity; None = not known."""
    start: StepTime
    """Start of the fit: the step time of the catalog, no coefficient quite 0."""
    expected: StepTime | None
    """Step time of the catalog, near which the fit stays where the data say nothing; None = nothing is expected."""
    findings: tuple[Finding, ...]

    @property
    def capacity(self) -> int:
        """KV tokens for the replay."""
        return self.kv_tokens or _UNLIMITED_TOKENS


def engine_of(stated: Configuration, given: Configuration, catalog: Catalog, spec: Mapping[str, Any]) -> Engine:
    """The engine as its output states it and the user completes it.

    Args:
        stated: settings in the output.
        given: settings from the user, which count first.
        catalog: the facts.
        spec: further fields of the replica: precisions, share of memory.

    Raises:
        InputError: an accelerator without a model, or a model that does not fit.
    """
    known = given.over(stated)
    findings: list[Finding] = []
    batching = _batching(known, findings)
    if stated.model and given.model and not is_same_model(given.model, stated.model):
        message = f"the output is of {stated.model}, and its times are fitted as those of {given.model}, as asked"
        findings.append(finding("other_model", message))
    findings += _of_name(stated.model, str(spec.get("precision", _DEFAULTS["precision"])))
    if known.accelerator is None:
        message = (
            "the accelerator is not stated: nothing is expected of the step time, and each coefficient rests on the "
            "data alone; pass --on ACCELERATOR and --model MODEL"
        )
        if unused := [f"--{name.replace('_', '-')}" for name, value in spec.items() if value != _DEFAULTS.get(name)]:
            message += f"; {', '.join(unused)} changed nothing without it"
        findings.append(finding("no_accelerator", message))
        return Engine(
            configuration=known,
            spec=None,
            batching=batching,
            kv_tokens=known.kv_tokens,
            start=_START,
            expected=None,
            findings=tuple(findings),
        )
    if known.model is None:
        raise InputError("the output does not state the model; pass --model MODEL")
    return _expected(known, known.accelerator, known.model, batching, catalog, spec, findings)


def _of_name(model: str | None, precision: str) -> list[Finding]:
    """A finding where the name of the model that was served says another precision than is taken."""
    words = [] if model is None else re.split(r"[-_./ ]", model.lower())
    named = next((_PRECISIONS[word] for word in words if word in _PRECISIONS), precision)
    if named == precision:
        return []
    message = (
        f"the output is of {model}, whose name says {named}, and its weights are taken in {precision}: pass "
        f"--precision {named} if they were"
    )
    return [finding("other_precision", message)]


def _expected(
    known: Configuration,
    accelerator_name: str,
    model_name: str,
    batching: Batching,
    catalog: Catalog,
    fields: Mapping[str, Any],
    findings: list[Finding],
) -> Engine:
    model, accelerator = catalog.model(model_name), catalog.accelerator(accelerator_name)
    spec = ReplicaSpec(accelerator=accelerator.name, tp=known.tp or 1, kv_tokens=known.kv_tokens, **fields)
    kv_tokens = known.kv_tokens
    if kv_tokens is None:
        kv_tokens = fit_memory(model, accelerator, spec, batching.max_num_batched_tokens).kv_capacity_tokens
    step = step_time(catalog, model, accelerator, spec)
    return Engine(
        configuration=replace(known, model=model.name, accelerator=accelerator.name),
        spec=spec,
        batching=batching,
        kv_tokens=kv_tokens,
        start=_started(step, batching),
        expected=step,
        findings=tuple(findings),
    )


def _started(step: StepTime, batching: Batching) -> StepTime:
    """The step time with no coefficient quite 0, and with as many knots as its form has within the budget."""
    empty_s = step.base_seconds(0.0)
    least = {name: max(getattr(step, name), share * empty_s) for name, share in _LEAST.items()}
    if not step.base:
        return replace(step, **least)
    grid = np.geomspace(1, batching.max_num_batched_tokens, _KNOTS)
    tokens = np.unique([0, DECODE_TOKENS, *np.round(grid)]).astype(np.int64)
    base_s = step.base_seconds(tokens.astype(np.float64)) - step.a_s
    return replace(step, base=tuple(zip(tokens.tolist(), base_s.tolist(), strict=True)), **least)


def _batching(known: Configuration, findings: list[Finding]) -> Batching:
    default = Batching()
    seqs, budget = known.max_num_seqs, known.max_num_batched_tokens
    missing = [name for name, value in (("max_num_seqs", seqs), ("max_num_batched_tokens", budget)) if value is None]
    if missing:
        names = " and ".join(missing)
        options = " and ".join(f"--{name.replace('_', '-')}" for name in missing)
        message = (
            f"{names} of the engine are not stated; taken as {seqs or default.max_num_seqs} sequences and "
            f"{budget or default.max_num_batched_tokens} tokens: pass {options} if they are others"
        )
        findings.append(finding("assumed_settings", message))
    try:
        return Batching(
            max_num_seqs=seqs or default.max_num_seqs,
            max_num_batched_tokens=budget or default.max_num_batched_tokens,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
