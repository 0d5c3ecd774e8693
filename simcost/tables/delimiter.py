"""The character between the cells of a CSV file: comma, semicolon or tab, as its first lines show."""

import csv
import io
import re

from simcost.tables.encoding import without_mark

_NAMES = {",": ",", ";": ";", "\t": "tab"}
_ROWS = 20


class AmbiguousDelimiterError(csv.Error):
    """Several characters may be the delimiter.

    Attributes:
        names: of the characters.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(
            f"its header has {' and '.join(names)}, and either may stand between the cells; put names that hold one "
            "into double quotes, or rename them"
        )


def delimiter_of(head: bytes) -> str:
    r"""The delimiter, by the first bytes of a file.

    It is the one of comma, semicolon and tab that the header has outside quotes. Where that has several, it is the one
    that splits all of the first rows into as many cells as the header. A header of one name has commas.

    Raises:
        AmbiguousDelimiterError: several split the rows alike, or none does.

    >>> delimiter_of(b"timestamp;usage, h;cost\n2026-01-05;8;1,5\n2026-01-06;8;2\n")
    ';'
    """
    text = without_mark(head).decode("utf-8", "replace").lstrip("\r\n")
    first, *_ = re.sub(r'"[^"]*"', "", text).splitlines() or [""]
    there = [mark for mark in _NAMES if mark in first]
    if len(there) > 1:
        there = [mark for mark in there if _even(text, mark)] or there
    if len(there) > 1:
        raise AmbiguousDelimiterError([_NAMES[mark] for mark in there])
    return there[0] if there else ","


def _even(text: str, mark: str) -> bool:
    """True if the first rows have as many cells as the header; the last line may be cut off."""
    whole = text[: text.rfind("\n") + 1] or text
    reader = csv.reader(io.StringIO(whole, newline=""), delimiter=mark)
    try:
        rows = [cells for _, cells in zip(range(_ROWS), reader, strict=False) if cells]
    except csv.Error:
        return False
    return len(rows) > 1 and len({len(cells) for cells in rows}) == 1
