"""Conversations found in a trace: by its session labels, or by the prefixes that its prompts share.

A request continues the latest request that holds its longest known prefix of more than one block, if that prefix
covers the whole prompt of that request to within one block.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from simcost.errors import TraceError
from simcost.rng import stream
from simcost.trace.requests.batch import Ints
from simcost.trace.requests.store import open_trace, read_tables
from simcost.trace.synthesis.time_rescaling import clock_grain_ns

_MOST_ROWS = 131_072
_TABLE_ROWS = 32_768
_SHARED = 0.5


@dataclass(frozen=True, slots=True)
class Recorded:
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


def recorded(path: Path) -> Recorded:
    """The conversations of a trace; of a long one, of its first 131,072 requests.

    Raises:
        TraceError: it cannot be read, or has neither `session` nor `prefix_hashes`.
    """
    return _recorded(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=4)
def _recorded(path: Path, changed_ns: int) -> Recorded:  # noqa: ARG001  # part of the key
    info = open_trace(path)
    labels = [name for name in ("session", "prefix_hashes") if name in info.columns]
    if not labels:
        raise TraceError(f"{path}: has neither session nor prefix_hashes, so its conversations are unknown; "
                         "give `mean_turns` and the other fields instead of `trace`")  # fmt: skip
    columns = ["arrival_ns", "prompt_tokens", "output_tokens", *labels]
    table = pa.Table.from_batches(islice(read_tables(path, columns, _TABLE_ROWS), _MOST_ROWS // _TABLE_ROWS))
    table = table.unify_dictionaries().combine_chunks()
    prefixes = _Prefixes(table["prefix_hashes"].combine_chunks()) if "prefix_hashes" in labels else None
    session = _labelled(table["session"].combine_chunks()) if "session" in labels else None
    root = (
        session if session is not None else _roots(prefixes.parents()) if prefixes else np.empty(0, np.int64)
    )
    system_tokens = prefixes.shared_blocks() * (info.block_tokens or 0) if prefixes else 0
    return _by_conversation(table, root, system_tokens)


def _by_conversation(table: pa.Table, root: Ints, system_tokens: int) -> Recorded:
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
    return Recorded(
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
