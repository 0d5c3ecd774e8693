"""Replicas with a table of images: `replica: {image_table: table.csv}` as the times of images by size."""

from __future__ import annotations

from collections import defaultdict
from math import fsum, isfinite
from pathlib import Path

from simcost.errors import Fault, InputError
from simcost.scenario.checks.measured_tables import measured_rows, with_table
from simcost.scenario.files.nodes import Plain, YamlNode
from simcost.trace.workload.lengths import pixels_of

KEY = "image_table"
COLUMNS = ("size", "steps", "seconds")
_OFF_LINE = 0.1
"""Part by which a measured time may differ from fixed + steps * step."""
Times = dict[str, dict[int, float]]
"""Seconds by size and steps."""


def with_image_table(replica: YamlNode, folder: Path, file: str, faults: list[Fault]) -> YamlNode:
    """The replica with its table as `images`: of each size the line through its rows."""

    def read(name: str) -> dict[str, Plain]:
        lines = {size: _line(size, times, name) for size, times in _times(folder, name).items()}
        return {"images": [{"size": size, "fixed": fixed, "step": step} for size, (fixed, step) in lines.items()]}

    return with_table(replica, KEY, "images", read, file, faults)


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


def _times(folder: Path, name: str) -> Times:
    """The rows of a table. Raises InputError for the first that is wrong."""
    times = defaultdict[str, dict[int, float]](dict)
    for place, cells in measured_rows(folder, name, COLUMNS):
        size, steps, seconds = _row(cells, place)
        if steps in times[size]:
            raise InputError(f"{place}: {steps} steps at {size} appear twice; give them one time")
        times[size][steps] = seconds
    return dict(times)


def _row(cells: list[str], place: str) -> tuple[str, int, float]:
    size, steps_said, seconds_said = cells
    try:
        steps, seconds = int(steps_said), float(seconds_said)
        pixels_of(size)
    except ValueError:
        example = "1024x1024,30,2.4"
        raise InputError(f"{place}: {','.join(cells)!r} is not a size, its steps and seconds, as {example}") from None
    if steps < 1 or not isfinite(seconds) or seconds <= 0:
        raise InputError(f"{place}: steps are 1 or more, and seconds above 0, not {','.join(cells)}")
    return size, steps, seconds
