"""Replicas with a table of images: `replica: {image_table: table.csv}` as the times of images by size."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from math import fsum, isfinite
from pathlib import Path

from simcost.errors import Fault, InputError
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import Plain, YamlNode, placed
from simcost.tables.paths import inside
from simcost.tables.records import Records, read_records
from simcost.trace.workload.lengths import pixels_of

KEY = "image_table"
COLUMNS = ("size", "steps", "seconds")
_OFF_LINE = 0.1
"""Part by which a measured time may differ from fixed + steps * step."""
Rows = dict[str, dict[int, float]]
"""Seconds by size and steps."""


def with_image_table(replica: YamlNode, folder: Path, file: str, faults: list[Fault]) -> YamlNode:
    """The replica with its table as `images`: of each size the line through its rows."""
    said = replica.get(KEY)
    if not isinstance(replica.value, dict) or said is None:
        return replica
    own = {key: child for key, child in replica.value.items() if key != KEY}
    if "images" in own:
        faults.append(fault_at(said, "cannot be combined with `images`; write one of the two", file))
        return replace(replica, value=own)
    try:
        images = _images(said, folder)
    except InputError as error:
        faults.append(fault_at(said, str(error), file))
        return replace(replica, value=own)
    return replace(replica, value={"images": placed(images, said, (*replica.path, "images")), **own})


def _images(said: YamlNode, folder: Path) -> list[Plain]:
    """Times by size. Raises InputError for a table that cannot be used."""
    name = said.value
    if not isinstance(name, str):
        raise InputError(f"{shown(name)} is not the name of a file")
    try:
        rows = _read(read_records(inside(folder, name)), name)
    except FileNotFoundError:
        raise InputError(f"no file {name!r}; put a CSV file with the columns {', '.join(COLUMNS)} there") from None
    except (OSError, csv.Error) as error:
        raise InputError(f"{name}: cannot be read: {error}") from error
    return [
        dict(zip(("size", "fixed", "step"), (size, *_line(size, times, name)), strict=True))
        for size, times in rows.items()
    ]


def _line(size: str, times: dict[int, float], name: str) -> tuple[float, float]:
    """Fixed time and that of a step, by least squares. Raises InputError where the rows say neither."""
    if len(times) < 2:
        raise InputError(
            f"{name}: has one number of steps at {size}, which does not tell the time of a step from the rest; give a "
            "second row of that size"
        )
    mean_steps, mean_s = sum(times) / len(times), fsum(times.values()) / len(times)
    spread = fsum((steps - mean_steps) ** 2 for steps in times)
    step = fsum((steps - mean_steps) * (seconds - mean_s) for steps, seconds in times.items()) / spread
    fixed = mean_s - step * mean_steps
    off = max(abs(fixed + steps * step - seconds) / seconds for steps, seconds in times.items())
    if step <= 0 or fixed < -_OFF_LINE * min(times.values()) or off > _OFF_LINE:
        raise InputError(f"{name}: the rows of {size} do not lie on a line: fixed time + steps x time of a step")
    return max(fixed, 0.0), step


def _read(records: Records, name: str) -> Rows:
    """The rows of a table. Raises InputError for the first that is wrong."""
    if records.faults:
        line, message = records.faults[0]
        raise InputError(f"{name}:{line}: {message}")
    header = [one.strip() for one in records.header]
    if any(column not in header for column in COLUMNS):
        raise InputError(f"{name}: has the columns {', '.join(header) or 'of no header'}, needs {', '.join(COLUMNS)}")
    places, rows = [header.index(column) for column in COLUMNS], defaultdict[str, dict[int, float]](dict)
    for line, cells in records.rows:
        if not cells:
            continue
        size, steps, seconds = _row(cells, places, f"{name}:{line}")
        if steps in rows[size]:
            raise InputError(f"{name}:{line}: {steps} steps at {size} appear twice; give them one time")
        rows[size][steps] = seconds
    if not rows:
        raise InputError(f"{name}: has no rows; give the times of one size at least")
    return dict(rows)


def _row(cells: list[str], places: list[int], where: str) -> tuple[str, int, float]:
    try:
        size, steps, seconds = (cells[place].strip() for place in places)
        found = size, int(steps), float(seconds)
        pixels_of(size)
    except (IndexError, ValueError):
        example = "1024x1024,30,2.4"
        raise InputError(f"{where}: {','.join(cells)!r} is not a size, its steps and seconds, as {example}") from None
    if found[1] < 1 or not isfinite(found[2]) or found[2] <= 0:
        raise InputError(f"{where}: steps are 1 or more, and seconds above 0, not {','.join(cells)}")
    return found
