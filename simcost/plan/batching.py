"""How an engine fills its steps; names as in vLLM."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """Continuous batching of one replica."""

    max_num_seqs: Annotated[int, Ge(1), Le(4096)] = 256
    """Running sequences at most."""
    max_num_batched_tokens: Annotated[int, Ge(2)] = 8192
    """Token budget of a step; must exceed max_num_seqs, since each running sequence takes one."""
    prefill: Literal["chunked", "whole"] = "chunked"
    """chunked: prompts are cut to the budget and share steps with decodes (vLLM v1).
    whole: a step with prefill holds whole prompts and no decodes (vLLM v0, TGI)."""

    def __post_init__(self) -> None:
        if self.max_num_batched_tokens <= self.max_num_seqs:
            raise ValueError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) must exceed max_num_seqs "
                f"({self.max_num_seqs}): each running sequence takes one token of every step"
            )
