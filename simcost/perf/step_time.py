"""Step time of the engine: a table by tokens and four coefficients, their sources and their uncertainty.

They come, in this order, from: a measurement of the user; a fit for exactly this accelerator, model, tp and precision;
the eight-coefficient form of this accelerator; the same form with the datasheet's peaks and the median efficiencies of
the accelerators that were fitted.

The uncertainty is a set of log-normal sigmas, each with its reason. The engine factor (engine, version, benchmark
definition) was measured at 0.18 to 0.20 on 559 end-to-end measurements; it stays in every prediction that is not
calibrated on the user's own engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import hypot
from typing import TYPE_CHECKING, Any, Literal, overload

from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, HardwareFit, Model, StepFit
from simcost.errors import CatalogError
from simcost.perf.datasheet import datasheet_fit
from simcost.perf.memory import check_parallelism, gemm_precision, kv_bytes
from simcost.perf.replica import GivenStep, ReplicaSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from simcost.perf.roofline import StepLoad

    Numbers = npt.NDArray[np.float64]

ENGINE_SIGMA = 0.20
GIVEN_SIGMA = 0.08
"""Left over after calibration on the same engine: the median error of such a calibration."""
MEAN_TO_SIGMA = 1.25
"""Sigma of a normal error whose mean absolute value is 1."""
COEFFICIENTS = ("a_s", "b_s_per_token", "c_s_per_sequence", "d_s_per_token", "q_s_per_pair")
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
) -> tuple[float, list[str]]:
    """Sigma of an eight-coefficient prediction, and the reasons why it is wider than the fit's own error.

    Args:
        fit: the eight coefficients.
        model: the model.
        accelerator: the accelerator.
        spec: the replica.
        fitted: False = datasheet peaks and median efficiencies.
        in_fit: the model was among those fitted; another dense model errs as one left out of the fit.
    """
    own = hypot(ENGINE_SIGMA, MEAN_TO_SIGMA * (fit.error if in_fit else fit.left_out_error))
    reasons = _reasons(fit, model, accelerator, spec, fitted=fitted)
    return max([own, *(sigma for _, sigma in reasons)]), [reason for reason, _ in reasons]


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
    """t = a + base(P + B) + b*P + c*B + d*K + q*Q, in seconds.

    P prefill tokens of the step; B decoding sequences; K their KV tokens (sum of contexts);
    Q causal attention pairs of the prefill chunks, sum of n*(p + n/2) for n new and p cached tokens.

    The base is linear between its knots, constant before the first, and after the last as steep as before it, or
    constant where it fell; without knots it is 0, and the step time is linear. Few tokens wait for the same weights as
    some more, and each token touches fewer experts that no other has: evaluate it for each step, never for a mean one.
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
    base: tuple[tuple[int, float], ...] = ()
    """Knots: tokens of the step, seconds."""

    def seconds(self, prefill_tokens: float, sequences: float, kv_tokens: float, pairs: float) -> float:
        """The time of one step."""
        return (
            self.base_seconds(prefill_tokens + sequences)
            + self.b_s_per_token * prefill_tokens
            + self.c_s_per_sequence * sequences
            + self.d_s_per_token * kv_tokens
            + self.q_s_per_pair * pairs
        )

    @overload
    def base_seconds(self, tokens: float) -> float: ...
    @overload
    def base_seconds(self, tokens: Numbers) -> Numbers: ...
    def base_seconds(self, tokens: float | Numbers) -> float | Numbers:
        """A + base: what steps take by their tokens, prefill tokens and decoding sequences together."""
        if not self.base:
            return self.a_s + 0.0 * tokens
        import numpy as np

        at, base_s = _columns(self.base)
        slope = max(base_s[-1] - base_s[-2], 0.0) / (at[-1] - at[-2]) if len(at) > 1 else 0.0
        result: Numbers = self.a_s + np.interp(tokens, at, base_s) + slope * np.maximum(tokens - at[-1], 0.0)
        return result

    def numbers(self) -> dict[str, Any]:
        """All that the time depends on."""
        return {"base": self.base, **{name: getattr(self, name) for name in COEFFICIENTS}}

    def scaled(self, factor: float) -> StepTime:
        """The same with every step longer by a factor."""
        base = tuple((tokens, base_s * factor) for tokens, base_s in self.base)
        return replace(self, base=base, **{name: getattr(self, name) * factor for name in COEFFICIENTS})

    def linear(self, tokens: int, sequences: int) -> dict[str, float]:
        """Coefficients of the line through an empty step, a prefill of `tokens` and a decode of `sequences`, without KV
        tokens and pairs: a summary, exact where there is no base.
        """
        empty_s = self.base_seconds(0.0)
        by_token, by_sequence = ((self.base_seconds(float(n)) - empty_s) / n for n in (tokens, sequences))
        return {
            "a_s": empty_s,
            "b_s_per_token": self.b_s_per_token + by_token,
            "c_s_per_sequence": self.c_s_per_sequence + by_sequence,
            "d_s_per_token": self.d_s_per_token,
            "q_s_per_pair": self.q_s_per_pair,
        }


@lru_cache(maxsize=4)
def _columns(base: tuple[tuple[int, float], ...]) -> tuple[Numbers, Numbers]:
    import numpy as np

    tokens, base_s = np.array(base, np.float64).T
    return tokens, base_s


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
    measured = StepTime(
        a_s=step.a,
        b_s_per_token=step.b,
        c_s_per_sequence=step.c,
        d_s_per_token=step.d,
        q_s_per_pair=step.q,
        provenance="given",
        source=step.source or "coefficients given in the scenario",
        sigma=GIVEN_SIGMA if step.sigma is None else step.sigma,
        base=tuple((knot.tokens, knot.seconds) for knot in step.base),
    )
    return measured if step.factor == 1.0 else measured.scaled(step.factor)


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
    from simcost.perf.roofline import seconds

    gemm = fit.precision
    fitted = catalog.hardware_fit(accelerator.name, gemm) is not None
    in_fit = any(row.model == model.name for row in catalog.facts.step_fits)
    sigma, reasons = hardware_sigma(fit, model, accelerator, spec, fitted=fitted, in_fit=in_fit)
    trusted = fitted and not reasons
    kind = "eight coefficients" if fitted else "datasheet peaks, median efficiencies"
    what = f"{accelerator.name} {gemm}, {kind}, mean error {fit.error:.1%}"
    notes = "".join(f"; {reason}" for reason in reasons)
    return StepTime(
        **_tabulated(lambda load: seconds(fit, model, spec.tp, spec.precision, spec.kv_precision, load)),
        provenance="calibrated" if trusted else "analytic",
        source=f"{what}{notes}: {fit.source}, {_date(fit.as_of)}",
        sigma=sigma,
    )


def _tabulated(seconds: Callable[[StepLoad], Numbers]) -> dict[str, Any]:
    """The numbers of a step time that is linear in KV tokens and pairs.

    Its knots are all numbers of tokens of 8 significant bits: each up to 256, then 128 an octave.
    """
    import numpy as np

    from simcost.perf.roofline import StepLoad

    tokens = np.concatenate([np.arange(256), *(np.arange(128, 256) << shift for shift in range(1, 10))])
    nothing = np.zeros(len(tokens))
    base_s = seconds(StepLoad(nothing, tokens.astype(np.float64), nothing, nothing))
    none, many = np.zeros(2), 2.0**40
    kv_s, pairs_s = seconds(StepLoad(none, none, np.array([many, 0.0]), np.array([0.0, many]))) - base_s[0]
    return {
        "a_s": 0.0,
        "b_s_per_token": 0.0,
        "c_s_per_sequence": 0.0,
        "d_s_per_token": float(kv_s) / many,
        "q_s_per_pair": float(pairs_s) / many,
        "base": tuple(zip(tokens.tolist(), base_s.tolist(), strict=True)),
    }


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
