"""Correction factors: what measured engines say about the physics, by cells that narrow down to one configuration.

The cells of a configuration: model class and engine; these and the model; these, accelerator and precision; all of
them; and the parallelism too. Each has a factor, shrunk to 1 where few rows stand behind it, and a configuration gets
the product of all cells that hold it. Its spread is that of the narrowest. Without an engine, the geometric mean is
taken over the engines that were measured as narrowly as any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, fsum, log
from typing import Literal

from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, HardwareFit, Model, StepFactor
from simcost.perf.replica import ReplicaSpec

LEVELS = ("model class", "model", "accelerator and precision", "model, accelerator and precision", "configuration")
"""Parts of the configuration that the narrowest cell has in common, from wide to narrow."""
UNKNOWN_SIGMA = 0.5
"""Spread without any measured factor: a wide assumption."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Factors of a configuration and how sure they are."""

    factor: float
    """On the whole step."""
    fixed_factor: float
    """On what a step costs whatever it holds, launches and the host, on top."""
    sigma: float
    """Log-normal spread of real steps around the corrected ones."""
    level: int
    """Index into LEVELS; -1 = nothing was measured."""
    rows: int
    """Measurements in the narrowest cell."""
    error: float
    """Median error of the rows there, where their model on that accelerator was left out of the fit, a share."""


def model_class(model: Model) -> Literal["dense", "moe", "latent"]:
    """Class of models that share factors: without experts, with them, with latent attention."""
    return "latent" if model.kv_lora_rank else "moe" if model.experts else "dense"


def correction(catalog: Catalog, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> Correction:
    """The product of the factors of all cells that hold a configuration."""
    holding = [factor for factor in catalog.facts.step_factors if _holds(factor, model, accelerator, spec)]
    engines = dict.fromkeys(factor.engine for factor in holding)
    found = [_product([factor for factor in holding if factor.engine == engine]) for engine in engines]
    narrowest = max((cell.level for cell in found), default=-1)
    return _mean([cell for cell in found if cell.level == narrowest])


def _holds(factor: StepFactor, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> bool:
    return (
        factor.model_class == model_class(model)
        and spec.engine in (None, factor.engine)
        and factor.accelerator in ("", accelerator.name)
        and factor.precision in (None, spec.precision)
        and factor.model in ("", model.shape or model.name)
        and (not factor.tp or (factor.tp, factor.pp, factor.dp) == (spec.tp, spec.pp, spec.dp))
    )


def _level(factor: StepFactor) -> int:
    return (
        4
        if factor.tp
        else 3
        if factor.accelerator and factor.model
        else 2
        if factor.accelerator
        else bool(factor.model)
    )


def _product(cells: Sequence[StepFactor]) -> Correction:
    narrowest = max(cells, key=_level)
    return Correction(
        factor=exp(fsum(log(cell.factor) for cell in cells)),
        fixed_factor=exp(fsum(log(cell.fixed_factor) for cell in cells)),
        sigma=narrowest.sigma,
        level=_level(narrowest),
        rows=narrowest.rows,
        error=narrowest.left_out_error,
    )


def _mean(found: Sequence[Correction]) -> Correction:
    """The geometric mean over engines, by their rows; as far as they differ, the spread is wider."""
    if not found:
        return Correction(factor=1.0, fixed_factor=1.0, sigma=UNKNOWN_SIGMA, level=-1, rows=0, error=UNKNOWN_SIGMA)
    rows = sum(cell.rows for cell in found)
    shares = [cell.rows / rows for cell in found]
    mean = fsum(share * log(cell.factor) for share, cell in zip(shares, found, strict=True))
    fixed = fsum(share * log(cell.fixed_factor) for share, cell in zip(shares, found, strict=True))
    variance = fsum(
        share * (cell.sigma**2 + (log(cell.factor) - mean) ** 2) for share, cell in zip(shares, found, strict=True)
    )
    return Correction(
        factor=exp(mean),
        fixed_factor=exp(fixed),
        sigma=variance**0.5,
        level=found[0].level,
        rows=rows,
        error=fsum(share * cell.error for share, cell in zip(shares, found, strict=True)),
    )


def corrected(fit: HardwareFit, fixed_factor: float) -> HardwareFit:
    """The fit with its fixed times longer by a factor."""
    return replace(
        fit,
        layer_s=fit.layer_s * fixed_factor,
        expert_layer_s=fit.expert_layer_s * fixed_factor,
        step_s=fit.step_s * fixed_factor,
        sequence_s=fit.sequence_s * fixed_factor,
    )
