"""Records of delimited text, block by block: lines that are not records are set aside before a parser sees them.

A quoted cell may span lines. It is one cell only if it closes before a separator or the end of a line, its record
has as many cells as the header, and the lines it joins are not rows of their own. Otherwise its quote was never
closed: the line where it opens is set aside, and reading goes on with the next line.
"""

import csv
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from simcost.tables.encoding import is_utf8, not_text, not_utf8, without_mark
from simcost.units import plural

BLOCK_BYTES = 2_097_152
_LONGEST_LINE = 16 * BLOCK_BYTES
_LONGEST_CELL = BLOCK_BYTES // 2
_SHOWN = 40
_ALIKE = 0.7
"""Share of the cells of two rows that are of the same kind."""
_CLOSING = re.compile(rb'(?:[^"]|"")*+"')
_NUMBER = re.compile(r"(?=.*\d)[-+\d\s.:/%TZeE]+")
"""Numbers and times."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is not a record.

    Attributes:
        row: its number among the rows after the header, from 1.
        line: its line in the file, from 1.
        reason: what is wrong with it, and what to do.
    """

    row: int
    line: int
    reason: str

    @property
    def place(self) -> str:
        """The place for messages, e.g. `row 17 (line 18)`."""
        return placed(self.row, self.line)


def placed(row: int, line: int) -> str:
    """The place of a row for messages."""
    return f"row {row} (line {line})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDialect:
    """Dialect of the text.

    Attributes:
        delimiter: one character between cells.
        quoted: whether cells may stand in double quotes.
        names: of the columns, for messages; their number is that of the cells of a record.
        read: indices of the columns whose bytes must be UTF-8.
    """

    delimiter: str
    quoted: bool
    names: Sequence[str]
    read: Sequence[int]


@dataclass(slots=True, kw_only=True)
class RecordBlock:
    """Records of one part of the text.

    Attributes:
        data: their bytes; every record closes its quotes, and the cells that are read are UTF-8.
        count: how many records.
        malformed: lines set aside.
        row: number of the first row of the block.
        line: its line.
        numbers: row and line of each record; None where they follow each other.
    """

    data: bytes
    count: int
    row: int
    line: int
    malformed: list[Malformed] = field(default_factory=list)
    numbers: list[tuple[int, int]] | None = None

    def number(self, i: int) -> tuple[int, int]:
        """Row and line of the i-th record."""
        return (self.row + i, self.line + i) if self.numbers is None else self.numbers[i]

    def placer(self, aside: Sequence[int] = ()) -> Callable[[int], str]:
        """The place of the i-th record that is left when those at the indices `aside`, in order, are taken out."""
        before = [index - i for i, index in enumerate(aside)]
        return partial(_place, self.row, self.line, self.numbers, before)


def _place(row: int, line: int, numbers: Sequence[tuple[int, int]] | None, before: Sequence[int], i: int) -> str:
    """The place of the i-th record; it does not hold the bytes of its block."""
    i += bisect_right(before, i)
    return placed(row + i, line + i) if numbers is None else placed(*numbers[i])


def count_lines(data: bytes) -> int:
    """The number of lines; the last may lack its end."""
    ends = data.count(b"\n")
    if b"\r" in data:
        ends += data.count(b"\r") - data.count(b"\r\n")
    return ends + (len(data) > 0 and data[-1:] not in (b"\n", b"\r"))


def cells_of(record: str, layout: TextDialect) -> list[str]:
    """The cells of one record. Raises csv.Error for cells that are too long."""
    quoting: Any = csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE
    return next(csv.reader([record], delimiter=layout.delimiter, quoting=quoting), [])


def read_header(head: bytes, delimiter: str, *, quoted: bool) -> tuple[list[str], bytes]:
    """The names of the columns, and the bytes of the lines they stand on.

    Args:
        head: the first bytes of the file.
        delimiter: one character between cells.
        quoted: whether names may stand in double quotes.

    Raises:
        csv.Error: it is not text in UTF-8, or a quote is not closed.
    """
    if said := not_text(head):
        raise csv.Error(said)
    lines = without_mark(head).splitlines(keepends=True)
    if not lines:
        return [], b""
    layout = TextDialect(delimiter=delimiter, quoted=quoted, names=(), read=())
    splitter = _Splitter(layout)
    lines_taken, said = splitter.span(lines, 0, final=True, header=True)
    if said:
        raise csv.Error(f"line 1: {said}")
    header = b"".join(lines[:lines_taken])
    if not is_utf8(header):
        raise csv.Error(f"line 1: {not_utf8(header)}")
    mark = head[: len(head) - len(without_mark(head))]
    try:
        return cells_of(header.decode("utf-8").rstrip("\r\n"), layout), mark + header
    except csv.Error as error:
        raise csv.Error(f"line 1: {error}; is it a table whose first line names its columns?") from error


def read_blocks(stream: Any, layout: TextDialect, *, begun: bytes = b"", line: int = 2) -> Iterator[RecordBlock]:
    """The records after the header.

    Args:
        stream: binary file.
        layout: how it is written.
        begun: bytes after the header that were read already.
        line: number of the first line after the header.

    Raises:
        csv.Error: a line is longer than this program reads.
    """
    splitter = _Splitter(layout)
    row, rest, final = 1, begun, False
    while not final:
        fresh = stream.read(BLOCK_BYTES)
        final = not fresh
        data = rest + fresh
        whole = len(data) if final else _last_end(data)
        if whole == 0 and len(data) > _LONGEST_LINE:
            raise csv.Error(
                f"line {line} is longer than {_LONGEST_LINE >> 20} MiB; is it a table? "
                "leave texts of prompts out of the export"
            )
        block, used, lines = splitter.block(data[:whole], row, line, final=final)
        rest = data[used:]
        row += block.count + len(block.malformed)
        line += lines
        if block.count or block.malformed:
            yield block


def _last_end(data: bytes) -> int:
    """End of the last whole line; a carriage return that is the last byte may be half of a line end."""
    return data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, max(len(data) - 1, 0)) + 1


@dataclass(frozen=True, slots=True)
class _Scan:
    """The cells of a line.

    Attributes:
        cells: how many are on the line, the open one included.
        opened: offset of the quote that is still open at its end, or -1.
        whole: whether each quote opens or closes a cell.
    """

    cells: int
    opened: int
    whole: bool


@cache
def _plain_lines(mark: bytes) -> re.Pattern[bytes]:
    """Lines in which each quote opens or closes a cell, or is one of two within it; without backtracking."""
    before, after = rb"(?:(?<=[\r\n%b])|\A)" % re.escape(mark), rb"(?=[\r\n%b]|\Z)" % re.escape(mark)
    cell = before + rb'"[^"\r\n]*+(?:""[^"\r\n]*+)*+"' + after
    return re.compile(rb'(?:[^"]++|' + cell + rb")*+")


class _Splitter:
    """Records and malformed lines of blocks."""

    def __init__(self, layout: TextDialect) -> None:
        self._layout = layout
        self._mark = layout.delimiter.encode()
        self._plain_lines = _plain_lines(self._mark)
        self._usual = b""  # the last row that stands on one line and is not blank

    def block(self, data: bytes, row: int, line: int, *, final: bool) -> tuple[RecordBlock, int, int]:
        """The records of whole lines, the bytes and the lines that they and the malformed ones take.

        A record whose quote is still open at the end is left for the next block.
        """
        if self._plain(data):
            count = count_lines(data)
            rows = data.rstrip()
            self._usual = rows[max(rows.rfind(b"\n"), rows.rfind(b"\r")) + 1 :] or self._usual
            return RecordBlock(data=data, count=count, row=row, line=line), len(data), count
        lines = data.splitlines(keepends=True)
        kept: list[bytes] = []
        numbers: list[tuple[int, int]] = []
        malformed: list[Malformed] = []
        at, text = 0, is_utf8(data)
        while at < len(lines):
            taken, wrong = self.span(lines, at, final=final)
            if not taken:
                break
            record = lines[at] if taken == 1 else b"".join(lines[at : at + taken])
            wrong = wrong or ("" if text else self._undecodable(record))
            if wrong:
                malformed.append(Malformed(row, line + at, wrong))
            else:
                kept.append(record[:-1] + b"\n" if record.endswith(b"\r") else record)  # else "\r" and "\n" may join
                self._usual = record if taken == 1 and record.strip() else self._usual
                numbers.append((row, line + at))
            row, at = row + 1, at + taken
        block = RecordBlock(
            data=b"".join(kept), count=len(kept), row=row, line=line, malformed=malformed, numbers=numbers
        )
        return block, sum(map(len, lines[:at])), at

    def _plain(self, data: bytes) -> bool:
        """True if each line is a record whose quotes open and close cells, in UTF-8."""
        if not is_utf8(data):
            return False
        if not self._layout.quoted or b'"' not in data:
            return True
        return self._plain_lines.fullmatch(data) is not None

    def span(self, lines: Sequence[bytes], at: int, *, final: bool, header: bool = False) -> tuple[int, str]:
        """Number of lines of the record at a line, and its fault.

        Returns 0 lines where the record goes on behind the lines at hand, unless these are the `final` ones. Of a
        malformed record only its first line is taken. The `header` may have any number of cells.
        """
        if not self._layout.quoted or b'"' not in lines[at]:
            return 1, ""
        scan = first = self._scan(lines[at], inside=False)
        cells, size, end = scan.cells, len(lines[at]), at
        while scan.opened >= 0 and scan.whole:
            end += 1
            size += len(lines[end]) if end < len(lines) else 0
            if end == len(lines) and not final and size < _LONGEST_CELL:
                return 0, ""
            if end == len(lines) or size >= _LONGEST_CELL:
                return 1, self._unclosed(first, lines[at])
            scan = self._scan(lines[end], inside=True)
            cells += scan.cells - 1
        wanted = cells if header else len(self._layout.names)
        if end > at and (not scan.whole or cells != wanted or self._hold_row(lines, at, end, wanted, header=header)):
            return 1, self._unclosed(first, lines[at])
        return (end - at + 1, "") if scan.opened < 0 else (1, self._unclosed(first, lines[at]))

    def _scan(self, line: bytes, *, inside: bool) -> _Scan:
        """The cells of a line that begins between cells, or inside one."""
        text = line.rstrip(b"\r\n")
        at, cells, whole = 0, 1, True
        while True:
            if inside or text[at : at + 1] == b'"':
                close = _CLOSING.match(text, at if inside else at + 1)
                if close is None:
                    return _Scan(cells, at, whole)
                at, inside = close.end(), False
                whole &= at == len(text) or text.startswith(self._mark, at)
            end = text.find(self._mark, at)
            whole &= b'"' not in (text[at:] if end < 0 else text[at:end])
            if end < 0:
                return _Scan(cells, -1, whole)
            at, cells = end + 1, cells + 1

    def _hold_row(self, lines: Sequence[bytes], at: int, end: int, wanted: int, *, header: bool) -> bool:
        """True if a line that is joined to the one before is a row: as many cells, of the kinds of other rows."""
        alone = [self._alone(line) for line in lines[at + 1 : end + 1]]
        if header:
            widths = {wanted, *(len(self._alone(line)) for line in lines[end + 1 : end + 2])} - {1}
            return any(len(cells) in widths for cells in alone)
        joined = [cells for cells in alone if len(cells) == wanted > 1]
        others = [self._usual, *lines[end + 1 : end + 2]]
        others += [lines[at]] if self._usual == b"" else []
        rows = [cells for line in others if len(cells := self._alone(line)) == wanted]
        return any(_alike(one, row) for one in joined for row in rows)

    def _alone(self, line: bytes) -> list[str]:
        """The cells of a line read by itself, a quote that stays open taken as text."""
        scan = self._scan(line, inside=False)
        text = line.rstrip(b"\r\n").decode("latin-1")
        if scan.opened < 0:
            return cells_of(text, self._layout)
        before = cells_of(text[: scan.opened], self._layout)[:-1] if scan.opened else []
        return before + text[scan.opened + 1 :].split(self._layout.delimiter)

    def _unclosed(self, scan: _Scan, line: bytes) -> str:
        names, column = self._layout.names, scan.cells - 1
        name = f"{names[column]}: " if column < len(names) else ""
        shown = line.rstrip(b"\r\n")[scan.opened :][:_SHOWN].decode("utf-8", "backslashreplace")
        return f"{name}the quote that opens here is never closed: {shown!r}; close it, or remove it"

    def _undecodable(self, record: bytes) -> str:
        """Fault of a record whose bytes may not be UTF-8; empty if its cells that are read are."""
        if is_utf8(record):
            return ""
        names = self._layout.names
        try:
            cells = cells_of(record.rstrip(b"\r\n").decode("latin-1"), self._layout)
        except csv.Error as error:
            return f"{error}; {not_utf8(record.rstrip())}"
        if len(cells) != len(names):
            return f"{wrong_count(len(cells), len(names))}; {not_utf8(record.rstrip())}"
        for i in self._layout.read:
            if not is_utf8(cell := cells[i].encode("latin-1")):
                return f"{names[i]}: {not_utf8(cell)}"
        return ""


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """True if two rows have numbers and times in the same columns, or nearly so."""
    same = [
        bool(a) == bool(b) and bool(_NUMBER.fullmatch(a)) == bool(_NUMBER.fullmatch(b))
        for a, b in zip(one, other, strict=True)
        if a or b
    ]
    numbers = any(_NUMBER.fullmatch(a) and _NUMBER.fullmatch(b) for a, b in zip(one, other, strict=True))
    return numbers and sum(same) >= _ALIKE * len(same)


def wrong_count(cells: int, columns: int) -> str:
    """Message for a record that has not as many cells as the header."""
    return f"{plural(cells, 'value')}, but the header has {plural(columns, 'column')}"
