"""Rows of a file that are asked for: `--where model=llama`, by any of its columns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError, columns_said, did_you_mean
from simcost.tables.cells import Flags, as_text
from simcost.tables.sources import Chunk, row_of
from simcost.units import how_many

Conditions = Sequence[tuple[str, str]]
"""Columns, by the file's name or ours, and a value: each must hold; several values of one column are alternatives."""

NOT_TAKEN = "not_taken"
"""Kind of the finding on rows that were not asked for."""
_PREFIX = "where "
_COUNTED = 1000  # distinct values
_SHOWN = 5


@dataclass(slots=True)
class RowFilter:
    """Conditions on the rows of one file.

    Attributes:
        conditions: columns and values, as the file writes them.
        wanted: column -> its values.
        seen: column -> how often each of its values occurs, for messages.
        left_out: rows so far that were not asked for.
    """

    conditions: Conditions = ()
    wanted: dict[str, list[str]] = field(init=False)
    seen: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: int = 0

    def __post_init__(self) -> None:
        self.wanted = {}
        for name, value in self.conditions:
            self.wanted.setdefault(name, []).append(value)

    def columns(self, theirs: Mapping[str, str], present: Sequence[str], place: str) -> dict[str, str]:
        """Keys of a chunk -> the file's columns; a column of the file goes before one of ours with its name.

        Raises:
            TraceError: the file has no such column.
        """
        others = {name.lower(): name for name in present} | dict(theirs)
        found = {
            name: name if name in present else others.get(name) or others.get(name.lower()) for name in self.wanted
        }
        missing = [
            f"--where: no column {name!r}{did_you_mean(name, present)}"
            for name, there in found.items()
            if there is None
        ]
        if missing:
            raise TraceError(f"{place}: {'; '.join(missing)}; {columns_said(present)}")
        return {_PREFIX + name: there for name, there in found.items() if there is not None}

    def rows(self, columns: Mapping[str, pa.Array], count: int) -> Flags:
        """Rows for which all conditions hold; the others are counted."""
        selected = np.ones(count, bool)
        for name, values in self.wanted.items():
            text = pc.utf8_trim_whitespace(as_text(columns[_PREFIX + name]))
            seen = self.seen.setdefault(name, Counter())
            if len(seen) < _COUNTED:
                seen.update({item["values"]: item["counts"] for item in text.value_counts().to_pylist()})
            hits = pc.is_in(text, pa.array(list(values), text.type)).to_numpy(zero_copy_only=False)
            selected &= hits.astype(bool)
        self.left_out += count - int(selected.sum())
        return selected

    def taken(self, chunk: Chunk) -> Chunk:
        """The rows of a chunk for which all conditions hold, without the columns that only these need."""
        if not self.wanted or not chunk.columns:
            return chunk
        at = np.flatnonzero(self.rows(chunk.columns, len(next(iter(chunk.columns.values())))))
        columns = {
            name: column.take(pa.array(at)) for name, column in chunk.columns.items() if not name.startswith(_PREFIX)
        }
        return replace(chunk, columns=columns, place=partial(row_of, chunk.place, at))

    def finding(self) -> list[tuple[str, int, str]]:
        """Kind, number and message of the rows that were not asked for, if there are any."""
        if not self.left_out:
            return []
        asked = ", ".join(f"{name}={' or '.join(values)}" for name, values in self.wanted.items())
        text = f"{how_many(self.left_out, 'row is', 'rows are')} not of {asked}: left out, as --where asks"
        return [(NOT_TAKEN, self.left_out, text)]

    def explanation(self) -> str:
        """Wanted and present values, where no row was asked for."""
        parts = []
        for name, values in self.wanted.items():
            seen = self.seen.get(name, Counter())
            shown = ", ".join(f"{value!r} ({count:,})" for value, count in seen.most_common(_SHOWN))
            more = f" and {len(seen) - _SHOWN:,} more" if len(seen) > _SHOWN else ""
            parts.append(f"{name}={' or '.join(values)}; the file has {shown or 'no value'}{more}")
        return "no row with " + "; and ".join(parts)
