"""Drafting of a replica that speculates: rows, tokens and time in each step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, Model
from simcost.perf.acceptance import Rates, tokens_per_step
from simcost.perf.speculation import Speculation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from simcost.perf.factors import Correction
    from simcost.perf.replica import ReplicaSpec

    Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """Drafts of each step of a replica: their rows, the tokens they bring, and their time."""

    rates: Rates
    """Acceptance by position."""
    slots: int
    """Of the KV cache that each running request keeps for drafts."""
    base: tuple[tuple[int, float], ...]
    """Knots: decoding sequences, seconds of all drafts of a step; linear in between, constant after the last."""

    @property
    def rows(self) -> int:
        """Rows of a sequence in a step: its drafts, and the token before them."""
        return len(self.rates) + 1

    @property
    def tokens_per_step(self) -> float:
        """Tokens of a sequence in a step, in the mean."""
        return tokens_per_step(self.rates)

    @overload
    def seconds(self, sequences: float) -> float: ...
    @overload
    def seconds(self, sequences: Numbers) -> Numbers: ...
    def seconds(self, sequences: float | Numbers) -> float | Numbers:
        """Time of drafting for so many sequences."""
        import numpy as np

        at, base_s = np.array(self.base, np.float64).T
        result: Numbers = np.interp(sequences, at, base_s)
        return result

    def scaled(self, factor: float) -> Drafting:
        """The same with all drafts slower by a factor."""
        return replace(self, base=tuple((at, base_s * factor) for at, base_s in self.base))


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTime:
    """Time of a drafter beside the steps of its target, in seconds."""

    base: tuple[tuple[int, float], ...]
    """Knots: decoding sequences, seconds of all drafts of a step."""
    sequence_s: float = 0.0
    kv_token_s: float = 0.0
    """Per token in the KV cache of the decoding sequences."""
    prompt_token_s: float = 0.0
    """The drafter reads the prompt too."""
    pair_s: float = 0.0


def draft_time(
    catalog: Catalog,
    drafter: Model | None,
    accelerator: Accelerator,
    spec: ReplicaSpec,
    speculation: Speculation,
    found: Correction | None,
) -> DraftTime:
    """Time of k drafts: the first pass reads the tokens of the last step, k + 1 rows a sequence, each further one row.

    A pass is a step of the drafter without the host's part of a step. `found` are the factors of the target's engine.
    """
    import numpy as np

    from simcost.perf.factors import corrected
    from simcost.perf.memory import gemm_rate
    from simcost.perf.roofline import base_s, slopes

    if speculation.draft_time is not None or drafter is None:
        stated = speculation.draft_time or 0.0
        return DraftTime(base=((0, 0.0), (1, stated)))
    fit = catalog.hardware_fit(accelerator, gemm_rate(accelerator, speculation.precision))
    fit = replace(corrected(fit, found.fixed_factor if found else 1.0), step_s=0.0, sequence_s=0.0)
    scale, own = found.factor if found else 1.0, spec.of_drafter(speculation)
    sequences = np.concatenate([np.arange(256), *(np.arange(128, 256) << shift for shift in range(1, 6))])
    k, rows = speculation.tokens, sequences.astype(np.float64)
    seconds = base_s(fit, accelerator, drafter, own, rows * (k + 1))
    seconds = scale * (seconds + (k - 1) * base_s(fit, accelerator, drafter, own, rows))
    per, ends = slopes(fit, accelerator, drafter, own), np.array([4096.0, 8192.0])
    near, far = base_s(fit, accelerator, drafter, own, ends).tolist()
    return DraftTime(
        base=((0, 0.0), *zip(sequences[1:].tolist(), seconds[1:].tolist(), strict=True)),
        sequence_s=scale * k * per.sequence_s,
        kv_token_s=scale * k * per.kv_token_s,
        prompt_token_s=scale * ((far - near) / 4096.0 + per.prompt_token_s),
        pair_s=scale * per.pair_s,
    )
