"""Images by diffusion: the time of an image by its size and its number of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simcost.errors import InputError
from simcost.trace.workload.lengths import pixels_of
from simcost.units import PositiveSeconds, Seconds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from simcost.trace.requests.batch import RequestBatch

UNIT_S = 1e-3
"""Time that the engine takes for a token of work; the time of an image is rounded to it."""
MOST_UNITS = 1_000_000
"""Longest image, in units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTime:
    """Time of an image of a size, one at a time: `fixed` + steps * `step`. Between two sizes it is linear in pixels."""

    size: str
    """Width and height in pixels, as `1024x1024`."""
    fixed: Seconds = 0.0
    """Of each image whatever its steps: text encoder, decoder, safety checks, file."""
    step: PositiveSeconds
    """Of a denoising step."""

    def __post_init__(self) -> None:
        pixels_of(self.size)


def image_seconds(
    times: Sequence[ImageTime], pixels: npt.NDArray[np.int32], steps: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """The time of each image.

    Raises:
        InputError: an image is smaller or larger than all sizes whose time is known.

    >>> import numpy as np
    >>> times = [ImageTime(size="512x512", step=0.01), ImageTime(size="1024x1024", fixed=0.3, step=0.04)]
    >>> image_seconds(times, np.array([262144, 655360, 1048576]), np.array([20, 20, 30])).round(3).tolist()
    [0.2, 0.65, 1.5]
    """
    import numpy as np

    known = sorted((pixels_of(time.size), time.fixed, time.step) for time in times)
    at, fixed_s, step_s = (np.array(column, np.float64) for column in zip(*known, strict=True))
    outside = (pixels < at[0]) | (pixels > at[-1])
    if outside.any():
        raise InputError(
            f"an image has {int(pixels[outside][0]):,} pixels, and times are known from {int(at[0]):,} to "
            f"{int(at[-1]):,}; add a size to the times of the replica"
        )
    found: npt.NDArray[np.float64] = np.interp(pixels, at, fixed_s) + steps * np.interp(pixels, at, step_s)
    return found


def as_work(batches: Iterator[RequestBatch], times: Sequence[ImageTime]) -> Iterator[RequestBatch]:
    """Requests for images, whose tokens are their pixels and steps, as prompts with a token for each unit of time.

    Raises:
        InputError: an image takes longer than any may, or has a size whose time is not known.
    """
    import numpy as np

    for batch in batches:
        units = np.rint(image_seconds(times, batch.prompt_tokens, batch.output_tokens) / UNIT_S)
        if units.max(initial=0.0) >= MOST_UNITS:
            raise InputError(
                f"an image takes {units.max() * UNIT_S:,.0f} s; at most {MOST_UNITS * UNIT_S:,.0f} s are simulated: "
                "correct the times of the replica, or the steps of the trace"
            )
        work = np.maximum(units, 1.0).astype(np.int32)
        yield replace(batch, prompt_tokens=work, output_tokens=np.ones(len(batch), np.int32))
