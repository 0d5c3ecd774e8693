"""Rows of a log that are asked for: `--where model=llama`, by any column of the log."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError, columns_said, did_you_mean
from simcost.tables.cells import Flags, as_text

_PREFIX = "where "
_COUNTED = 1000  # distinct values


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Conditions on columns: each must hold; several values of one column are alternatives.

    Attributes:
        wanted: column -> its values, as the log writes them.
        seen: column -> how often each of its values occurs, for messages.
    """

    wanted: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seen: dict[str, Counter[str]] = field(default_factory=dict)

    def columns(self, theirs: Mapping[str, str], present: Sequence[str], place: str) -> dict[str, str]:
        """Keys of a chunk -> the log's columns; a column of the log goes before one of ours with its name.

        Raises:
            TraceError: the log has no such column.
        """
        found = {name: name if name in present else theirs.get(name) for name in self.wanted}
        missing = [
            f"--where: no column {name!r}{did_you_mean(name, present)}"
            for name, there in found.items()
            if there is None
        ]
        if missing:
            raise TraceError(f"{place}: {'; '.join(missing)}; {columns_said(present)}")
        return {_PREFIX + name: there for name, there in found.items() if there is not None}

    def rows(self, columns: Mapping[str, pa.Array], count: int) -> Flags:
        """Rows for which all conditions hold."""
        selected = np.ones(count, bool)
        for name, values in self.wanted.items():
            text = pc.utf8_trim_whitespace(as_text(columns[_PREFIX + name]))
            seen = self.seen.setdefault(name, Counter())
            if len(seen) < _COUNTED:
                seen.update({item["values"]: item["counts"] for item in text.value_counts().to_pylist()})
            hits = pc.is_in(text, pa.array(list(values), text.type)).to_numpy(zero_copy_only=False)
            selected &= hits.astype(bool)
        return selected

    def explanation(self) -> str:
        """Wanted and present values, where no row was selected."""
        parts = []
        for name, values in self.wanted.items():
            common = self.seen.get(name, Counter()).most_common(5)
            shown = ", ".join(f"{value!r} ({count:,})" for value, count in common)
            parts.append(f"{name}={' or '.join(values)}; the log has {shown or 'no value'}")
        return "no row with " + "; and ".join(parts)
