"""What a router knows of the replicas that one request may go to, and the choice from scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """One value per replica, as old as the router's refresh makes it; None = the router is not told."""

    waiting: Floats | None = None
    running: Floats | None = None
    kv_utilisation: Floats | None = None
    in_flight: Floats | None = None
    """Requests that the router itself has under way; NaN = it never sent one there."""
    in_flight_tokens: Floats | None = None
    rate_per_s: Floats | None = None
    """Requests per second sent there; NaN = no statistics yet."""
    matched: Floats | None = None
    """Share of the request's prompt that is cached there."""
    matched_tokens: Floats | None = None
    cached_blocks: Floats | None = None
    """Size of the prefix tree."""
    prefill_blocks: Floats | None = None
    """Blocks to prefill if the request goes there: what is under way, and what of the request is not cached."""
    decode_blocks: Floats | None = None
    same_session: Flags | None = None
    """Where the session of the request was last."""
    ring: Floats | None = None
    """Distance on the hash ring from the session's point to the replica; None = the request has no session."""
    cold_rank: Floats | None = None
    """Order of the last request without a cached prefix, 0 = longest ago; NaN = never."""
    ttft_headroom_s: Floats | None = None
    """Objective less prediction."""
    tpot_headroom_s: Floats | None = None
    ttft_s: Floats | None = None
    """Prediction."""
    prompt_tokens: int = 0
    """Of the request."""

    def need(self, name: str) -> Floats:
        """A signal.

        Raises:
            ValueError: the router is not told it.
        """
        found: Floats | None = getattr(self, name)
        if found is None:
            raise ValueError(f"the router needs {name} of each replica")
        return found


def pick(scores: Floats, rng: np.random.Generator) -> int:
    """The replica with the highest score, a tie at random; -inf = not a candidate."""
    import numpy as np

    best = np.flatnonzero(scores == scores.max())
    return int(best[0] if len(best) == 1 else rng.choice(best))


def only(chosen: Flags, scores: Floats) -> Floats:
    """The scores of the chosen; the others are no candidates."""
    import numpy as np

    return np.where(chosen, scores, -np.inf)
