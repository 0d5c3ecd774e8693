"""Single columns of a log of jobs as numbers and flags; rows with bad cells are kept out."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Floats, as_text, real_numbers, whole_numbers
from simcost.trace.jobs.jobs import Flags, Ints
from simcost.trace.jobs.rejections import Sieve
from simcost.trace.jobs.times import empty

_MOST_GPUS = 10_000_000
_YES, _NO = ("true", "1", "yes", "t", "y"), ("false", "0", "no", "f", "n")


@dataclass(frozen=True, slots=True)
class Columns:
    """Reads the columns of a table, and keeps out rows of its sieve."""

    sieve: Sieve

    def ids(self) -> pa.Array:
        """Unique texts; without a column, the number of the row."""
        column = self.sieve.table.columns.get("job_id")
        if column is None:
            return pa.array(np.arange(1, len(self.sieve.table) + 1)).cast(pa.string())
        text = as_text(column)
        self.sieve.drop(empty(text), "job_id", "job_id", "the id is missing")
        codes = text.fill_null("").dictionary_encode().indices.to_numpy()
        again = np.ones(len(codes), np.bool_)
        again[np.unique(codes, return_index=True)[1]] = False
        self.sieve.drop(again, "duplicate", "job_id", "the id is there above")
        return text

    def real(self, ours: str, low: float, high: float) -> Floats | None:
        """Numbers, NaN where empty or kept out; None without such a column."""
        column = self.sieve.table.columns.get(ours)
        if column is None:
            return None
        values, ok = real_numbers(column)
        outside = (values < low) | (values > high)
        self.sieve.drop(~ok, ours, ours, "no number")
        self.sieve.drop(outside, ours, ours, f"it must be from {low:,g} to {high:,g}")
        return np.where(ok & ~outside, values, np.nan)

    def whole(self, ours: str, low: int, high: int, otherwise: Ints | int) -> Ints:
        """Whole numbers; `otherwise` where empty."""
        column = self.sieve.table.columns.get(ours)
        if column is None:
            return np.broadcast_to(np.asarray(otherwise, np.int64), len(self.sieve.table))
        values, ok = whole_numbers(column)
        known = ~empty(column)
        self.sieve.drop(known & ~ok, ours, ours, "no whole number")
        self.sieve.drop(known & ok & ((values < low) | (values > high)), ours, ours,
                        f"it must be from {low:,} to {high:,}")  # fmt: skip
        return np.where(known, values, otherwise)

    def sizes(self) -> dict[str, Ints]:
        """GPUs, their elastic range, and the other things asked for."""
        sieve, columns = self.sieve, self.sieve.table.columns
        sieve.drop(empty(columns["gpus"]), "gpus", "gpus", "the number of GPUs is missing")
        gpus = self.whole("gpus", 0, _MOST_GPUS, 0)
        milli = self.whole("gpu_milli", 0, 1000, 1000)
        sieve.drop((milli < 1000) & (gpus > 1), "gpu_milli", "gpu_milli", "only one GPU can be shared")
        sieve.drop((milli < 1) & (gpus == 1), "gpu_milli", "gpu_milli", "it must be from 1 to 1000")
        low, high = (self.whole(ours, 0, _MOST_GPUS, gpus) for ours in ("min_gpus", "max_gpus"))
        sieve.drop(low > gpus, "min_gpus", "min_gpus", "more than the GPUs asked for")
        sieve.drop(high < gpus, "max_gpus", "max_gpus", "less than the GPUs asked for")
        cores = self.real("cpus", 0, 1e9)
        cpu_milli = 0 if cores is None else np.rint(np.nan_to_num(cores) * 1000).astype(np.int64)
        return {
            "gpus": gpus,
            "gpu_milli": np.where(gpus == 0, 1000, milli),
            "min_gpus": low,
            "max_gpus": high,
            "cpu_milli": self.whole("cpu_milli", 0, 2**53, cpu_milli),
            "memory_mib": self.whole("memory_mib", 0, 2**53, 0),
            "priority": self.whole("priority", -(2**53), 2**53, 0),
        }

    def flags(self, ours: str, *, otherwise: bool) -> Flags:
        """Yes or no; what is neither counts as `otherwise`."""
        column = self.sieve.table.columns.get(ours)
        if column is None:
            return np.full(len(self.sieve.table), otherwise)
        text = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(column.cast(pa.string())))).fill_null("")
        words = _NO if otherwise else _YES
        said: Flags = pc.is_in(text, pa.array(words)).to_numpy(zero_copy_only=False)
        return ~said if otherwise else said
