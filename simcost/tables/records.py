"""All records of a small CSV file, with their lines."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from simcost.tables.delimited import TextDialect, count_lines, read_blocks, read_header
from simcost.tables.encoding import is_utf8, not_utf8


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
    names, header = read_header(data, ",", quoted=True)
    records = Records(names)
    layout = TextDialect(delimiter=",", quoted=True, names=names, read=range(len(names)))
    for block in read_blocks(io.BytesIO(data[len(header) :]), layout, line=count_lines(header) + 1):
        records.faults.extend((each.line, each.reason) for each in block.malformed)
        if not is_utf8(block.data):
            records.faults.append((block.line, not_utf8(block.data)))
            continue
        reader = csv.reader(io.StringIO(block.data.decode("utf-8"), newline=""), strict=True)
        for i in range(block.count):
            line = block.number(i)[1]
            try:
                records.rows.append((line, next(reader)))
            except csv.Error as error:
                records.faults.append((line, f"cannot be read: {error}"))
                return records
    return records
