"""Plain-text tables."""

from collections.abc import Sequence


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


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    aligned = (
        cell.ljust(width) if column < left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()
