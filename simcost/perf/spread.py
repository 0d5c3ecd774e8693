"""How far a real step may lie from the model's: log-normal sigmas, each with its reason.

The engine factor (engine, version, benchmark definition) was measured at 0.18 to 0.20 on 559 end-to-end
measurements; it stays in every prediction that is not calibrated on the user's own engine.
"""

from math import hypot

from simcost.catalog.facts import Accelerator, HardwareFit, Model
from simcost.perf.replica import ReplicaSpec

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
    """What lies outside of the fit, and the sigma that is at least assumed for it."""
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
