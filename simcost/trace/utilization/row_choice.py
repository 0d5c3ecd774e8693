"""Rows of a monitoring export that are asked for: `--where gpu_model=H100`, by any column of text that is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simcost.errors import TraceError, did_you_mean
from simcost.tables.cells import Flags
from simcost.tables.typed import TypedTable
from simcost.trace.utilization.samples import METRIC, UTILISATION, Ints
from simcost.units import how_many

Conditions = Sequence[tuple[str, str]]
"""Columns, by our name or the file's, and a value: each must hold; several values of one column are alternatives."""
_SHOWN = 5


class RowChoice:
    """The rows of a file that are taken.

    Args:
        path: the file.
        where: conditions on its rows.
        theirs: ours -> the file's column, of all that are read.

    Raises:
        TraceError: a condition on a column that is not there, or holds no text.
    """

    def __init__(self, path: Path, where: Conditions, theirs: Mapping[str, str]) -> None:
        self._path = path
        self._wanted: dict[str, list[str]] = {}
        """By our column."""
        self._words: dict[str, dict[str, None]] = {}
        """Texts of the columns, for messages."""
        self.left_out = 0
        """Rows that are not taken."""
        text = {one.name for one in UTILISATION.columns if one.kind == "text" and one.name != METRIC} & set(theirs)
        ours_of = {theirs[ours].lower(): ours for ours in text} | {ours: ours for ours in text}
        for name, value in where:
            ours = ours_of.get(name.lower())
            if ours is None:
                known = sorted({theirs[one] for one in text})
                said = (
                    f"it may be one of {', '.join(known)}" if known else "the file has no column of text that is read"
                )
                raise TraceError(f"{path}: --where: no column {name!r}{did_you_mean(name, known)}; {said}")
            self._wanted.setdefault(ours, []).append(value)

    def rows(self, table: TypedTable) -> Ints:
        """The rows of a batch that are taken."""
        taken: Flags = np.ones(len(table), np.bool_)
        for ours, values in self._wanted.items():
            texts = [text.strip() for text in table.texts(ours)]
            self._words.setdefault(ours, {}).update(dict.fromkeys(texts))
            codes = table.codes.get(ours, np.zeros(len(table), np.int64))
            taken &= np.isin(texts, values)[codes]
        self.left_out += int((~taken).sum())
        return np.flatnonzero(taken)

    def check(self, read: int) -> None:
        """Raise TraceError where none of the rows read is taken."""
        if read and self.left_out == read:
            raise TraceError(f"{self._path}: no row with {self._said()}")

    def finding(self) -> list[tuple[str, int, str]]:
        """Kind, number and message of the rows that are not taken, if there are any."""
        if not self.left_out:
            return []
        asked = ", ".join(f"{ours}={' or '.join(values)}" for ours, values in self._wanted.items())
        text = f"{how_many(self.left_out, 'row is', 'rows are')} not of {asked}: left out, as --where asks"
        return [("not_taken", self.left_out, text)]

    def _said(self) -> str:
        """The conditions, and what the columns hold."""
        parts = []
        for ours, values in self._wanted.items():
            found = [repr(word) for word in self._words[ours]]
            more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
            parts.append(f"{ours}={' or '.join(values)}; the file has {', '.join(found[:_SHOWN])}{more}")
        return "; and ".join(parts)
