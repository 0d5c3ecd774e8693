"""Numbers with a decimal comma or with marks between thousands, where these are declared."""

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError

_DOUBTFUL = r"^\s*[-+]?[1-9]\d{0,2}\.000\s*$"
_MARKED = re.compile(r"\s*[-+]?\d{1,3}((\.\d{3})+|[\d.]*[,'\s][\d.,'\s]*\d)\s*")
_COMMAS = r"\s*[-+]?\d{1,3}(,\d{3})+(\.\d+)?\s*"
_SPACES = "[ \u00a0\u202f]"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberMarks:
    """Marks of the numbers of a log; None = not declared."""

    decimal: str | None = None
    thousands: str | None = None

    def __post_init__(self) -> None:
        if self.thousands is not None and self.thousands == self.decimal:
            raise TraceError(f"{self.thousands!r} is both --thousands and --decimal; pass two different marks")

    def plain(self, text: pa.Array) -> pa.Array:
        """Whole numbers as digits alone; null what is not written with these marks, or can be read in two ways."""
        if self.decimal is None and self.thousands is None:
            doubtful = pc.match_substring_regex(text, _DOUBTFUL)
            return pc.if_else(doubtful, pa.scalar(None, text.type), text)
        return self._bare(text)

    def real(self, text: pa.Array) -> pa.Array:
        """Numbers that may have a fraction, with a decimal point alone; null what is not written with these marks."""
        return text if self.decimal is None and self.thousands is None else self._bare(text)

    def _bare(self, text: pa.Array) -> pa.Array:
        """Numbers without marks between thousands and with a decimal point."""
        decimal = self.decimal or ("," if self.thousands == "." else ".")
        point, group = re.escape(decimal), self._group()
        whole = rf"\d{{1,3}}({group}\d{{3}})+|\d+" if group else r"\d+"
        right = pc.match_substring_regex(text, rf"^\s*[-+]?({whole})({point}\d*)?([eE][-+]?\d+)?\s*$")
        bare = pc.replace_substring_regex(text, group, "") if group else text
        return pc.if_else(right, pc.replace_substring(bare, decimal, "."), pa.scalar(None, text.type))

    def times(self, text: pa.Array) -> pa.Array:
        """Times with a point before the fraction of a second."""
        if self.decimal != ",":
            return text
        return pc.replace_substring_regex(text, r"(\d),(\d)", r"\1.\2")

    def hint(self, cell: str) -> str:
        """Words to append to a message about a cell that holds marks."""
        if self.decimal is None and re.match(_DOUBTFUL, cell):
            return f" may be {cell.strip()[:-4]} or {cell.strip().replace('.', ',')}; pass --decimal . or --thousands ."
        if _MARKED.fullmatch(cell):
            if self.decimal is None and self.thousands is None and re.fullmatch(_COMMAS, cell):
                return " has a comma in the number; pass --thousands , if it marks thousands, else --decimal ,"
            return " has marks in the number; pass --thousands and --decimal, e.g. --decimal , --thousands ."
        return ""

    def _group(self) -> str:
        if self.thousands is None:
            return ""
        return _SPACES if self.thousands in (" ", "\u00a0", "\u202f") else re.escape(self.thousands)
