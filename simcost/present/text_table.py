"""Plain-text tables."""

from collections.abc import Mapping, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Aligned columns under a header and a rule.

    Args:
        header: titles of the columns, with units.
        rows: cells, as many as titles in each row.
        left: how many leading columns are aligned left; the others are aligned right.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(_line(cells, widths, left) for cells in (header, rule, *rows))


def table_of(rows: Sequence[Mapping[str, str]], *, left: int = 1) -> str:
    """Rows whose keys are the titles, as `table`; empty where there are none."""
    return table(list(rows[0]), [list(row.values()) for row in rows], left=left) if rows else ""


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    aligned = (
        cell.ljust(width) if column < left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()
