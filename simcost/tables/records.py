"""All records of a small CSV file, with their lines; numbers with a decimal comma come with a point."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from simcost.tables.delimited import TextDialect, count_lines, read_blocks, read_header
from simcost.tables.delimiter import delimiter_of
from simcost.tables.encoding import is_utf8, not_text, not_utf8


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a file.

    Attributes:
        header: the names of the columns; empty if the file is.
        rows: line and cells of each record; blank lines have no cells.
        faults: line and message of each line that is not a record.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)


def read_records(path: Path) -> Records:
    """The records of a file that fits in memory.

    Raises:
        csv.Error: its header cannot be read.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    delimiter = "," if not_text(data) else delimiter_of(data)
    names, header = read_header(data, delimiter, quoted=True)
    records = Records(names)
    layout = TextDialect(delimiter=delimiter, quoted=True, names=names, read=range(len(names)))
    for block in read_blocks(io.BytesIO(data[len(header) :]), layout, line=count_lines(header) + 1):
        records.faults.extend((each.line, each.reason) for each in block.malformed)
        if not is_utf8(block.data):
            records.faults.append((block.line, not_utf8(block.data)))
            continue
        reader = csv.reader(io.StringIO(block.data.decode("utf-8"), newline=""), delimiter=delimiter, strict=True)
        for i in range(block.count):
            line = block.number(i)[1]
            try:
                records.rows.append((line, next(reader)))
            except csv.Error as error:
                records.faults.append((line, f"cannot be read: {error}"))
                return records
    return records if delimiter == "," else _with_points(records)


def _with_points(records: Records) -> Records:
    """The records with decimal points; numbers that can be read in two ways are faults of their rows."""
    import pyarrow as pa

    from simcost.tables.decimals import decimal_mark, doubt, plain_numbers

    mark = decimal_mark(cell for _, cells in records.rows for cell in cells)
    rows, faults = [], list(records.faults)
    for line, cells in records.rows:
        plain, doubtful = plain_numbers(pa.array(cells, pa.string()), mark)
        names = dict(enumerate(records.header))
        doubts = [f"{names.get(i, i + 1)}: {doubt(cells[i])}" for i in doubtful.nonzero()[0].tolist()]
        faults += [(line, message) for message in doubts]
        if not doubts:
            rows.append((line, plain.to_pylist()))
    return Records(records.header, rows, faults)
