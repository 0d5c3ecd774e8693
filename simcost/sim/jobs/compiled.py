"""How the schedulers are compiled, and the names they share.

The cache on disk watches the file of a compiled function alone: each scheduler keeps its compiled helpers in its
own file.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
F = TypeVar("F", bound=Callable[..., object])

FAR = 1 << 60
"""Later than any event."""
NIL = -1


def entry(function: F) -> F:
    """Compile a function that Python calls; the machine code is kept on disk."""
    decorated: F = njit(function, nogil=True, error_model="numpy", cache=True)
    return decorated


def helper(function: F) -> F:
    """Compile a function that compiled functions call."""
    decorated: F = njit(function, nogil=True, error_model="numpy")
    return decorated
