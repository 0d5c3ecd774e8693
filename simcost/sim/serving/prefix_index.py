"""The driver of the prefix index of a router: owns its arrays, and keeps the hashes of prompts that are not over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simcost.plan.routing import EndpointPicker
from simcost.plan.routing.scorers import PrefixCache
from simcost.sim.serving.engine import layout as at
from simcost.sim.serving.engine import prefix_index
from simcost.sim.serving.engine.layout import NIL, Ints
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch

_LONGEST = (1 << prefix_index.LENGTH_BITS) - 1
_NONE = np.empty(0, np.int64)


class PrefixIndex:
    """What the endpoint picker of a pool believes to be cached; empty where it does not ask."""

    def __init__(self, pool: Pool) -> None:
        rules, capacity = np.zeros(prefix_index.RULES, np.int64), 1
        found = _scorer(pool)
        if found is not None and pool.prefix_block_tokens is not None:
            place, scorer = found
            block = pool.prefix_block_tokens
            capacity = max((scorer.capacity_tokens or pool.kv_capacity_tokens) // block, 1)
            rules[prefix_index.MOST] = min(max(scorer.max_blocks * scorer.block_tokens // block, 1), _LONGEST)
            rules[prefix_index.SCORER] = at.SCORER + place * at.SCORER_WIDTH
        size = 1 << (2 * capacity - 1).bit_length()
        self.state = prefix_index.Prefixes(
            rules=rules,
            totals=np.zeros(prefix_index.TOTALS, np.int64),
            store=_NONE,
            tables=np.full((1, size), NIL, np.int64),
            blocks=np.zeros((1, capacity, 3), np.int64),
            ends=_ends(1),
        )

    @property
    def asked(self) -> bool:
        """Whether the router asks."""
        return bool(self.state.rules[prefix_index.MOST])

    def hits(self) -> tuple[int, int]:
        """Blocks of prompts that were looked up, and those of them that the chosen replica had."""
        return int(self.state.totals[prefix_index.ASKED]), int(self.state.totals[prefix_index.HIT])

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
        end = int(totals[prefix_index.BASE]) + len(store)
        live = live[live & _LONGEST > 0]
        oldest = min(int(live.min(initial=end << prefix_index.LENGTH_BITS)) >> prefix_index.LENGTH_BITS, end)
        kept = store[oldest - int(totals[prefix_index.BASE]) :]
        totals[prefix_index.BASE] = oldest
        lengths, hashes = batch.prefix_hashes()
        self.state = self.state._replace(store=np.concatenate([kept, hashes]))
        starts = end + np.concatenate([[0], np.cumsum(lengths)[:-1]])
        return (starts << prefix_index.LENGTH_BITS) | np.minimum(lengths, _LONGEST)


def _scorer(pool: Pool) -> tuple[int, PrefixCache] | None:
    """The scorer by prefix, and its place among the scorers."""
    if isinstance(pool.router, EndpointPicker):
        for place, one in enumerate(pool.router.scorers):
            if isinstance(one.scorer, PrefixCache):
                return place, one.scorer
    return None


def _ends(slots: int) -> npt.NDArray[np.int64]:
    ends = np.full((slots, 3), NIL, np.int64)
    ends[:, prefix_index.COUNT] = 0
    return ends
