"""Tokens of prompts and outputs (sampled, resampled, scaled, cut at a limit), and prefixes of requests."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.tables.paths import inside
from simcost.trace.requests.batch import NO_SESSION, Floats, Ints, Pairs, RequestBatch, Tokens, concat
from simcost.trace.requests.store import MAX_TOKENS, open_trace, read_batches

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


def resampled_pairs(trace: str, folder: Path, rng: np.random.Generator) -> Callable[[int], Pairs]:
    """Sampler of (prompt, output) pairs out of those of a trace."""
    prompt, output = _stored_pairs(inside(folder, trace))

    def resample(count: int) -> Pairs:
        rows = rng.integers(0, len(prompt), count, dtype=np.int32)
        return prompt[rows], output[rows]

    return resample


def pairs_in_order(trace: str, folder: Path) -> Callable[[int], Pairs]:
    """Reader of the next (prompt, output) pairs of a trace, again from the start when all are used."""
    stored = (batch for _ in repeat(None) for batch in read_batches(inside(folder, trace)))
    rest = next(stored)

    def take(count: int) -> Pairs:
        nonlocal rest
        taken: list[RequestBatch] = []
        while count > 0:
            rest = rest if len(rest) else next(stored)
            taken.append(rest[:count])
            count, rest = count - len(taken[-1]), rest[count:]
        found = concat(taken)
        return found.prompt_tokens, found.output_tokens

    return take


def uniform_pairs(prompt: Sequence[int], output: Sequence[int], count: int, rng: np.random.Generator) -> Pairs:
    """Pairs of whole numbers, each as likely as any other from the first to the last of its range."""
    prompts = rng.integers(prompt[0], prompt[1], count, dtype=np.int32, endpoint=True)
    return prompts, rng.integers(output[0], output[1], count, dtype=np.int32, endpoint=True)


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


def lognormal_pairs(
    prompt: tuple[float, float],
    output: tuple[float, float],
    correlation: float,
    most: int,
    count: int,
    rng: np.random.Generator,
) -> Pairs:
    """Pairs of rounded log-normals; at least 1 token each, at most `most` together.

    Args:
        prompt: median tokens of prompts, and standard deviation of their natural logarithm.
        output: the same of outputs.
        correlation: of the two logarithms.
        most: tokens of prompt and output together.
        count: number of pairs.
        rng: random numbers.
    """
    normal, other = rng.standard_normal((2, count), dtype=np.float32)
    rho = np.float32(correlation)
    prompts = _tokens(normal, *prompt, most - 1)
    mixed = rho * normal + np.sqrt(1 - rho * rho) * other
    outputs = _tokens(mixed, *output, most - 1)
    return np.minimum(prompts, most - outputs), outputs


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


BLOCK_TOKENS = 512
"""Tokens in a block of the hashes written; that of the public Mooncake traces."""
_BLOCK_BITS = 20


def with_sessions(batch: RequestBatch, system_tokens: Sequence[int], serial: int) -> pa.Table:
    """The batch with columns `session` and `prefix_hashes`.

    A full block is known by its conversation and place, those of a system prompt by their client and place. The last
    block of a prompt, where it is not full, is unknown: its hash is a negative serial number.

    Args:
        batch: with sessions; the number of a session modulo the clients is its client.
        system_tokens: that the prompts of each client share.
        serial: requests written before.
    """
    session = batch.sessions()
    label = pa.array(session, mask=session == NO_SESSION).cast(pa.string()).dictionary_encode()
    hashes, offsets = _hashes(batch, session, np.asarray(system_tokens) // BLOCK_TOKENS, serial)
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(hashes))
    return pa.table(
        {
            "arrival_ns": batch.arrival_ns,
            "prompt_tokens": batch.prompt_tokens,
            "output_tokens": batch.output_tokens,
            "session": label,
            "prefix_hashes": lists,
        }
    )


def _hashes(batch: RequestBatch, session: Ints, system_blocks: Ints, serial: int) -> tuple[Ints, Ints]:
    """The hashes of all requests one after the other, and where those of each begin."""
    blocks = np.where(session == NO_SESSION, 0, -(-batch.prompt_tokens // BLOCK_TOKENS))
    offsets = np.concatenate([[0], np.cumsum(blocks)])
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], blocks)
    client = session % len(system_blocks)
    shared = place < np.repeat(system_blocks[client], blocks)
    owner = np.where(shared, np.repeat(client, blocks), np.repeat(session + len(system_blocks), blocks))
    hashes = (owner << _BLOCK_BITS) + place
    partial = (blocks > 0) & (batch.prompt_tokens % BLOCK_TOKENS > 0)
    hashes[offsets[1:][partial] - 1] = -1 - serial - np.flatnonzero(partial)
    return hashes, offsets
