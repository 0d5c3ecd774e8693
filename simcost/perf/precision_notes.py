"""Notes on precisions of fewer bits than 16: those of the weights alone, and those that come out slower.

Each precision has factors of its own measurements, and these differ.
"""

from dataclasses import replace

from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, Model
from simcost.errors import InputError
from simcost.perf.factors import LEVELS, Correction, correction
from simcost.perf.memory import weights_alone
from simcost.perf.replica import ReplicaSpec
from simcost.perf.step_time import step_time

CONTEXT_TOKENS = 2048
PROMPT_TOKENS = 4096
NEAR = 1.05
"""Ratios up to this are about the same."""
STEPS = {
    "a step of 1 sequence": (0.0, 1.0, float(CONTEXT_TOKENS), 0.0),
    "a step of 32 sequences": (0.0, 32.0, 32.0 * CONTEXT_TOKENS, 0.0),
    "a prompt of 4,096 tokens": (float(PROMPT_TOKENS), 0.0, 0.0, PROMPT_TOKENS**2 / 2),
}
"""Steps that are compared."""


def precision_notes(catalog: Catalog, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> tuple[str, ...]:
    """Sentences on the precision of a replica; none where its step time is measured."""
    if spec.step is not None or spec.images or spec.on_cpu:
        return ()
    slower = slower_than_bf16(catalog, model, accelerator, spec)
    if not weights_alone(accelerator, spec.precision):
        return slower
    has = "no" if spec.precision != "int8" or accelerator.int8_flops is None else "hardly any"
    alone = (
        f"{accelerator.name} has {has} arithmetic in {spec.precision}: the weights alone are in {spec.precision}. They "
        "take less memory and are read in less time; products are computed at the rate of bf16."
    )
    return alone, *slower


def slower_than_bf16(catalog: Catalog, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> tuple[str, ...]:
    """A sentence where the replica takes longer for a step than the same one in bf16; none where it does not, where its
    step time is measured, or where bf16 is not known.
    """
    if spec.precision == "bf16" or spec.step is not None or spec.images or spec.on_cpu:
        return ()
    wide = replace(spec, precision="bf16")
    try:
        few, many = (step_time(catalog, model, accelerator, one) for one in (spec, wide))
    except InputError:
        return ()
    ratios = {step: few.seconds(*load) / many.seconds(*load) for step, load in STEPS.items()}
    worst = max(ratios, key=lambda step: ratios[step])
    if ratios[worst] <= NEAR:
        return ()
    bases = [_basis(correction(catalog, model, accelerator, one)) for one in (spec, wide)]
    said = (
        f"{spec.precision} takes {ratios[worst]:.3g} times as long as bf16 for {worst} here. The two are corrected by "
        f"measurements apart, {spec.precision} {bases[0]}, bf16 {bases[1]}: that may be these and not the precision; "
        "measure both, or calibrate."
    )
    return (said,)


def _basis(found: Correction) -> str:
    return f"by {found.rows} of the same {LEVELS[found.level]}" if found.level >= 0 else "by none"
