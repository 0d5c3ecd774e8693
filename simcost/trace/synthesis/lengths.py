"""Tokens of prompts and outputs: drawn, resampled, scaled, and cut at a context limit."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simcost.tables.paths import inside
from simcost.trace.requests.batch import Floats, Ints, Pairs, Tokens
from simcost.trace.requests.store import MAX_TOKENS, open_trace, read_batches
from simcost.trace.workload.spec import Lengths

_KEPT_PAIRS = 4_194_304


@dataclass(frozen=True, slots=True)
class Factors:
    """Factors on tokens that change over time, one for each step.

    Attributes:
        step_ns: length of a step.
        prompt: on the tokens of prompts.
        output: on the tokens of outputs.
    """

    step_ns: float
    prompt: Floats
    output: Floats

    def at(self, time_ns: Ints) -> tuple[Floats, Floats]:
        """Those of the steps in which the times lie; before and after, those of the first and the last."""
        step = np.clip(time_ns // self.step_ns, 0, len(self.prompt) - 1).astype(np.int64)
        return self.prompt[step], self.output[step]


def token_pairs(lengths: Lengths, folder: Path, rng: np.random.Generator) -> Callable[[int], Pairs]:
    """What draws (prompt, output) pairs."""
    if lengths.trace is None:
        return lambda count: _lognormal(lengths, count, rng)
    prompt, output = _stored_pairs(inside(folder, lengths.trace))

    def resample(count: int) -> Pairs:
        rows = rng.integers(0, len(prompt), count, dtype=np.int32)
        return prompt[rows], output[rows]

    return resample


def scaled(tokens: Tokens, factor: float | Floats) -> Tokens:
    """Token counts times a factor, rounded, at least 1."""
    if isinstance(factor, float) and factor == 1:
        return tokens
    counts: Tokens = np.clip(np.rint(tokens * factor), 1, MAX_TOKENS).astype(np.int32)
    return counts


def within_context(prompt: Tokens, output: Tokens, most: int | None, cut: Counter[str]) -> Pairs:
    """A prompt cut to `most` - 1 tokens, then its output to what is left; `cut` counts both."""
    if most is None:
        return prompt, output
    short = np.minimum(prompt, most - 1)
    rest = np.minimum(output, most - short)
    cut["prompt"] += int((short < prompt).sum())
    cut["output"] += int((rest < output).sum())
    return short, rest


def _lognormal(lengths: Lengths, count: int, rng: np.random.Generator) -> Pairs:
    """Pairs of rounded log-normals; at least 1 token each, at most max_tokens together."""
    normal, other = rng.standard_normal((2, count), dtype=np.float32)
    rho = np.float32(lengths.correlation)
    prompt = _tokens(normal, lengths.prompt_median, lengths.prompt_sigma, lengths.max_tokens - 1)
    mixed = rho * normal + np.sqrt(1 - rho * rho) * other
    output = _tokens(mixed, lengths.output_median, lengths.output_sigma, lengths.max_tokens - 1)
    return np.minimum(prompt, lengths.max_tokens - output), output


def _tokens(normal: npt.NDArray[np.float32], median: float, sigma: float, most: int) -> Tokens:
    """Standard normals to token counts from 1 to `most`."""
    logarithm = np.minimum(np.float32(np.log(median)) + np.float32(sigma) * normal, np.float32(np.log(most)))
    tokens: Tokens = np.clip(np.rint(np.exp(logarithm)), 1, most).astype(np.int32)
    return tokens


def _stored_pairs(path: Path) -> Pairs:
    """The token pairs of a trace; of a long one, every n-th, so that about 4 million are held."""
    every = -(-open_trace(path).rows // _KEPT_PAIRS)
    prompts, outputs, row = [], [], 0
    for batch in read_batches(path):
        chosen = slice(-row % every, None, every)
        prompts.append(batch.prompt_tokens[chosen].copy())
        outputs.append(batch.output_tokens[chosen].copy())
        row += len(batch)
    return np.concatenate(prompts), np.concatenate(outputs)
