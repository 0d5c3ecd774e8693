"""Parts as text for a terminal: the verdict first, then each part, in at most 100 columns."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from simcost.present.format import count, printable, shortened, told_apart
from simcost.present.parts import Part, Table
from simcost.units import Formatted

WIDTH = 100
_BAR = 30
_NARROW = 10
"""Columns of words are cut to no less."""


def text(document: Mapping[str, Any], parts: Sequence[Part]) -> str:
    """The parts that are no details under the verdict, and the files that were written."""
    files = Part(title="Files", said=document.get("files", ()))
    blocks = [folded(document.get("verdict", "")), *map(block, (*parts, files))]
    return "\n\n".join(filter(None, blocks))


def block(part: Part) -> str:
    """Table, sentences and sketch of a part under its title; nothing of one without them."""
    if part.detail:
        return ""
    dash = "- " if part.titled else ""
    rows = with_bars(part.rows, part.bar) if part.rows and part.bar else part.rows or []
    body = [*table(rows, left=part.left, most=part.most, width=None if part.whole else WIDTH)]
    body += [folded(f"{dash}{line}", "  ") for line in part.said]
    body += [part.sketch] if part.sketch else []
    return "\n".join([printable(part.title), *body] if part.titled and body else body)


def folded(line: str, further: str = "") -> str:
    """Printable text, broken where it is too long, but never before a per cent sign."""
    kept = printable(line).replace(" %", "\N{NO-BREAK SPACE}%")
    lines = wrap(kept, WIDTH, subsequent_indent=further, break_on_hyphens=False, break_long_words=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}%", " %")


def table(rows: Table, *, left: int = 1, most: int | None = None, width: int | None = WIDTH) -> Iterator[str]:
    """Aligned columns under a header and a rule.

    Args:
        rows: cells by the titles of their columns.
        left: leading columns of words, which are aligned left; the others are aligned right.
        most: rows, at most; a last line counts the others.
        width: of a line; the longest words are cut where it is too narrow. None = as wide as they are.
    """
    if not rows:
        return
    columns = [list(column) for column in zip(*(row.values() for row in rows[:most]), strict=True)]
    columns = [[printable(cell) for cell in told_apart(column)] for column in columns]
    widths = [max(map(len, (title, *column))) for title, column in zip(rows[0], columns, strict=True)]
    while width and sum(widths) + 2 * len(widths) - 2 > width and left and max(widths[:left]) > _NARROW:
        widths[widths.index(max(widths[:left]))] -= 1
    columns[:left] = [_cut(column, width) for column, width in zip(columns[:left], widths, strict=False)]
    cells = [list(rows[0]), ["-" * width for width in widths], *zip(*columns, strict=True)]
    yield from (_line(line, widths, left) for line in cells)
    if most is not None and len(rows) > most:
        yield f"... and {count(len(rows) - most)} more; all: --json"


def with_bars(rows: Table, column: str) -> Table:
    """The rows with a bar for each number of a column."""
    values = [max(cell.value, 0.0) if isinstance(cell := row[column], Formatted) else 0.0 for row in rows]
    most = max(values, default=0.0) or 1.0
    return [row | {"": f"{'#' * round(_BAR * value / most):<{_BAR}}"} for row, value in zip(rows, values, strict=True)]


def _cut(column: Sequence[str], width: int) -> list[str]:
    """Words that fit: their beginnings, or where these look the same what tells most of them apart: both ends of each,
    or the end alone.
    """
    begins, ends = ([shortened(cell, width, keep_end=end) for cell in column] for end in (False, True))
    return max((begins, [_both_ends(cell, width) for cell in column], ends), key=lambda cut: len(set(cut)))


def _both_ends(text: str, width: int) -> str:
    """A text that fits, without what is in the middle."""
    head = (width - 1) // 2
    return text if len(text) <= width else f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    aligned = (
        shortened(cell, width).ljust(width) if column < left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()
