"""Parts in a terminal of a person: as wide as its window, met and missed in colour, provenance dimmed."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from simcost.present.format import count, printable, told_apart
from simcost.present.parts import Part, Table
from simcost.present.terminal import with_bars

_WIDEST, _ANY_WIDTH = 120, 10_000
_PAGE = 30
"""Rows that one sees at once."""
_STYLES = {"met": "green", "missed": "red"}
"""By the first word of a cell. The word says it too: colour alone says nothing."""
_DIM = ("Assumptions", "Files")
_NARROW = 10
"""Columns of words fold to no less."""


def show(document: Mapping[str, Any], parts: Sequence[Part], console: Console) -> None:
    """Print the verdict, the parts that are no details, and the files that were written.

    Colours follow the console: it has none where `NO_COLOR` is set or the terminal is dumb.
    """
    console.width = min(console.width, _WIDEST)
    if verdict := document.get("verdict", ""):
        console.print(Text(printable(verdict), style="bold"))
    for part in (*parts, Part(title="Files", said=document.get("files", ()))):
        if part.detail or not (part.rows or part.said or part.sketch):
            continue
        console.print()
        if part.titled and part.title:
            console.print(Text(printable(part.title), style="bold cyan"))
        if part.rows:
            rows = with_bars(part.rows, part.bar) if part.bar else part.rows
            for some in _blocks(rows[: part.most], console, left=part.left, whole=part.whole):
                table = _table(some, left=part.left, whole=part.whole)
                console.print(table, width=max(console.width, _least_width(table, console)), crop=False)
            if part.most is not None and len(rows) > part.most:
                console.print(f"... and {count(len(rows) - part.most)} more; all: --json")
        style = "dim" if part.title in _DIM else None
        for line in map(Text, map(printable, part.said)):
            console.print(_bullet(line) if part.titled else line, style=style)
        if part.sketch:
            console.print(Text(part.sketch))


def _bullet(text: Text) -> RichTable:
    item = RichTable.grid(padding=(0, 1, 0, 0))
    item.add_row(Text("-"), text)
    return item


def _blocks(rows: Table, console: Console, *, left: int, whole: bool) -> list[Table]:
    """The rows; where the window is too narrow their columns one block below the other, each with the columns left.

    Rows of more than a page stay whole: their second block would be far from the first.
    """
    names = list(rows[0])
    if len(rows) > _PAGE:
        return [rows]
    blocks = [names[: left + 1]]
    for name in names[left + 1 :]:
        wider = _chosen(rows, [*blocks[-1], name])
        if _least_width(_table(wider, left=left, whole=whole), console) <= console.width:
            blocks[-1].append(name)
        else:
            blocks.append([*names[:left], name])
    return [_chosen(rows, block) for block in blocks]


def _least_width(table: RichTable, console: Console) -> int:
    """Characters that a table takes at least, also where that is more than the window has."""
    return console.measure(table, options=console.options.update(max_width=_ANY_WIDTH)).minimum


def _chosen(rows: Table, names: Sequence[str]) -> Table:
    """Some columns of the rows."""
    return [{name: row[name] for name in names} for row in rows]


def _table(rows: Table, *, left: int, whole: bool) -> RichTable:
    """Aligned columns under a header; words fold where the window is too narrow."""
    columns = [told_apart(column) for column in zip(*(row.values() for row in rows), strict=True)]
    table = RichTable(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for i, (title, column) in enumerate(zip(rows[0], columns, strict=True)):
        words = i < left
        longest = max(len(title), *(len(printable(cell)) for cell in column))
        table.add_column(
            Text(title),
            justify="left" if words else "right",
            min_width=min(longest, _NARROW) if words and not whole else longest,
            overflow="fold",
        )
    for row in zip(*columns, strict=True):
        cells = [printable(cell) for cell in row]
        won = any(cell.endswith(" *") for cell in cells)
        table.add_row(*(Text(cell, style=_style(cell)) for cell in cells), style="bold" if won else None)
    return table


def _style(cell: str) -> str:
    return _STYLES.get(cell.partition(" ")[0], "")
