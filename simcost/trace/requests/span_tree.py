"""Trees of spans: an LLM call that holds another one repeats its tokens, so only the innermost calls count.

The rule is the same for LangSmith, Langfuse and OpenTelemetry: a row counts if it is an LLM call with token counts and
no row below it is one. It depends neither on the order of the rows nor on how they are split over files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags, as_text, decoded, empty

Keys = npt.NDArray[np.int64]
_BEFORE = "tree "
"""Before the keys of a chunk that are columns of a tree."""
_ID_LETTERS = 36
"""Length of a UUID, which ends each part of a path."""


_IDS = (
    ("spanId", "parentSpanId"),
    ("span_id", "parent_span_id"),
    ("context.span_id", "parent_id"),
    ("run_id", "parent_run_id"),
    ("id", "parent_run_id"),
    ("id", "parentObservationId"),
    ("id", "parent_observation_id"),
    ("id", "dotted_order"),
)
"""Columns of the ids of a row and of the row above it, by tool: the first pair that is there is taken."""
_TRACES = ("traceId", "trace_id", "context.trace_id")
_PATH = "dotted_order"
"""Ids of all rows above, each after a time: `20260302T090000000000ZUUID.20260302T090001000000ZUUID`."""


def tree_columns(present: Sequence[str]) -> dict[str, str]:
    """Keys of a chunk -> the columns that say where a row stands in its tree; {} if the log has none.

    Ids of OpenTelemetry and Langfuse are unique within a trace. Those of LangSmith are unique everywhere.
    """
    pair = next((pair for pair in _IDS if {*pair} <= {*present}), None)
    if pair is None:
        return {}
    found = {"id": pair[0]}
    if pair[1] != _PATH:
        found["parent"] = pair[1]
    if _PATH in present:
        found["path"] = _PATH
    trace = next((name for name in _TRACES if name in present), None)
    if trace is not None and pair[1] not in ("parent_run_id", _PATH):
        found["trace"] = trace
    return {_BEFORE + part: name for part, name in found.items()}


@dataclass(slots=True)
class SpanTree:
    """The trees of all files of an import, read before their rows are counted.

    Keeps 16 bytes for each row that has a parent; rows without one need none.
    """

    _ids: list[Keys] = field(default_factory=list)
    _parents: list[Keys] = field(default_factory=list)
    _holders: list[Keys] = field(default_factory=list)
    """Ids of rows that hold an LLM call, as far as the calls themselves say."""
    _sorted: Keys = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, columns: Mapping[str, pa.Array], calls: Flags) -> None:
        """Take rows whose `calls` say which are LLM calls with token counts."""
        if f"{_BEFORE}id" not in columns:
            return
        ids = _keys(columns, "id")
        if f"{_BEFORE}parent" in columns:
            child = ~empty(decoded(columns[f"{_BEFORE}parent"]), words=True)
            parents = _keys(columns, "parent")
            child &= ids != parents
            self._ids.append(ids[child])
            self._parents.append(parents[child])
            self._holders.append(np.unique(parents[child & calls]))
        if f"{_BEFORE}path" in columns:
            self._holders.append(_above(columns[f"{_BEFORE}path"].filter(pa.array(calls))))

    def close(self) -> None:
        """Find all rows that hold an LLM call, going up level by level."""
        if not self._holders:
            return
        ids, parents = np.concatenate([*self._ids, _NONE]), np.concatenate([*self._parents, _NONE])
        order = np.argsort(ids, kind="stable")
        ids, parents = ids[order], parents[order]
        found = new = np.unique(np.concatenate(self._holders))
        while len(new):
            first, last = np.searchsorted(ids, new, "left"), np.searchsorted(ids, new, "right")
            above = np.unique(parents[_ranges(first, last)])
            new = above[~np.isin(above, found)]
            found = np.union1d(found, new)
        self._sorted = found
        self._ids, self._parents, self._holders = [], [], []

    def holders(self, columns: Mapping[str, pa.Array]) -> Flags | None:
        """True of the rows that hold an LLM call; None where the log has no tree."""
        if f"{_BEFORE}id" not in columns or not len(self._sorted):
            return None
        ids = _keys(columns, "id")
        at = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        there: Flags = (self._sorted[at] == ids) & ~empty(decoded(columns[f"{_BEFORE}id"]), words=True)
        return there


_NONE = np.empty(0, np.int64)


def _ranges(first: Keys, last: Keys) -> Keys:
    """The indices of all ranges, one after the other."""
    lengths = last - first
    return np.repeat(first - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths) + np.arange(lengths.sum())


def _keys(columns: Mapping[str, pa.Array], part: str) -> Keys:
    """A number for each id within its trace."""
    text = pc.fill_null(as_text(decoded(columns[_BEFORE + part])), "")
    if f"{_BEFORE}trace" in columns:
        trace = pc.fill_null(as_text(decoded(columns[f"{_BEFORE}trace"])), "")
        text = pc.binary_join_element_wise(trace, text, "\0")
    return np.fromiter(map(hash, text.to_pylist()), np.int64, len(text))


def _above(paths: pa.Array) -> Keys:
    """The ids above each row by its path."""
    found = {
        part[-_ID_LETTERS:] for path in as_text(decoded(paths)).to_pylist() if path for part in path.split(".")[:-1]
    }
    return np.fromiter(map(hash, found), np.int64, len(found))
