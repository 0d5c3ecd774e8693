"""Units of the facts of a device: values that are too small for any were written in another unit."""

LEAST_OF_A_DEVICE = (
    ("memory_bytes", 1e8, "80e9"),
    ("memory_bytes_per_s", 1e9, "3350e9"),
    ("bf16_flops", 1e10, "989e12"),
    ("fp8_flops", 1e10, "1979e12"),
    ("int8_flops", 1e10, "1979e12"),
    ("fp4_flops", 1e10, "4500e12"),
    ("power_w", 2.0, "700"),
    ("link_bytes_per_s", 1e6, "450e9"),
)
"""Columns of a device, the least that any has, and how a value is written: gigabytes and teraflops lie below."""


def check_units(device: object) -> None:
    """Raise ValueError for the first value of a device that is too small for its unit."""
    for name, least, example in LEAST_OF_A_DEVICE:
        value = getattr(device, name)
        if value is not None and value < least:
            raise ValueError(f"{name} {value:g} is too small; is it in another unit? write it as {example}")
