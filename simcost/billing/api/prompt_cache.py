"""How much of their prompts the provider of an API finds in its cache: known, measured, or stated."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Gt, Le

from simcost.billing.api.tokens import SHORT_KEEP_S
from simcost.units import SECONDS, ByKind, Count, Share

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCache:
    """Every token of every prompt is new."""

    kind: Literal["none"] = "none"

    @property
    def keep_s(self) -> float:
        """Nothing is kept."""
        return SHORT_KEEP_S

    def split(
        self, input_tokens: npt.NDArray[np.integer], shared: npt.NDArray[np.integer]
    ) -> tuple[int, int]:
        """No tokens are read, none written."""
        return 0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HitShare:
    """A stated share of the tokens of each prompt is read from the cache."""

    kind: Literal["share"] = "share"
    hit: Share
    """Of the input tokens, read."""
    written: Share = 0.0
    """Of the input tokens, written: where writing costs more than input, reads do not come without."""
    min_tokens: Count = 0
    """Shorter prompts are not cached; the shares are of the others."""

    def __post_init__(self) -> None:
        if self.hit + self.written > 1:
            raise ValueError(
                f"hit ({self.hit:g}) and written ({self.written:g}) are more than the whole prompt"
            )

    @property
    def keep_s(self) -> float:
        """As the cheaper write keeps."""
        return SHORT_KEEP_S

    def split(
        self, input_tokens: npt.NDArray[np.integer], shared: npt.NDArray[np.integer]
    ) -> tuple[Ints, Ints]:
        """Tokens read and written of each request, rounded down."""
        long = np.where(input_tokens >= self.min_tokens, input_tokens, 0)
        return (self.hit * long).astype(np.int64), (self.written * long).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixReuse:
    """A prompt finds what an earlier one began with, if that was written or read no longer ago than `ttl`; what it
    does not find is written, to its end. So the known providers do, though none promises a hit.
    """

    kind: Literal["prefix"] = "prefix"
    ttl: Annotated[float, SECONDS, Gt(0), Le(86_400)] = SHORT_KEEP_S
    """How long a prefix stays after its last use: 5 min, or 1 h where that is sold."""
    min_tokens: Count = 1024
    """Shorter prompts are neither read nor written (1,024 with most providers)."""

    @property
    def keep_s(self) -> float:
        """The ttl."""
        return self.ttl

    def split(
        self, input_tokens: npt.NDArray[np.integer], shared: npt.NDArray[np.integer]
    ) -> tuple[Ints, Ints]:
        """Tokens read and written of each request, of which `shared` begin an earlier one within the ttl."""
        read = np.where(shared >= self.min_tokens, np.minimum(shared, input_tokens), 0).astype(np.int64)
        return read, np.where(input_tokens >= self.min_tokens, input_tokens - read, 0).astype(np.int64)


PromptCache = Annotated[NoCache | HitShare | PrefixReuse, ByKind()]
