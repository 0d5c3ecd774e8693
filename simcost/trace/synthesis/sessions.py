"""Conversations: how they are drawn, and how they unfold into requests in order of arrival."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcost.tables.paths import inside
from simcost.trace.requests.batch import Floats, Ints, Pairs, RequestBatch, concat
from simcost.trace.requests.store import MAX_TOKENS
from simcost.trace.synthesis.linking import Recorded, recorded
from simcost.trace.workload.spec import Sessions
from simcost.units import NS_PER_S

_SAMPLE = 4096
_LONGEST = 0.999
Scale = Callable[[Ints], tuple[float | Floats, float | Floats]]
"""Factors on the tokens of prompts and outputs of what starts at these times."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Turns of consecutive conversations.

    Attributes:
        count: turns of each conversation, at least 1.
        gap_ns: before each turn; 0 before the first of a conversation.
        new_tokens: of each turn: its prompt less the prompt and output of the turn before.
        output_tokens: of each turn.
    """

    count: Ints
    gap_ns: Ints
    new_tokens: Ints
    output_tokens: Ints

    def first(self) -> Ints:
        """Where each conversation begins."""
        return np.cumsum(self.count) - self.count

    def within(self, values: Ints) -> Ints:
        """The running sums of a value per turn, each conversation on its own."""
        total, first = np.cumsum(values), self.first()
        sums: Ints = total - np.repeat(total[first] - values[first], self.count)
        return sums


@dataclass(frozen=True, slots=True)
class Talk:
    """What draws conversations.

    Attributes:
        draw: the turns of so many conversations.
        mean: turns of a conversation.
        longest_ns: from the first turn to the last; one in a thousand takes longer.
    """

    draw: Callable[[int], Turns]
    mean: float
    longest_ns: int


def talk(sessions: Sessions, pairs: Callable[[], Callable[[int], Pairs]], folder: Path,
         rng: np.random.Generator) -> Talk:  # fmt: skip
    """Conversations as their description says; unless a trace is named, `pairs` gives what draws first prompts and
    outputs.
    """
    if sessions.trace is None:
        draw, mean = _invented(sessions, pairs(), rng), sessions.mean_turns
    else:
        known = recorded(inside(folder, sessions.trace))
        draw, mean = _resampled(known, rng), known.mean_turns
    sample = draw(_SAMPLE)
    longest = np.quantile(np.add.reduceat(sample.gap_ns, sample.first()), _LONGEST)
    return Talk(draw, mean, int(longest))


def _resampled(known: Recorded, rng: np.random.Generator) -> Callable[[int], Turns]:
    """Whole conversations of a trace, each as likely as any other."""
    first = np.cumsum(known.count) - known.count

    def draw(number: int) -> Turns:
        chosen = rng.integers(0, len(known.count), number)
        count = known.count[chosen]
        rows = np.arange(count.sum()) + np.repeat(first[chosen] - (np.cumsum(count) - count), count)
        return Turns(count, known.gap_ns[rows], known.new_tokens[rows], known.output_tokens[rows])

    return draw


def _invented(
    sessions: Sessions, pairs: Callable[[int], Pairs], rng: np.random.Generator
) -> Callable[[int], Turns]:
    """Geometric numbers of turns, log-normal gaps and new tokens."""

    def draw(number: int) -> Turns:
        count = rng.geometric(1 / sessions.mean_turns, number)
        first = np.cumsum(count) - count
        total = int(count.sum())
        prompt, output = pairs(total)
        new = np.rint(rng.lognormal(np.log(sessions.new_tokens_median), sessions.new_tokens_sigma, total))
        new = np.minimum(new, MAX_TOKENS).astype(np.int64)
        gap_ns = (
            rng.lognormal(np.log(sessions.think_median), sessions.think_sigma, total) * NS_PER_S
        ).astype(np.int64)
        new[first] = np.maximum(prompt[first], sessions.system_tokens + 1)
        gap_ns[first] = 0
        return Turns(count, gap_ns, new, output.astype(np.int64))

    return draw


def conversations(starts: Iterator[Ints], talk: Talk, scale: Scale, end_ns: int) -> Iterator[RequestBatch]:
    """The turns of conversations that start at these sorted times, sorted by arrival, from time 0 to the end.

    Holds the turns that come after the newest start. Conversations are numbered from 0 in `session`.
    """
    held, number = concat([]), 0
    for start_ns in starts:
        if len(start_ns) == 0:
            continue
        held = concat([held, _unfolded(start_ns, talk.draw(len(start_ns)), scale(start_ns), number)])
        held = held[(held.arrival_ns >= 0) & (held.arrival_ns <= end_ns)]
        held = held[np.argsort(held.arrival_ns, kind="stable")]
        number += len(start_ns)
        ready = int(np.searchsorted(held.arrival_ns, start_ns[-1]))
        yield held[:ready]
        held = held[ready:]
    yield held


def _unfolded(start_ns: Ints, turns: Turns, scale: tuple[float | Floats, float | Floats],
              number: int) -> RequestBatch:  # fmt: skip
    """One request per turn: each prompt is the text so far and what is new."""
    by_prompt, by_output = (
        np.repeat(np.broadcast_to(factor, len(start_ns)), turns.count) for factor in scale
    )
    new = np.rint(turns.new_tokens * by_prompt).astype(np.int64)
    output = np.clip(np.rint(turns.output_tokens * by_output), 1, MAX_TOKENS).astype(np.int64)
    prompt = turns.within(new) + turns.within(output) - output
    return RequestBatch(
        np.repeat(start_ns, turns.count) + turns.within(turns.gap_ns),
        np.clip(prompt, 1, MAX_TOKENS).astype(np.int32),
        output.astype(np.int32),
        np.repeat(np.arange(number, number + len(start_ns)), turns.count),
    )
