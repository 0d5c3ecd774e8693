"""Tiers of the prefix cache below the KV blocks of a replica: memory of the host, disk.

Each holds chunks of prompts, the least recently used of which give way. A chunk is entered as it is scheduled to be
computed, and looked up when a request is admitted; what is found is loaded before the step.
"""

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.block_cache import key_at
from simcost.sim.serving.engine.block_pieces import hashed
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.layout import NIL
from simcost.sim.serving.engine.prefix_index import (
    COUNT,
    HASH,
    OLDEST,
    Prefixes,
    cut_out,
    place_of,
    put_first,
    take_out,
)


@lean
def _lists(s: BlockState) -> Prefixes:
    """The lists of chunks, that of tier t at replica r in place r * tiers + t."""
    return Prefixes(s.rules, s.cached, s.store, s.tier_tables, s.tier_chunks, s.tier_ends)


@lean
def _key_of(s: BlockState, x: int, j: int) -> int:
    """Key of chunk j of request x: that of its last block, which stands for all before it."""
    key, _at, _end = key_at(s, x, (j + 1) * s.rules[blk.CHUNK_BLOCKS] - 1)
    return hashed(key ^ hashed(j))


@lean
def _chunks(s: BlockState, x: int, tokens: int) -> int:
    """Full chunks of the prompt of request x in its first `tokens`."""
    return min(tokens, s.nodes[x, col.PROMPT]) // (s.rules[blk.CHUNK_BLOCKS] * s.rules[blk.BLOCK_TOKENS])


@lean
def _find(s: BlockState, q: int, key: int) -> int:
    """The chunk in list q; NIL = it is not there."""
    return s.tier_tables[q, place_of(_lists(s), q, key)]


@lean
def _touch(s: BlockState, r: int, x: int) -> None:
    """The chunks of request x are the most recently used of each tier that has them, the first before the others."""
    p, tiers = _lists(s), len(s.tiers)
    for t in range(tiers):
        q = r * tiers + t
        for j in range(_chunks(s, x, s.nodes[x, col.PROMPT]) - 1, -1, -1):
            b = _find(s, q, _key_of(s, x, j))
            if b != NIL:
                cut_out(p, q, b)
                put_first(p, q, b)


@lean
def _load(s: BlockState, r: int, x: int, hit: int, length: int) -> int:
    _touch(s, r, x)
    size, tiers, place = s.rules[blk.CHUNK_BLOCKS], len(s.tiers), hit
    count, most = _chunks(s, x, length), (length - 1) // s.rules[blk.BLOCK_TOKENS]
    s.tiers[:, blk.LOADED] = 0
    j = place // size
    while j < count and (j + 1) * size <= most:
        t = 0
        while t < tiers and _find(s, r * tiers + t, _key_of(s, x, j)) == NIL:
            t += 1
        if t == tiers:
            break
        s.tiers[t, blk.LOADED] += (j + 1) * size - place
        j += 1
        place = j * size
    for t in range(tiers):
        tier = s.tiers[t]
        if tier[blk.LOADED] > 0:
            ticks = tier[blk.LATENCY] + tier[blk.LOADED] * tier[blk.TICKS_PER_BLOCK]
            s.slots[r, blk.LOADING] += ticks
            s.cached[blk.TIER_TIME] += ticks
            if s.nodes[x, blk.CACHED] == NIL:
                tier[blk.TIER_HIT] += tier[blk.LOADED] * s.rules[blk.BLOCK_TOKENS]
    s.nodes[x, blk.ENTERED] = 0
    return place - hit


@lean
def load_from_tiers(s: BlockState, r: int, x: int, hit: int, length: int) -> int:
    """Blocks of request x that are loaded from tiers as it is admitted, after the `hit` that its replica has."""
    return _load(s, r, x, hit, length) if len(s.tiers) > 0 else 0


@lean
def _enter(s: BlockState, r: int, x: int, count: int) -> None:
    p, tiers = _lists(s), len(s.tiers)
    for t in range(tiers):
        q = r * tiers + t
        for j in range(s.nodes[x, blk.ENTERED], count):
            key = _key_of(s, x, j)
            if _find(s, q, key) != NIL:
                continue
            b = s.tier_ends[q, COUNT]
            if b < s.tiers[t, blk.MOST_CHUNKS]:
                s.tier_ends[q, COUNT] += 1
            else:
                b = s.tier_ends[q, OLDEST]
                take_out(p, q, place_of(p, q, s.tier_chunks[q, b, HASH]))
                cut_out(p, q, b)
            s.tier_chunks[q, b, HASH] = key
            s.tier_tables[q, place_of(p, q, key)] = b
            put_first(p, q, b)
    s.nodes[x, blk.ENTERED] = count


@lean
def enter_tiers(s: BlockState, r: int, x: int, tokens: int) -> None:
    """Enter the chunks that are full with the first `tokens` of request x."""
    if len(s.tiers) > 0:
        count = _chunks(s, x, tokens)
        if count > s.nodes[x, blk.ENTERED]:
            _enter(s, r, x, count)
