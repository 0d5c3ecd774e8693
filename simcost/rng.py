"""One seed becomes named, independent random streams, so that all plans share their random numbers."""

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def stream(seed: int, *names: str | int) -> "np.random.Generator":
    """A generator that depends on the seed and the names only, never on the order of calls.

    Args:
        seed: the seed of the replication.
        names: what the numbers are for, e.g. `"arrivals"` or `"engine", "h100-sxm"`.
    """
    import numpy as np

    key = sha256("\0".join(map(str, names)).encode()).digest()
    words = [int.from_bytes(key[i : i + 4], "big") for i in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def confirmation_seed(seed: int) -> int:
    """Seed of the runs that confirm what was found by those of a seed, which saw none of their numbers."""
    return int(stream(seed, "confirmation").integers(2**31))
