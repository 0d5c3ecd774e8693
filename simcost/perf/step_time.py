"""Step time of the engine: five coefficients, their sources and their uncertainty.

The coefficients come, in this order, from: a measurement of the user; a fit for exactly this accelerator, model, tp and
precision; the eight-coefficient form of this accelerator, made linear; the same form with the datasheet's peaks and the
median efficiencies of the accelerators that were fitted.

The uncertainty is a set of log-normal sigmas, each with its reason. The engine factor (engine, version, benchmark
definition) was measured at 0.18 to 0.20 on 559 end-to-end measurements; it stays in every prediction that is not
calibrated on the user's own engine.
"""

from dataclasses import dataclass
from math import hypot
from typing import Literal

from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, HardwareFit, Model, StepFit
from simcost.errors import CatalogError
from simcost.perf.datasheet import datasheet_fit
from simcost.perf.memory import check_parallelism, gemm_precision, kv_bytes
from simcost.perf.replica import GivenStep, ReplicaSpec

ENGINE_SIGMA = 0.20
GIVEN_SIGMA = 0.08
"""Left over after calibration on the same engine: the median error of such a calibration."""
MEAN_TO_SIGMA = 1.25
"""Sigma of a normal error whose mean absolute value is 1."""
POOR_ERROR = 0.2
"""A fit worse than this does not describe the all-reduce of its accelerator."""


def hardware_sigma(
    fit: HardwareFit,
    model: Model,
    accelerator: Accelerator,
    spec: ReplicaSpec,
    *,
    fitted: bool,
    in_fit: bool,
    linear_error: float,
) -> tuple[float, list[str]]:
    """Sigma of an eight-coefficient prediction, and the reasons why it is wider than the fit's own error.

    Args:
        fit: the eight coefficients.
        model: the model.
        accelerator: the accelerator.
        spec: the replica.
        fitted: False = datasheet peaks and median efficiencies.
        in_fit: the model was among those fitted; another dense model errs as one left out of the fit.
        linear_error: mean relative error of making the form linear.
    """
    error = hypot(fit.error if in_fit else fit.left_out_error, linear_error)
    own = hypot(ENGINE_SIGMA, MEAN_TO_SIGMA * error)
    reasons = _reasons(fit, model, accelerator, spec, fitted=fitted)
    least = max((sigma for _, sigma in reasons), default=0.0)
    return max(own, hypot(least, MEAN_TO_SIGMA * linear_error)), [reason for reason, _ in reasons]


def _reasons(
    fit: HardwareFit, model: Model, accelerator: Accelerator, spec: ReplicaSpec, *, fitted: bool
) -> list[tuple[str, float]]:
    """Values outside of the fit, and the sigma that is at least assumed for them."""
    pcie = spec.tp > 1 and accelerator.link.startswith("PCIe")
    moe_or_latent = bool(model.experts or model.kv_lora_rank)
    converted = fit.precision == "bf16" and spec.precision != "bf16"
    unknown = pcie and (not fitted or fit.error > POOR_ERROR)
    cases = [
        (not fitted, "no measurement of this accelerator", 0.30),
        (accelerator.vendor != "NVIDIA", "medians are those of NVIDIA accelerators", 0.50),
        (moe_or_latent, "experts or latent attention: extension without refit", 0.35),
        (converted, f"{spec.precision} weights at the bf16 rate: not fitted", 0.30),
        (spec.precision == "fp4", "fp4: counted at the fp8 rate, not fitted", 0.50),
        (unknown, "all-reduce over PCIe does not follow the form", 0.70 if spec.tp > 4 else 0.50),
    ]
    return [(reason, sigma) for holds, reason, sigma in cases if holds]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """t = a + b*P + c*B + d*K + q*Q, in seconds.

    P prefill tokens of the step; B decoding sequences; K their KV tokens (sum of contexts);
    Q causal attention pairs of the prefill chunks, sum of n*(p + n/2) for n new and p cached tokens.
    """

    a_s: float
    b_s_per_token: float
    c_s_per_sequence: float
    d_s_per_token: float
    q_s_per_pair: float
    provenance: Literal["calibrated", "analytic", "given"]
    source: str
    """One line: which fit or datasheet, its date and its error."""
    sigma: float
    """Log-normal spread of the whole step time (engine factor and model error), for intervals."""

    def seconds(self, prefill_tokens: float, sequences: float, kv_tokens: float, pairs: float) -> float:
        """The time of one step."""
        return (
            self.a_s
            + self.b_s_per_token * prefill_tokens
            + self.c_s_per_sequence * sequences
            + self.d_s_per_token * kv_tokens
            + self.q_s_per_pair * pairs
        )


def step_time(catalog: Catalog, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> StepTime:
    """The step time of a replica.

    Raises:
        InputError: tp does not split the heads; a precision that the accelerator or the engine lacks.
        CatalogError: tp > 1 on an accelerator without known link, or tp > 4 where the all-reduce is known to
            defy the model (L40S) and this configuration has no fit of its own.
    """
    source = step_source(catalog, model, accelerator, spec)
    if isinstance(source, GivenStep):
        return _given(source)
    if isinstance(source, StepFit):
        return _configuration(source, kv_bytes(spec.kv_precision) / 2.0)
    return _hardware(catalog, source, model, accelerator, spec)


def step_source(
    catalog: Catalog, model: Model, accelerator: Accelerator, spec: ReplicaSpec
) -> GivenStep | StepFit | HardwareFit:
    """Source of the step time; raises as `step_time` does, but computes nothing."""
    check_parallelism(model, spec.tp)
    gemm = gemm_precision(accelerator, spec.precision)
    kv_bytes(spec.kv_precision)
    if spec.step is not None:
        return spec.step
    same_bytes = {"bf16": ("bf16",), "fp8": ("fp8", "int8")}[gemm]
    if spec.precision in same_bytes:
        configuration = catalog.step_fit(accelerator.name, model.name, spec.tp, gemm)
        if configuration is not None:
            return configuration
    fit = catalog.hardware_fit(accelerator.name, gemm)
    if fit is not None and fit.error > POOR_ERROR and spec.tp > 4:
        raise CatalogError(_no_allreduce(catalog, accelerator, spec.tp))
    return fit or datasheet_fit(accelerator, spec.tp, gemm)


def _given(step: GivenStep) -> StepTime:
    return StepTime(
        a_s=step.a,
        b_s_per_token=step.b,
        c_s_per_sequence=step.c,
        d_s_per_token=step.d,
        q_s_per_pair=step.q,
        provenance="given",
        source="coefficients given in the scenario",
        sigma=GIVEN_SIGMA,
    )


def _configuration(fit: StepFit, kv_share: float) -> StepTime:
    """A fit of exactly this configuration; `kv_share` is the size of the KV cache relative to bf16."""
    what = f"{fit.accelerator} {fit.model} tp {fit.tp} {fit.precision}"
    return StepTime(
        a_s=fit.a_s,
        b_s_per_token=fit.b_s_per_token,
        c_s_per_sequence=fit.c_s_per_sequence,
        d_s_per_token=fit.d_s_per_token * kv_share,
        q_s_per_pair=fit.q_s_per_pair,
        provenance="calibrated",
        source=f"{what}, mean error {fit.error:.1%}: {fit.source}, {_date(fit.as_of)}",
        sigma=hypot(ENGINE_SIGMA, MEAN_TO_SIGMA * fit.error),
    )


def _hardware(
    catalog: Catalog, fit: HardwareFit, model: Model, accelerator: Accelerator, spec: ReplicaSpec
) -> StepTime:
    from simcost.perf.roofline import linear

    gemm = fit.precision
    fitted = catalog.hardware_fit(accelerator.name, gemm) is not None
    found = linear(fit, model, spec.tp, spec.precision, spec.kv_precision)
    in_fit = any(row.model == model.name for row in catalog.facts.step_fits)
    sigma, reasons = hardware_sigma(
        fit, model, accelerator, spec, fitted=fitted, in_fit=in_fit, linear_error=found.error
    )
    trusted = fitted and not reasons
    kind = "eight coefficients" if fitted else "datasheet peaks, median efficiencies"
    notes = "".join(f"; {reason}" for reason in reasons)
    return StepTime(
        a_s=found.a,
        b_s_per_token=found.b,
        c_s_per_sequence=found.c,
        d_s_per_token=found.d,
        q_s_per_pair=found.q,
        provenance="calibrated" if trusted else "analytic",
        source=f"{accelerator.name} {gemm}, {kind}, mean error {fit.error:.1%}, "
        f"its linear form {found.error:.1%} off on average{notes}: {fit.source}, {_date(fit.as_of)}",
        sigma=sigma,
    )


def _date(as_of: str) -> str:
    return "date unknown" if as_of == "unknown" else as_of


def _no_allreduce(catalog: Catalog, accelerator: Accelerator, tp: int) -> str:
    fits = [fit for fit in catalog.facts.step_fits if fit.accelerator == accelerator.name and fit.tp == tp]
    models = ", ".join(sorted({fit.model for fit in fits}))
    own = f"choose a model that was fitted at tp {tp} ({models}), " if models else ""
    return (
        f"the step time of {accelerator.name} at tp {tp} is not known: its all-reduce defies the model by a "
        f"factor of 2 and more; {own}use tp 4 or less, or give `step` from your own measurement"
    )
