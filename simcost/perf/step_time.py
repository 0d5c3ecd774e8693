"""Step time of the engine: a table by tokens and four coefficients, their sources and their uncertainty.

Measured by the user; else the physics of `simcost.perf.roofline` with the coefficients of the accelerator, or the mean
of those measured, times the factors that measured engines ask for (`simcost.perf.factors`).

How far a real step may lie from the model's is a log-normal sigma: that of the measurements in the narrowest cell that
was measured, engine, version and benchmark definition included; wider by what no measurement covers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import hypot, log
from typing import TYPE_CHECKING, Any, Literal, overload

from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, HardwareFit, Model
from simcost.errors import CatalogError
from simcost.perf.drafting import Drafting, draft_time
from simcost.perf.factors import LEVELS, Correction, corrected, correction
from simcost.perf.images import UNIT_S
from simcost.perf.memory import check_replica, device_of, gemm_rate
from simcost.perf.replica import GivenStep, Knot, ReplicaSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

GIVEN_SIGMA = 0.08
"""Left over after calibration on the same engine: the median error of such a calibration."""
COEFFICIENTS = ("a_s", "b_s_per_token", "c_s_per_sequence", "d_s_per_token", "q_s_per_pair")
UNMEASURED_SIGMA = 0.30
"""An accelerator or a slice that was not measured: the worst error of predicting a measured accelerator from others."""
SPECULATION_SIGMA = 0.20
"""Spread of the speed-ups by speculation against 13 published ones, acceptance given: docs/validation.md."""
OTHER_VENDOR_SIGMA = 0.40
"""The spread of an accelerator where the means are mostly those of other vendors."""
IN_95 = 1.96
"""Sigmas of a 95 % interval; that of the slowdown by adapters, which was not measured, is from none to twice of it."""


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
    draft: Drafting | None = None
    """Speculative decoding: each sequence has `rows` rows in a step, which takes the time of drafting longer."""

    @property
    def rows(self) -> int:
        """Rows of a decoding sequence in a step."""
        return 1 if self.draft is None else self.draft.rows

    @property
    def tokens_per_step(self) -> float:
        """Tokens of a decoding sequence in a step, in the mean."""
        return 1.0 if self.draft is None else self.draft.tokens_per_step

    def seconds(self, prefill_tokens: float, sequences: float, kv_tokens: float, pairs: float) -> float:
        """The time of one step."""
        return (
            self.base_seconds(prefill_tokens + self.rows * sequences)
            + (0.0 if self.draft is None else self.draft.seconds(sequences))
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
        draft = {} if self.draft is None else {"draft": asdict(self.draft)}
        return {"base": self.base, **{name: getattr(self, name) for name in COEFFICIENTS}, **draft}

    def scaled(self, factor: float) -> StepTime:
        """The same with every step longer by a factor."""
        base = tuple((tokens, base_s * factor) for tokens, base_s in self.base)
        draft = None if self.draft is None else self.draft.scaled(factor)
        return replace(self, base=base, draft=draft, **{name: getattr(self, name) * factor for name in COEFFICIENTS})

    def linear(self, tokens: int, sequences: int) -> dict[str, float]:
        """Coefficients of the line through an empty step, a prefill of `tokens` and a decode of `sequences`, without KV
        tokens and pairs: a summary, exact where there is no base.
        """
        empty_s = self.base_seconds(0.0)
        by_token = (self.base_seconds(float(tokens)) - empty_s) / tokens
        drafting_s = 0.0 if self.draft is None else self.draft.seconds(float(sequences))
        by_sequence = (self.base_seconds(float(self.rows * sequences)) - empty_s + drafting_s) / sequences
        return {
            "a_s": empty_s,
            "b_s_per_token": self.b_s_per_token + by_token,
            "c_s_per_sequence": self.c_s_per_sequence + by_sequence,
            "d_s_per_token": self.d_s_per_token,
            "q_s_per_pair": self.q_s_per_pair,
        }


_COLUMNS: dict[int, tuple[tuple[tuple[int, float], ...], Numbers, Numbers]] = {}
"""The knots used last and their columns, by the identity of the knots: a hash of some thousand numbers for each step of
an autoscaler took longer than all else that it does.
"""
_MOST_COLUMNS = 64


def _columns(base: tuple[tuple[int, float], ...]) -> tuple[Numbers, Numbers]:
    """Tokens and seconds of knots; both are held, so that no others can have their identity."""
    found = _COLUMNS.get(id(base))
    if found is None:
        import numpy as np

        if len(_COLUMNS) >= _MOST_COLUMNS:
            _COLUMNS.clear()  # at once, whatever other threads do
        tokens, base_s = np.array(base, np.float64).T
        found = _COLUMNS[id(base)] = base, tokens, base_s
    return found[1:]


def step_time(catalog: Catalog, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> StepTime:
    """The step time of a replica.

    Raises:
        InputError: the model cannot be split as asked; a precision that the engine lacks.
        CatalogError: several accelerators without known link; no coefficients in the catalog.
    """
    source = step_source(catalog, model, accelerator, spec)
    accelerator = device_of(accelerator, spec, catalog)
    if isinstance(source, GivenStep):
        step = _given(source)
        return _speculative(step, catalog, model, accelerator, spec, None, step.b_s_per_token)
    found = correction(catalog, model, accelerator, spec)
    if spec.pruning is not None:
        found = _of_pruned(found, correction(catalog, replace(model, name=""), accelerator, spec))
    step = _corrected(source, spec.shape(model), accelerator, spec, found)
    step = _speculative(step, catalog, model, accelerator, spec, found, _head_row_s(source, model, accelerator, spec))
    if spec.slice is not None:
        slowdown = catalog.slice_of(accelerator.name, spec.slice).slowdown
        step = replace(step.scaled(slowdown), sigma=max(step.sigma, UNMEASURED_SIGMA))
    if spec.lora is None or spec.lora.load is not None:
        return step
    unmeasured = log(spec.lora.step_factor) / IN_95
    return replace(step.scaled(spec.lora.step_factor), sigma=hypot(step.sigma, unmeasured))


def _head_row_s(fit: HardwareFit, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> float:
    from simcost.perf.roofline import head_row_s

    return head_row_s(fit, accelerator, model, spec) / (spec.dp * spec.pp)


def _speculative(
    step: StepTime,
    catalog: Catalog,
    model: Model,
    accelerator: Accelerator,
    spec: ReplicaSpec,
    found: Correction | None,
    row_s: float,
) -> StepTime:
    """The step with the rows of its drafts, each `row_s` beside the base, and with drafting."""
    if spec.speculation is None:
        return step
    shape, rates = spec.shape(model), spec.speculation.rates(catalog, model)
    drafter = spec.speculation.drafter_of(catalog, shape)
    scale = 1.0 if found is None else found.factor
    time = draft_time(catalog, drafter, accelerator, spec, spec.speculation, found)
    return replace(
        step,
        b_s_per_token=step.b_s_per_token + time.prompt_token_s,
        c_s_per_sequence=step.c_s_per_sequence + len(rates) * row_s * scale + time.sequence_s,
        d_s_per_token=step.d_s_per_token + time.kv_token_s,
        q_s_per_pair=step.q_s_per_pair + time.pair_s,
        draft=Drafting(rates=rates, slots=spec.speculation.slots, base=time.base),
        sigma=hypot(step.sigma, SPECULATION_SIGMA),
    )


def _of_pruned(whole: Correction, unmeasured: Correction) -> Correction:
    """Factors of the model that a pruned one was made of, as sure as those of a model without measurements, and no
    surer than its own.
    """
    sigma = max(whole.sigma, unmeasured.sigma)
    return replace(unmeasured, factor=whole.factor, fixed_factor=whole.fixed_factor, sigma=sigma)


def step_source(catalog: Catalog, model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> GivenStep | HardwareFit:
    """Source of the step time; raises as `step_time` does, but computes nothing."""
    check_replica(model, accelerator, spec)
    device_of(accelerator, spec, catalog)
    if spec.speculation is not None:
        spec.speculation.rates(catalog, model)
    if spec.step is not None:
        return spec.step
    if spec.images:
        sizes = ", ".join(image.size for image in spec.images)
        base = (Knot(tokens=0, seconds=0.0), Knot(tokens=1, seconds=UNIT_S))
        return GivenStep(a=0.0, b=0.0, c=0.0, d=0.0, base=base, source=f"times of images of {sizes}")
    if spec.accelerators > 1 and accelerator.link_bytes_per_s is None:
        raise CatalogError(
            f"the catalog has no link bandwidth of {accelerator.name}, needed for {spec.accelerators} of them in a "
            "replica; use one, add link_bytes_per_s to accelerators.csv in your catalog folder, or give `step`"
        )
    return catalog.hardware_fit(accelerator, gemm_rate(accelerator, spec.precision))


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


def _corrected(
    fit: HardwareFit, model: Model, accelerator: Accelerator, spec: ReplicaSpec, found: Correction
) -> StepTime:
    """The physics with its factors: calibrated where this accelerator and precision were measured with such models."""
    measured = found.level >= LEVELS.index("accelerator and precision")
    least = 0.0
    if not fit.accelerator:
        least = UNMEASURED_SIGMA if accelerator.vendor == "NVIDIA" else OTHER_VENDOR_SIGMA
    step = StepTime(
        **_tabulated(corrected(fit, found.fixed_factor), accelerator, model, spec),
        provenance="calibrated" if measured else "analytic",
        source=f"{_physics(fit, accelerator, spec)}; {_basis(spec, found)}: {fit.source}, {_date(fit.as_of)}",
        sigma=max(found.sigma, least),
    )
    return step.scaled(found.factor)


def _physics(fit: HardwareFit, accelerator: Accelerator, spec: ReplicaSpec) -> str:
    rate = "int8" if (spec.precision, fit.precision) == ("int8", "fp8") else fit.precision
    if not fit.accelerator:
        return f"{accelerator.name} {rate}, no measurement of it, mean coefficients of others"
    products = "" if fit.rows else ", of products the mean of others"
    return f"{accelerator.name} {rate}, its own coefficients{products}"


def _basis(spec: ReplicaSpec, found: Correction) -> str:
    if found.level < 0:
        return "factor of no measured engine"
    engine = spec.engine or "any engine"
    return (
        f"factor of the same {LEVELS[found.level]}, {engine}, from {found.rows} measurement{'s' * (found.rows > 1)}, "
        f"median error where left out {found.error:.0%}"
    )


def _tabulated(fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec) -> dict[str, Any]:
    """The numbers of a step time. Knots are all numbers of tokens of 8 significant bits: each up to 256, then 128 an
    octave.
    """
    import numpy as np

    from simcost.perf.roofline import base_s, slopes

    tokens = np.concatenate([np.arange(256), *(np.arange(128, 256) << shift for shift in range(1, 10))])
    seconds = base_s(fit, accelerator, model, spec, tokens.astype(np.float64))
    per = slopes(fit, accelerator, model, spec)
    return {
        "a_s": float(seconds[0]),
        "b_s_per_token": per.prompt_token_s,
        "c_s_per_sequence": per.sequence_s,
        "d_s_per_token": per.kv_token_s,
        "q_s_per_pair": per.pair_s,
        "base": tuple(zip(tokens.tolist(), (seconds - seconds[0]).tolist(), strict=True)),
    }


def _date(as_of: str) -> str:
    return "date unknown" if as_of == "unknown" else as_of
