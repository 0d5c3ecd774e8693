"""KV blocks of a replica and its prefix cache, as vLLM's block pool has them.

Blocks that nobody holds but that have a key stay cached until they are taken: those whose holder left first, the end of
a sequence before its beginning. Blocks without a key are taken before all others.
"""

import numpy as np

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import prefix_index
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.decode_heap import splitmix64
from simcost.sim.serving.engine.layout import NEVER, NIL
from simcost.sim.serving.engine.prefix_index import LENGTH_BITS, Prefixes

_SYSTEM = 0x53595354454D
_SESSION = 0x5A17
_OWN = 0x3C6EF372FE94F82B


@inlined
def blocks_of(s: BlockState, tokens: int) -> int:
    """Blocks that hold so many tokens."""
    size = s.rules[blk.BLOCK_TOKENS]
    return (tokens + size - 1) // size


@inlined
def _hashed(number: int) -> int:
    return int(np.int64(splitmix64(number)))


@inlined
def _shared_end(s: BlockState, x: int) -> int:
    """The place from which on only request x itself knows what its blocks hold."""
    node, content = s.nodes[x], s.rules[blk.CONTENT]
    if content == blk.HASHES:
        known = node[col.PREFIX] & ((1 << LENGTH_BITS) - 1)
        return min(known, node[col.PROMPT] // s.rules[blk.KEY_TOKENS]) * s.rules[blk.KEY_BLOCKS]
    return NEVER if content == blk.SESSIONS and node[col.SESSION] != NIL else 0


@inlined
def _key_at(s: BlockState, x: int, place: int) -> tuple[int, int]:
    """Key of a block of request x, and the place where that of the next key begins."""
    node, rules = s.nodes[x], s.rules
    if rules[blk.CONTENT] == blk.HASHES and place < _shared_end(s, x):
        k = place // rules[blk.KEY_BLOCKS]
        start = (node[col.PREFIX] >> LENGTH_BITS) - s.cached[blk.BASE]
        return s.store[start + k], (k + 1) * rules[blk.KEY_BLOCKS]
    if rules[blk.CONTENT] == blk.SESSIONS and node[col.SESSION] != NIL:
        if place < rules[blk.SYSTEM_BLOCKS]:
            return _SYSTEM, rules[blk.SYSTEM_BLOCKS]
        return _hashed(node[col.SESSION] ^ _SESSION), NEVER
    return _hashed(node[col.REQUEST] ^ _OWN), NEVER


@inlined
def _bucket_of(s: BlockState, key: int) -> int:
    return _hashed(key) & (s.buckets.shape[1] - 1)


@inlined
def _find(s: BlockState, r: int, key: int, place: int, limit: int) -> tuple[int, int]:
    """The oldest piece that has the block of this key and place, and up to where it answers; NIL = none has it."""
    pieces = s.pieces[r]
    p = s.buckets[r, _bucket_of(s, key)]
    while p != NIL:
        if pieces[p, blk.KEY] == key:
            start = pieces[p, blk.START]
            if start <= place < pieces[p, blk.STOP]:
                return p, min(pieces[p, blk.STOP], limit)
            if start > place:
                limit = min(limit, start)  # from there on an older one answers
        p = pieces[p, blk.IN_BUCKET]
    return NIL, place


@inlined
def look_up(s: BlockState, r: int, x: int, length: int) -> tuple[int, int]:
    """Leading blocks of request x that replica r has cached, and how many of them somebody holds.

    At least one token of its `length` is left to compute.
    """
    place, held = 0, 0
    if s.rules[blk.CONTENT] in (blk.HASHES, blk.SESSIONS):
        most = (length - 1) // s.rules[blk.BLOCK_TOKENS]
        while place < most:
            key, end = _key_at(s, x, place)
            p, until = _find(s, r, key, place, min(end, most))
            if p == NIL:
                break
            if s.pieces[r, p, blk.HOLDERS] > 0:
                held += until - place
            place = until
    return place, held


@lean
def look_up_everywhere(s: BlockState, p: Prefixes, x: int) -> None:
    """As `prefix_index.look_up`; a precise router counts the blocks that the replicas have in truth."""
    if not p.rules[prefix_index.PRECISE]:
        prefix_index.look_up(s, p, x)
        return
    _, length = prefix_index.reference(s, p, x)
    s.limits[p.rules[prefix_index.SCORER] + 2] = length
    for i in range(s.totals[col.ROUTABLE]):
        r = s.routable[i]
        hit, _held = look_up(s, r, x, s.nodes[x, col.PROMPT])
        s.replicas[r, col.SEEN_LOAD] = min(hit // s.rules[blk.KEY_BLOCKS], length)


@inlined
def _insert(s: BlockState, r: int, p: int, after: int) -> None:
    """Put piece p, that nobody holds, before `after` in the order of eviction; before piece 0: as the last."""
    pieces = s.pieces[r]
    before = pieces[after, blk.LESS_RECENT]
    pieces[p, blk.LESS_RECENT], pieces[p, blk.MORE_RECENT] = before, after
    pieces[before, blk.MORE_RECENT] = p
    pieces[after, blk.LESS_RECENT] = p


@inlined
def _take_out(s: BlockState, r: int, p: int) -> None:
    """Piece p leaves the order of eviction."""
    pieces = s.pieces[r]
    before, after = pieces[p, blk.LESS_RECENT], pieces[p, blk.MORE_RECENT]
    pieces[before, blk.MORE_RECENT] = after
    pieces[after, blk.LESS_RECENT] = before


@inlined
def _new_piece(s: BlockState, r: int, key: int, start: int, stop: int, holders: int) -> int:
    slot, pieces = s.slots[r], s.pieces[r]
    p = slot[blk.PIECE_SPARE]
    if p != NIL:
        slot[blk.PIECE_SPARE] = pieces[p, blk.REST]
    else:
        slot[blk.PIECES_USED] += 1
        p = slot[blk.PIECES_USED]
    pieces[p, blk.KEY] = key
    pieces[p, blk.START], pieces[p, blk.STOP] = start, stop
    pieces[p, blk.HOLDERS] = holders
    pieces[p, blk.IN_BUCKET] = blk.UNMAPPED
    pieces[p, blk.REST] = NIL
    return p


@inlined
def _map(s: BlockState, r: int, p: int) -> None:
    """Let piece p be found, after the older ones of its bucket."""
    pieces = s.pieces[r]
    bucket = _bucket_of(s, pieces[p, blk.KEY])
    pieces[p, blk.IN_BUCKET] = NIL
    q = s.buckets[r, bucket]
    if q == NIL:
        s.buckets[r, bucket] = p
        return
    while pieces[q, blk.IN_BUCKET] != NIL:
        q = pieces[q, blk.IN_BUCKET]
    pieces[q, blk.IN_BUCKET] = p


@inlined
def _forget(s: BlockState, r: int, p: int) -> None:
    """Piece p, out of all lists but its bucket, is no more."""
    pieces, slot = s.pieces[r], s.slots[r]
    if pieces[p, blk.IN_BUCKET] != blk.UNMAPPED:
        bucket = _bucket_of(s, pieces[p, blk.KEY])
        q = s.buckets[r, bucket]
        if q == p:
            s.buckets[r, bucket] = pieces[p, blk.IN_BUCKET]
        else:
            while pieces[q, blk.IN_BUCKET] != p:
                q = pieces[q, blk.IN_BUCKET]
            pieces[q, blk.IN_BUCKET] = pieces[p, blk.IN_BUCKET]
    pieces[p, blk.REST] = slot[blk.PIECE_SPARE]
    slot[blk.PIECE_SPARE] = p


@lean
def _evict(s: BlockState, r: int, count: int) -> None:
    pieces = s.pieces[r]
    while count > 0:
        p = pieces[0, blk.MORE_RECENT]
        length = pieces[p, blk.STOP] - pieces[p, blk.START]
        if length > count:
            pieces[p, blk.STOP] -= count
            return
        _take_out(s, r, p)
        _forget(s, r, p)
        count -= length


@inlined
def take(s: BlockState, r: int, count: int) -> None:
    """Take so many blocks, which are there, out of the free ones."""
    slot = s.slots[r]
    slot[blk.FREE] -= count
    fresh = min(count, slot[blk.FRESH])
    slot[blk.FRESH] -= fresh
    if count > fresh:
        _evict(s, r, count - fresh)


@lean
def _split(s: BlockState, r: int, p: int, place: int) -> int:
    """The blocks of piece p from `place` on become a piece of their own."""
    pieces = s.pieces[r]
    q = _new_piece(s, r, pieces[p, blk.KEY], place, pieces[p, blk.STOP], pieces[p, blk.HOLDERS])
    pieces[q, blk.REST] = pieces[p, blk.REST]
    pieces[q, blk.IN_BUCKET] = pieces[p, blk.IN_BUCKET]
    pieces[p, blk.IN_BUCKET] = q
    pieces[p, blk.REST] = q
    pieces[p, blk.STOP] = place
    if pieces[p, blk.HOLDERS] == 0:
        _insert(s, r, q, p)
    return q


@inlined
def _hold(s: BlockState, r: int, x: int, p: int) -> None:
    """Note that request x holds piece p, which follows those that it holds already."""
    pieces, entries, slot = s.pieces[r], s.entries[r], s.slots[r]
    e = s.nodes[x, blk.TABLE]
    if e != NIL:
        q = entries[e, blk.LAST_PIECE]
        while pieces[q, blk.STOP] != entries[e, blk.UNTIL]:
            q = pieces[q, blk.REST]
        rest = pieces[q, blk.REST]
        if rest in (p, NIL) or pieces[q, blk.HOLDERS] == 1:  # no other's chain goes on from there in another way
            pieces[q, blk.REST] = p
            entries[e, blk.LAST_PIECE] = p
            entries[e, blk.UNTIL] = pieces[p, blk.STOP]
            return
    before, e = e, slot[blk.ENTRY_SPARE]
    if e != NIL:
        slot[blk.ENTRY_SPARE] = entries[e, blk.BEFORE]
    elif slot[blk.ENTRIES_USED] == len(entries):
        s.cached[blk.OVERFLOW] = 1
        return
    else:
        e = slot[blk.ENTRIES_USED]
        slot[blk.ENTRIES_USED] += 1
    entries[e, blk.FIRST_PIECE] = entries[e, blk.LAST_PIECE] = p
    entries[e, blk.UNTIL] = pieces[p, blk.STOP]
    entries[e, blk.BEFORE] = before
    s.nodes[x, blk.TABLE] = e


@lean
def claim(s: BlockState, r: int, x: int, count: int) -> None:
    """Request x holds its first `count` blocks, which are cached."""
    pieces, place = s.pieces[r], 0
    while place < count:
        key, end = _key_at(s, x, place)
        p, until = _find(s, r, key, place, min(end, count))
        if pieces[p, blk.START] < place:
            p = _split(s, r, p, place)
        if pieces[p, blk.STOP] > until:
            _split(s, r, p, until)
        if pieces[p, blk.HOLDERS] == 0:
            _take_out(s, r, p)
            s.slots[r, blk.FREE] -= until - place
        pieces[p, blk.HOLDERS] += 1
        _hold(s, r, x, p)
        place = until
    s.nodes[x, blk.STORED] = count


@inlined
def store(s: BlockState, r: int, x: int, tokens: int) -> None:
    """Blocks that are full with the first `tokens` of request x can be found from now on, where others may ask."""
    if s.rules[blk.CONTENT] in (blk.HASHES, blk.SESSIONS):
        place, full = s.nodes[x, blk.STORED], min(tokens // s.rules[blk.BLOCK_TOKENS], _shared_end(s, x))
        while place < full:
            key, end = _key_at(s, x, place)
            stop = min(end, full)
            p = _new_piece(s, r, key, place, stop, 1)
            _map(s, r, p)
            _hold(s, r, x, p)
            place = stop
        s.nodes[x, blk.STORED] = place


@inlined
def _let_go(s: BlockState, r: int, e: int) -> None:
    """One holder less for the pieces of entry e; those without holders are evicted after all others, the last first."""
    pieces, latest = s.pieces[r], 0
    p, until = s.entries[r, e, blk.FIRST_PIECE], s.entries[r, e, blk.UNTIL]
    while True:
        pieces[p, blk.HOLDERS] -= 1
        if pieces[p, blk.HOLDERS] == 0:
            s.slots[r, blk.FREE] += pieces[p, blk.STOP] - pieces[p, blk.START]
            _insert(s, r, p, latest)
            latest = p
        if pieces[p, blk.STOP] == until:
            return
        p = pieces[p, blk.REST]


@lean
def release(s: BlockState, r: int, x: int, computed: int, status: int) -> None:
    """Request x, with slots for `computed` tokens, holds nothing any more; if it RETURNS, it may find its blocks."""
    slot, held = s.slots[r], blocks_of(s, computed)
    if s.rules[blk.CONTENT] not in (blk.HASHES, blk.SESSIONS):
        slot[blk.FRESH] += held
        slot[blk.FREE] += held
        return
    place, full = s.nodes[x, blk.STORED], computed // s.rules[blk.BLOCK_TOKENS]
    slot[blk.FREE] += held - place
    slot[blk.FRESH] += held - max(full, place)
    latest = 0
    while place < full:
        key, end = _key_at(s, x, place)
        p = _new_piece(s, r, key, place, min(end, full), 0)
        if status == blk.RETURNS or _shared_end(s, x) > place:
            _map(s, r, p)
        _insert(s, r, p, latest)
        latest, place = p, min(end, full)
    e = s.nodes[x, blk.TABLE]
    while e != NIL:
        _let_go(s, r, e)
        before = s.entries[r, e, blk.BEFORE]
        s.entries[r, e, blk.BEFORE] = slot[blk.ENTRY_SPARE]
        slot[blk.ENTRY_SPARE] = e
        e = before
    s.nodes[x, blk.TABLE] = NIL
    s.nodes[x, blk.STORED] = 0
