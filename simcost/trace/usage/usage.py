"""Metered usage as a provider's meter or an own inventory writes it: SKU, place, and interval."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VOLUMES = ("storage", "egress", "inter-zone")
"""SKUs that are counted in GB."""
LONG_WRITE = "cache_write_1h_tokens"
TOKENS = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", LONG_WRITE),
    *("input_audio_tokens", "output_audio_tokens"),
)
"""Units of SKUs that are models behind APIs. Input is what was neither read from a cache nor written to one; what
`LONG_WRITE` counts was written to be kept for an hour, which costs more than for minutes.
"""
PROMPT = "prompt_tokens"
"""Unit of whole prompts: tokens read from a cache or written to one are among them."""
RESERVED_IDLE = "reserved_idle"
"""Pricing of hours of a capacity reservation that nothing used."""
HOURLY = "h"
"""Unit of hourly usage."""
KEY = 8
"""Words of a key before its tags."""


def price_groups(*prices_usd: Floats) -> Ints:
    """[row, price] Prices as integers, equal where they differ by rounding of costs alone; -1 where none is stated.

    >>> price_groups(np.array([55.04, 55.0401, 56.0, np.nan])).tolist()
    [[55040000000], [55040000000], [56000000000], [-1]]
    """
    usd = np.column_stack(prices_usd)
    known = usd > 0
    size = 10.0 ** (np.floor(np.log10(usd, where=known, out=np.zeros_like(usd))) - _PRICE_DIGITS + 1)
    return np.rint(np.where(known, np.rint(np.where(known, usd, 0.0) / size) * size * 1e9, -1)).astype(np.int64)


_PRICE_DIGITS = 4
"""Significant digits by which the price of a SKU is another one, as of another operating system or month."""


def is_counted(key: tuple[str, ...]) -> bool:
    """True of a line that is paid by its total of a calendar month, such as tokens.

    Args:
        key: of the line, as in `UsageRows`.
    """
    return key[KEY - 1] != HOURLY and key[1] not in VOLUMES


def months_of_starts(start_s: Floats) -> Ints:
    """The calendar months (UTC) of some times, counted from January 1970.

    >>> months_of_starts(np.array([0.0, 2678399.0, 2678400.0])).tolist()
    [0, 0, 1]
    """
    month: Ints = np.floor(start_s).astype(np.int64).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    return month


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UsageRows:
    """Rows of usage as columns; `line` names each row's line of usage.

    Where a file does not name its machines, its rows of one line, time and price are one row here; of a line that is
    counted (`is_counted`), those of one line, price and month, from the start of the first to the end of the last.
    """

    start_s: Floats
    """Seconds since 1970."""
    end_s: Floats
    quantity: Floats
    """Units that ran all the time from start to end; GB kept from start to end (storage); else in total."""
    price_usd: Floats
    """Price in effect of a unit, where the file has one; else NaN."""
    list_usd: Floats
    """List price of a unit by the hour, where the file has it; else NaN."""
    contracted_usd: Floats
    """Price of it under contracts, without commitments, likewise."""
    interrupted: npt.NDArray[np.bool_]
    """Ended by the provider (spot)."""
    line: Ints
    keys: tuple[tuple[str, ...], ...]
    """Of each line: provider, sku, region, zone, account, pricing, service, unit, and the tags. Lines by the hour whose
    stated prices differ are several, with the same key.
    """
    tags: tuple[str, ...]
    """Names of the tags, in the order in which they stand in a key."""
    resource: Ints | None
    """Machine of which a row is a run, where the file says so: what starts and stops is then known; -1 = not said."""
    horizon_s: float | None = None
    """Length of a simulated time without a calendar, whose times count from its start; None = since 1970."""
    findings: tuple[dict[str, Any], ...] = ()
    path: Path | None = None
    """The file; None of a run."""
    place: Callable[[int], str] | None = None
    """Location of the i-th row in it, of its first row where it stands for several."""
    file_rows: Ints | None = None
    """Rows of the file that each row stands for; None = one."""

    def __len__(self) -> int:
        return len(self.start_s)
