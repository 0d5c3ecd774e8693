"""Tokens of prompts and outputs, or sizes and steps of images, one class for each law: schema, documentation and
behaviour in one place.
"""

import re
from collections.abc import Callable
from math import exp, log
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from simcost.record import record

if TYPE_CHECKING:
    import numpy as np

    from simcost.trace.requests.batch import Pairs

_Tokens = Annotated[int, Ge(1), Le(2**31 - 1)]
_Range = Annotated[tuple[_Tokens, ...], MinLen(2), MaxLen(2)]


@record
class Lengths:
    """Token pairs drawn from log-normals with a correlation; or resampled jointly from a stored trace."""

    kind: Literal["log-normal"] = "log-normal"
    prompt_median: Annotated[float, Gt(0)] = 600.0
    """Median tokens of a prompt."""
    prompt_sigma: Annotated[float, Ge(0)] = 1.0
    """Standard deviation of the natural logarithm."""
    output_median: Annotated[float, Gt(0)] = 180.0
    """Median tokens of an output."""
    output_sigma: Annotated[float, Ge(0)] = 0.8
    """As `prompt_sigma`."""
    correlation: Annotated[float, Ge(-1), Le(1)] = 0.1
    """Of the two logarithms."""
    max_tokens: Annotated[int, Ge(2)] = 32768
    """Largest prompt + output; a longer output, then a longer prompt, is cut."""
    trace: str | None = None
    """Parquet whose (prompt, output) pairs are resampled instead; the fields above are then not used."""

    def __post_init__(self) -> None:
        if max(self.prompt_median, self.output_median) > self.max_tokens:
            raise ValueError(f"a median is above max_tokens {self.max_tokens}; raise max_tokens")

    def means(self) -> tuple[float, float]:
        """Mean tokens of prompts and of outputs, each cut at `max_tokens` = L: the limited expected value of a
        log-normal, m exp(s^2 / 2) Phi((ln(L / m) - s^2) / s) + L Phi(-ln(L / m) / s).
        """
        return (
            limited_mean(self.prompt_median, self.prompt_sigma, self.max_tokens),
            limited_mean(self.output_median, self.output_sigma, self.max_tokens),
        )

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Callable[[int], Pairs]":
        """Sampler of (prompt, output) pairs."""
        from simcost.trace.synthesis.lengths import lognormal_pairs, resampled_pairs

        if self.trace is not None:
            return resampled_pairs(self.trace, folder, rng)
        prompt, output = (self.prompt_median, self.prompt_sigma), (self.output_median, self.output_sigma)
        return lambda count: lognormal_pairs(prompt, output, self.correlation, self.max_tokens, count, rng)


def limited_mean(median: float, sigma: float, limit: float) -> float:
    """Mean of a log-normal that is cut at a limit, as `Lengths.means` derives it."""
    if not sigma:
        return min(median, limit)
    to_limit, phi = log(limit / median), NormalDist().cdf
    return median * exp(min(sigma**2 / 2, 700.0)) * phi(to_limit / sigma - sigma) + limit * phi(-to_limit / sigma)


@record
class UniformLengths:
    """Tokens drawn evenly from a range, prompts and outputs on their own, as the random requests of benchmark tools:
    `vllm bench serve` with a range ratio r draws from (1 - r) to (1 + r) times the length, InferenceMAX from r times
    the length to the length. Equal ends are a constant.
    """

    kind: Literal["uniform"] = "uniform"
    prompt_tokens: _Range
    """Least and most tokens of a prompt."""
    output_tokens: _Range
    """Least and most tokens of an output."""

    def __post_init__(self) -> None:
        for name, (least, most) in (("prompt_tokens", self.prompt_tokens), ("output_tokens", self.output_tokens)):
            if least > most:
                raise ValueError(f"{name} is from {least} to {most}; write the smaller number first")

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Callable[[int], Pairs]":  # noqa: ARG002  # one interface
        """Sampler of (prompt, output) pairs."""
        from simcost.trace.synthesis.lengths import uniform_pairs

        return lambda count: uniform_pairs(self.prompt_tokens, self.output_tokens, count, rng)


@record
class RecordedLengths:
    """The (prompt, output) pairs of a stored trace in their order, again from the start when all are used."""

    kind: Literal["in-order"] = "in-order"
    trace: str
    """Parquet of `simcost trace import`, relative to the scenario file and inside its folder."""

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Callable[[int], Pairs]":  # noqa: ARG002  # one interface
        """Reader of the next (prompt, output) pairs."""
        from simcost.trace.synthesis.lengths import pairs_in_order

        return pairs_in_order(self.trace, folder)


_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


def pixels_of(size: str) -> int:
    """Pixels of a size, `1024x768`. Raises ValueError for a text that is none."""
    found = _SIZE.fullmatch(size)
    if found is None:
        raise ValueError(f"{size!r} is not a size; write width and height in pixels, as 1024x1024")
    return int(found[1]) * int(found[2])


@record
class ImageKind:
    """Images of one size with one number of steps."""

    size: str
    """Width and height in pixels, as `1024x1024`."""
    steps: Annotated[int, Ge(1), Le(100_000)]
    """Denoising steps."""
    share: Annotated[float, Gt(0)] = 1.0
    """Share of the requests, relative to the other kinds."""

    def __post_init__(self) -> None:
        pixels_of(self.size)


@record
class Images:
    """One image for each request, of a stated mix of sizes and steps, drawn on its own. The prompt tokens of a request
    are then the pixels of its image, its output tokens the steps, also in a trace.
    """

    kind: Literal["images"] = "images"
    mix: Annotated[tuple[ImageKind, ...], MinLen(1)]
    """Kinds of images."""

    def kinds(self) -> tuple[list[int], list[int]]:
        """Pixels and steps of each kind."""
        return [pixels_of(one.size) for one in self.mix], [one.steps for one in self.mix]

    def drawing(self, folder: Path, rng: "np.random.Generator") -> "Callable[[int], Pairs]":  # noqa: ARG002  # one interface
        """Sampler of (pixels, steps) pairs."""
        import numpy as np

        shares = np.array([one.share for one in self.mix])
        ends, (pixels, steps) = np.cumsum(shares) / shares.sum(), self.kinds()

        def drawn(count: int) -> "Pairs":
            chosen = np.minimum(np.searchsorted(ends, rng.random(count), side="right"), len(ends) - 1)
            return np.array(pixels, np.int32)[chosen], np.array(steps, np.int32)[chosen]

        return drawn


TokenLengths = Lengths | UniformLengths | RecordedLengths | Images
