"""Conversations: sampled or found in a trace, and unrolled into requests in order of arrival.

In a trace they are found by session labels, or by the prefixes that prompts share.

A request continues the latest request that holds its longest known prefix of more than one block, if that prefix
covers the whole prompt of that request to within one block.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from simcost.errors import TraceError
from simcost.rng import stream
from simcost.tables.paths import inside
from simcost.trace.requests.batch import Floats, Ints, Pairs, RequestBatch, concat
from simcost.trace.requests.store import MAX_TOKENS, open_trace, read_tables
from simcost.trace.synthesis.time_rescaling import clock_grain_ns
from simcost.trace.workload.spec import Sessions
from simcost.units import NS_PER_S

_MOST_ROWS = 131_072
_TABLE_ROWS = 32_768
_SHARED = 0.5


@dataclass(frozen=True, slots=True)
class RecordedSessions:
    """The conversations of a trace, turn by turn; see `simcost.trace.synthesis.sessions.Turns`."""

    count: Ints
    gap_ns: Ints
    new_tokens: Ints
    output_tokens: Ints
    system_tokens: int
    """At the start of a prompt, that at least half of all prompts share."""

    @property
    def mean_turns(self) -> float:
        """Requests per conversation."""
        return float(self.count.mean())


def recorded(path: Path) -> RecordedSessions:
    """The conversations of a trace; of a long one, of its first 131,072 requests.

    Raises:
        TraceError: it cannot be read, or has neither `session` nor `prefix_hashes`.
    """
    return _recorded(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=4)
def _recorded(path: Path, changed_ns: int) -> RecordedSessions:  # noqa: ARG001  # part of the key
    info = open_trace(path)
    labels = [name for name in ("session", "prefix_hashes") if name in info.columns]
    if not labels:
        raise TraceError(
            f"{path}: has neither session nor prefix_hashes, so its conversations are unknown; "
            "give `mean_turns` and the other fields instead of `trace`"
        )
    columns = ["arrival_ns", "prompt_tokens", "output_tokens", *labels]
    table = pa.Table.from_batches(islice(read_tables(path, columns, _TABLE_ROWS), _MOST_ROWS // _TABLE_ROWS))
    table = table.unify_dictionaries().combine_chunks()
    prefixes = _Prefixes(table["prefix_hashes"].combine_chunks()) if "prefix_hashes" in labels else None
    session = _labelled(table["session"].combine_chunks()) if "session" in labels else None
    root = session if session is not None else _roots(prefixes.parents()) if prefixes else np.empty(0, np.int64)
    system_tokens = prefixes.shared_blocks() * (info.block_tokens or 0) if prefixes else 0
    return _by_conversation(table, root, system_tokens)


def _by_conversation(table: pa.Table, root: Ints, system_tokens: int) -> RecordedSessions:
    """Rows ordered by conversation, then arrival."""
    arrival, prompt, output = (table[name].to_numpy().astype(np.int64) for name in table.column_names[:3])
    grain_ns = clock_grain_ns(arrival)
    if grain_ns:
        arrival += stream(0, "ties").integers(0, grain_ns, len(arrival))
    order = np.lexsort((np.arange(len(root)), root))
    arrival, prompt, output = arrival[order], prompt[order], output[order]
    begins = np.diff(root[order], prepend=-1) != 0
    text = np.roll(prompt + output, 1)  # of the turn before
    gap = np.maximum(np.diff(arrival, prepend=0), 0)
    count = np.diff(np.flatnonzero(begins), append=len(root))
    return RecordedSessions(
        count, np.where(begins, 0, gap), np.where(begins, prompt, prompt - text), output, system_tokens
    )


def _labelled(labels: pa.Array) -> Ints:
    """A number for each label; a request without one is a conversation of its own."""
    number = labels.indices.fill_null(-1).to_numpy().astype(np.int64)
    return np.where(number < 0, len(labels.dictionary) + np.arange(len(number)), number)


def _roots(parents: Ints) -> Ints:
    """The first request of each request's conversation."""
    root = np.where(parents < 0, np.arange(len(parents)), parents)
    while (root[root] != root).any():
        root = root[root]
    return root


class _Prefixes:
    """The prefix hashes of all requests, flat: one entry per block."""

    def __init__(self, lists: pa.Array) -> None:
        self._hash = lists.flatten().to_numpy()
        self._blocks = lists.value_lengths().fill_null(0).to_numpy().astype(np.int64)
        self._row = np.repeat(np.arange(len(self._blocks)), self._blocks)
        self._first = np.cumsum(self._blocks) - self._blocks

    def parents(self) -> Ints:
        """The request that each one continues; -1 for none."""
        holder = self._latest_holders()
        position = np.arange(len(self._hash)) - self._first[self._row]
        known = np.zeros(len(self._blocks), np.int64)  # leading blocks seen before
        np.maximum.at(known, self._row, np.where(holder >= 0, position + 1, 0))
        parent = np.full(len(known), -1)
        long = known > 1
        parent[long] = holder[self._first[long] + known[long] - 1]
        return np.where(self._blocks[parent] <= known + 1, parent, -1)

    def shared_blocks(self) -> int:
        """Leading blocks that at least half of the requests have in common."""
        shared = 0
        while True:
            heads = self._hash[self._first[self._blocks > shared] + shared]
            if len(heads) == 0 or np.unique(heads, return_counts=True)[1].max() < _SHARED * len(self._blocks):
                return shared
            shared += 1

    def _latest_holders(self) -> Ints:
        """The latest earlier request that has the same block; -1 for none."""
        order = np.argsort(self._hash, kind="stable")
        again = np.flatnonzero(np.diff(self._hash[order]) == 0)
        holder = np.full(len(self._hash), -1)
        holder[order[again + 1]] = self._row[order[again]]
        return holder


_SAMPLE = 4096
_LONGEST = 0.999
_LONGEST_PAUSE_NS = 10**17
"""Three years: no simulation lasts longer, and the sums of some tens of pauses stay within 64 bits."""
Scale = Callable[[Ints], tuple[float | Floats, float | Floats]]
"""Factors on the tokens of prompts and outputs of what starts at these times."""


@dataclass(frozen=True, slots=True)
class SessionTurns:
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
        """Start of each conversation."""
        return np.cumsum(self.count) - self.count

    def within(self, values: Ints) -> Ints:
        """The running sums of a value per turn, each conversation on its own."""
        total, first = np.cumsum(values), self.first()
        sums: Ints = total - np.repeat(total[first] - values[first], self.count)
        return sums


@dataclass(frozen=True, slots=True)
class Talk:
    """Sampler of conversations.

    Attributes:
        draw: the turns of so many conversations.
        mean: turns of a conversation.
        longest_ns: from the first turn to the last; one in a thousand takes longer.
    """

    draw: Callable[[int], SessionTurns]
    mean: float
    longest_ns: int


def talk(
    sessions: Sessions, pairs: Callable[[], Callable[[int], Pairs]], folder: Path, rng: np.random.Generator
) -> Talk:
    """Conversations as their description says; unless a trace is named, `pairs` gives what draws first prompts and
    outputs.
    """
    if sessions.trace is None:
        draw, mean = _invented(sessions, pairs(), rng), sessions.mean_turns
    else:
        known = recorded(inside(folder, sessions.trace))
        draw, mean = _resampled(known, rng), known.mean_turns
    sample = draw(_SAMPLE)
    longest = np.quantile(np.add.reduceat(sample.gap_ns.astype(np.float64), sample.first()), _LONGEST)
    return Talk(draw, mean, int(min(longest, 2.0**62)))


def _resampled(known: RecordedSessions, rng: np.random.Generator) -> Callable[[int], SessionTurns]:
    """Whole conversations of a trace, each as likely as any other."""
    first = np.cumsum(known.count) - known.count

    def draw(number: int) -> SessionTurns:
        chosen = rng.integers(0, len(known.count), number)
        count = known.count[chosen]
        rows = np.arange(count.sum()) + np.repeat(first[chosen] - (np.cumsum(count) - count), count)
        return SessionTurns(count, known.gap_ns[rows], known.new_tokens[rows], known.output_tokens[rows])

    return draw


def _invented(
    sessions: Sessions, pairs: Callable[[int], Pairs], rng: np.random.Generator
) -> Callable[[int], SessionTurns]:
    """Geometric numbers of turns, log-normal gaps and new tokens."""

    def draw(number: int) -> SessionTurns:
        count = rng.geometric(1 / sessions.mean_turns, number)
        first = np.cumsum(count) - count
        total = int(count.sum())
        prompt, output = pairs(total)
        new = np.rint(rng.lognormal(np.log(sessions.new_tokens_median), sessions.new_tokens_sigma, total))
        new = np.minimum(new, MAX_TOKENS).astype(np.int64)
        gap = rng.lognormal(np.log(sessions.think_median), sessions.think_sigma, total) * NS_PER_S
        gap_ns = np.minimum(gap, _LONGEST_PAUSE_NS).astype(np.int64)
        new[first] = np.maximum(prompt[first], sessions.system_tokens + 1)
        gap_ns[first] = 0
        return SessionTurns(count, gap_ns, new, output.astype(np.int64))

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


def _unfolded(
    start_ns: Ints, turns: SessionTurns, scale: tuple[float | Floats, float | Floats], number: int
) -> RequestBatch:
    """One request per turn: each prompt is the text so far and the new tokens."""
    by_prompt, by_output = (np.repeat(np.broadcast_to(factor, len(start_ns)), turns.count) for factor in scale)
    new = np.rint(turns.new_tokens * by_prompt).astype(np.int64)
    output = np.clip(np.rint(turns.output_tokens * by_output), 1, MAX_TOKENS).astype(np.int64)
    prompt = turns.within(new) + turns.within(output) - output
    return RequestBatch(
        np.repeat(start_ns, turns.count) + turns.within(turns.gap_ns),
        np.clip(prompt, 1, MAX_TOKENS).astype(np.int32),
        output.astype(np.int32),
        np.repeat(np.arange(number, number + len(start_ns)), turns.count),
    )
