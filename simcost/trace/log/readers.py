"""Import: a request log of a public or own format becomes a stored trace; faults are named, repairs counted."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from simcost.errors import TraceError
from simcost.trace.describe import describe_trace
from simcost.trace.log.cells import TimeUnit
from simcost.trace.log.formats import FormatName, find_columns, find_format
from simcost.trace.log.intake import Intake, OnError
from simcost.trace.log.sources import open_chunks
from simcost.trace.store import OPTIONAL
from simcost.trace.writer import TraceWriter


def import_trace(
    path: Path, fmt: FormatName, out: Path, *, mapping: Mapping[str, str] | None = None,
    on_error: OnError = "stop", start: str | None = None, time_unit: TimeUnit | None = None,
    block_tokens: int | None = None, progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Read a log and write it as a trace.

    Args:
        path: the log, gzipped or not.
        fmt: its format.
        out: the Parquet file to write.
        mapping: our column -> the log's column, over those of the format.
        on_error: `skip` drops rows that cannot be read and counts them; `stop` raises at the first block
            that has some.
        start: ISO time at which relative arrivals are 0; None = unknown.
        time_unit: of numeric arrivals; None = that of the format, or `cells.time_rule`.
        block_tokens: tokens per prefix block; None = that of the format.
        progress: called with the rows read so far.

    Returns:
        The document of `trace import`: rows, dropped, repaired, span_s, findings[], and details.

    Raises:
        TraceError: the log cannot be read; the message names file, row and remedy.
        InputError: the output cannot be written there.
    """
    form = find_format(fmt)
    intake = Intake(path=path, form=form, on_error=on_error, unit=time_unit or form.unit, start=start)
    find = partial(find_columns, form, mapping or {}, place=str(path))
    chunks = open_chunks(path, form.container, find, nested=True)
    chunk = next(chunks, None)
    optional = [name for name in OPTIONAL if chunk is not None and name in chunk.theirs]
    block_tokens = (block_tokens or form.block_tokens) if "prefix_hashes" in optional else None
    if "prefix_hashes" in optional and block_tokens is None:
        raise TraceError(f"{path}: prefix_hashes without a block size; say --block-tokens N")
    with TraceWriter(out, source=path.name, optional=optional, block_tokens=block_tokens) as writer:
        while chunk is not None:
            table = intake.table(chunk)
            writer.origin = "epoch" if intake.epoch else "relative"
            writer.write(table)
            if progress is not None:
                progress(intake.rows_read)
            chunk = next(chunks, None)
    intake.repaired["unsorted"] = writer.late_rows
    return _document(fmt, out, intake)


def _document(fmt: str, out: Path, intake: Intake) -> dict[str, Any]:
    """The document of `trace import`; what the data themselves show comes from `trace describe`."""
    described = describe_trace(out)
    return {
        "file": str(out),
        "source": str(intake.path),
        "format": fmt,
        "rows": described["rows"],
        "dropped": intake.dropped.total(),
        "dropped_by": dict(+intake.dropped),
        "repaired": intake.repaired.total(),
        "repaired_by": dict(+intake.repaired),
        "span_s": described["span_s"],
        "start_utc": described["start_utc"],
        "findings": intake.findings() + described["findings"],
    }
