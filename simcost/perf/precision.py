"""Number formats: how many bytes a weight takes, and at which rate it is multiplied."""

from typing import Literal

from simcost.catalog.facts import Accelerator, Precision
from simcost.errors import InputError

WEIGHT_BYTES: dict[Precision, float] = {
    "bf16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": 0.5 + 2 / 128,  # one 16-bit scale for 128 weights
    "fp4": 0.5 + 1 / 16,  # one 8-bit scale for 16 weights
}
"""Bytes per weight with its scales; embedding and LM head stay at 2 bytes."""

_KV_BYTES: dict[Precision, float] = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0}


def kv_bytes(precision: Precision) -> float:
    """Bytes per cached number. Raises InputError for formats no engine caches in."""
    if precision not in _KV_BYTES:
        raise InputError(f"kv_precision {precision!r} is not modelled; use one of {', '.join(_KV_BYTES)}")
    return _KV_BYTES[precision]


def gemm_precision(accelerator: Accelerator, precision: Precision) -> Literal["bf16", "fp8"]:
    """The row of coefficients at which matrices are multiplied.

    8-bit weights run at the 8-bit rate where the device multiplies fp8, else at the bf16 rate after
    conversion (as engines do on A100); int4 always runs at the bf16 rate; fp4 is counted at the fp8 rate,
    since no fp4 rate was fitted.

    Raises:
        InputError: fp4 on a device without it.
    """
    if precision == "fp4" and accelerator.fp4_flops is None:
        raise InputError(
            f"{accelerator.name} does not multiply fp4; use int4 (4-bit weights at the bf16 rate) or fp8"
        )
    if precision == "fp4" or (precision in ("fp8", "int8") and accelerator.fp8_flops is not None):
        return "fp8"
    return "bf16"
