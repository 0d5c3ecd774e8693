"""The M4 hourly series, for the tests of forecasting."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from simcost.trace.series.series import Floats


@pytest.fixture(scope="session")
def m4(shared: Path) -> list[tuple[Floats, Floats]]:
    """Training data and official test window of H1-H207."""
    parts = [_rows(shared / f"data/m4_hourly_{part}.csv.gz") for part in ("train", "test")]
    return list(zip(*parts, strict=True))


def _rows(path: Path) -> list[Floats]:
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return [np.array([float(value) for value in row[1:] if value]) for row in rows]
