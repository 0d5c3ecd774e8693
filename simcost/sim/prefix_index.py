"""The driver of the prefix index of a router: owns its arrays, and keeps the hashes of prompts that are not over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simcost.plan.routing import EndpointPicker
from simcost.plan.routing.scorers import PrefixCache
from simcost.sim.kernel import layout as at
from simcost.sim.kernel import prefixes
from simcost.sim.kernel.layout import NIL, Ints
from simcost.sim.pool import Pool
from simcost.trace.batch import RequestBatch

_LONGEST = (1 << prefixes.LENGTH_BITS) - 1
_NONE = np.empty(0, np.int64)


class PrefixIndex:
    """What the endpoint picker of a pool believes to be cached; empty where it does not ask."""

    def __init__(self, pool: Pool) -> None:
        rules, capacity = np.zeros(prefixes.RULES, np.int64), 1
        found = _scorer(pool)
        if found is not None and pool.prefix_block_tokens is not None:
            place, scorer = found
            block = pool.prefix_block_tokens
            capacity = max((scorer.capacity_tokens or pool.kv_capacity_tokens) // block, 1)
            rules[prefixes.MOST] = min(max(scorer.max_blocks * scorer.block_tokens // block, 1), _LONGEST)
            rules[prefixes.SCORER] = at.SCORER + place * at.SCORER_WIDTH
        size = 1 << (2 * capacity - 1).bit_length()
        self.state = prefixes.Prefixes(
            rules=rules,
            totals=np.zeros(prefixes.TOTALS, np.int64),
            store=_NONE,
            tables=np.full((1, size), NIL, np.int64),
            blocks=np.zeros((1, capacity, 3), np.int64),
            ends=_ends(1),
        )

    @property
    def asked(self) -> bool:
        """Whether the router asks."""
        return bool(self.state.rules[prefixes.MOST])

    def hits(self) -> tuple[int, int]:
        """Blocks of prompts that were looked up, and those of them that the chosen replica had."""
        return int(self.state.totals[prefixes.ASKED]), int(self.state.totals[prefixes.HIT])

    def open(self, slot: int) -> None:
        """Nothing is known of the replica that is new in a slot."""
        if not self.asked:
            return
        while slot >= len(self.state.ends):
            tables, blocks = (np.concatenate([one, one]) for one in (self.state.tables, self.state.blocks))
            ends = np.concatenate([self.state.ends, _ends(len(self.state.ends))])
            tables[len(self.state.tables) :] = NIL
            self.state = self.state._replace(tables=tables, blocks=blocks, ends=ends)
        self.state.tables[slot] = NIL
        self.state.ends[slot] = _ends(1)[0]

    def take(self, batch: RequestBatch, live: Ints) -> Ints:
        """Store the hashes of a batch, and forget those that no `live` reference needs; the references of the batch."""
        if not self.asked or batch.prefix is None:
            return _NONE
        totals, store = self.state.totals, self.state.store
        end = int(totals[prefixes.BASE]) + len(store)
        live = live[live & _LONGEST > 0]
        oldest = min(int(live.min(initial=end << prefixes.LENGTH_BITS)) >> prefixes.LENGTH_BITS, end)
        kept = store[oldest - int(totals[prefixes.BASE]) :]
        totals[prefixes.BASE] = oldest
        lengths, hashes = batch.prefix_hashes()
        self.state = self.state._replace(store=np.concatenate([kept, hashes]))
        starts = end + np.concatenate([[0], np.cumsum(lengths)[:-1]])
        return (starts << prefixes.LENGTH_BITS) | np.minimum(lengths, _LONGEST)


def _scorer(pool: Pool) -> tuple[int, PrefixCache] | None:
    """The scorer by prefix, and its place among the scorers."""
    if isinstance(pool.router, EndpointPicker):
        for place, one in enumerate(pool.router.scorers):
            if isinstance(one.scorer, PrefixCache):
                return place, one.scorer
    return None


def _ends(slots: int) -> npt.NDArray[np.int64]:
    ends = np.full((slots, 3), NIL, np.int64)
    ends[:, prefixes.COUNT] = 0
    return ends
