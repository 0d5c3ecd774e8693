"""Pieces of the KV cache of a replica: found by their first key, split, held by requests, evicted."""

import numpy as np

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.decode_heap import splitmix64
from simcost.sim.serving.engine.layout import NIL


@lean
def hashed(number: int) -> int:
    """A hash of a number."""
    return int(np.int64(splitmix64(number)))


@lean
def _bucket_of(s: BlockState, key: int) -> int:
    return hashed(key) & (s.buckets.shape[1] - 1)


@lean
def hash_at(s: BlockState, r: int, p: int, place: int) -> int:
    """Place in the store of the hash of a block of piece p."""
    piece, size = s.pieces[r, p], s.rules[blk.KEY_BLOCKS]
    return piece[blk.HASH_AT] + place // size - piece[blk.START] // size


@lean
def _same_until(s: BlockState, r: int, p: int, at: int, place: int, limit: int) -> int:
    """The place after `place`, `limit` at most, up to which the blocks of piece p are those of the hashes from `at`."""
    if at == blk.ONE_KEY:
        return limit
    one, other, size = at - s.cached[blk.BASE], hash_at(s, r, p, place) - s.cached[blk.BASE], s.rules[blk.KEY_BLOCKS]
    while place < limit and s.store[one] == s.store[other]:
        place += size - place % size
        one += 1
        other += 1
    return min(place, limit)


@lean
def find_piece(s: BlockState, r: int, first: int, at: int, place: int, limit: int) -> tuple[int, int]:
    """The oldest piece of those with the key `first` that has the block of this place, whose hash is `at`, and up to
    where it answers; NIL = none has it.
    """
    pieces = s.pieces[r]
    p = s.buckets[r, _bucket_of(s, first)]
    while p != NIL:
        if pieces[p, blk.KEY] == first:
            start = pieces[p, blk.START]
            if start <= place < pieces[p, blk.STOP]:
                until = _same_until(s, r, p, at, place, min(pieces[p, blk.STOP], limit))
                if until > place:
                    return p, until
            elif start > place:
                limit = min(limit, start)  # from there on an older one answers
        p = pieces[p, blk.IN_BUCKET]
    return NIL, place


@lean
def insert_idle(s: BlockState, r: int, p: int, after: int) -> None:
    """Put piece p, which has no holder, before `after` in the order of eviction; before piece 0: as the last."""
    pieces = s.pieces[r]
    before = pieces[after, blk.LESS_RECENT]
    pieces[p, blk.LESS_RECENT], pieces[p, blk.MORE_RECENT] = before, after
    pieces[before, blk.MORE_RECENT] = p
    pieces[after, blk.LESS_RECENT] = p


@lean
def take_out_idle(s: BlockState, r: int, p: int) -> None:
    """Piece p leaves the order of eviction."""
    pieces = s.pieces[r]
    before, after = pieces[p, blk.LESS_RECENT], pieces[p, blk.MORE_RECENT]
    pieces[before, blk.MORE_RECENT] = after
    pieces[after, blk.LESS_RECENT] = before


@lean
def new_piece(s: BlockState, r: int, key: int, at: int, start: int, stop: int, holders: int) -> int:
    """A piece that cannot be found yet."""
    slot, pieces = s.slots[r], s.pieces[r]
    p = slot[blk.PIECE_SPARE]
    if p != NIL:
        slot[blk.PIECE_SPARE] = pieces[p, blk.REST]
    else:
        slot[blk.PIECES_USED] += 1
        p = slot[blk.PIECES_USED]
    pieces[p, blk.KEY], pieces[p, blk.HASH_AT] = key, at
    pieces[p, blk.START], pieces[p, blk.STOP] = start, stop
    pieces[p, blk.HOLDERS] = holders
    pieces[p, blk.IN_BUCKET] = blk.UNMAPPED
    pieces[p, blk.REST] = NIL
    return p


@lean
def enter(s: BlockState, r: int, p: int) -> None:
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


@lean
def forget(s: BlockState, r: int, p: int) -> None:
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
    pieces[p, blk.HASH_AT] = blk.ONE_KEY
    pieces[p, blk.REST] = slot[blk.PIECE_SPARE]
    slot[blk.PIECE_SPARE] = p


@lean
def evict(s: BlockState, r: int, count: int) -> None:
    """Forget so many blocks without a holder, those that were left first."""
    pieces = s.pieces[r]
    while count > 0:
        p = pieces[0, blk.MORE_RECENT]
        length = pieces[p, blk.STOP] - pieces[p, blk.START]
        if length > count:
            pieces[p, blk.STOP] -= count
            return
        take_out_idle(s, r, p)
        forget(s, r, p)
        count -= length


@lean
def _split(s: BlockState, r: int, p: int, place: int) -> None:
    """The blocks of piece p from `place` on become a piece of their own."""
    pieces = s.pieces[r]
    key, at = pieces[p, blk.KEY], blk.ONE_KEY
    if pieces[p, blk.HASH_AT] != blk.ONE_KEY:
        at = hash_at(s, r, p, place)
        key = s.store[at - s.cached[blk.BASE]]
    q = new_piece(s, r, key, at, place, pieces[p, blk.STOP], pieces[p, blk.HOLDERS])
    pieces[q, blk.REST] = pieces[p, blk.REST]
    pieces[p, blk.REST] = q
    pieces[p, blk.STOP] = place
    if key != pieces[p, blk.KEY]:
        enter(s, r, q)
    else:
        pieces[q, blk.IN_BUCKET] = pieces[p, blk.IN_BUCKET]
        pieces[p, blk.IN_BUCKET] = q
    if pieces[p, blk.HOLDERS] == 0:
        insert_idle(s, r, q, p)


@lean
def cut(s: BlockState, r: int, p: int, place: int) -> None:
    """Split piece p, and all that have its block of this place."""
    pieces = s.pieces[r]
    if pieces[p, blk.HASH_AT] == blk.ONE_KEY:
        _split(s, r, p, place)
        return
    first, at = pieces[p, blk.KEY], hash_at(s, r, p, place)
    q = s.buckets[r, _bucket_of(s, first)]
    while q != NIL:
        after = pieces[q, blk.IN_BUCKET]
        spans = pieces[q, blk.KEY] == first and pieces[q, blk.START] < place < pieces[q, blk.STOP]
        if spans and _same_until(s, r, q, at, place, place + 1) > place:
            _split(s, r, q, place)
        q = after


@lean
def last_piece(s: BlockState, r: int, e: int) -> int:
    """The piece that entry e ends with."""
    q = s.entries[r, e, blk.LAST_PIECE]
    while s.pieces[r, q, blk.STOP] != s.entries[r, e, blk.UNTIL]:
        q = s.pieces[r, q, blk.REST]
    return q


@lean
def hold_piece(s: BlockState, r: int, x: int, p: int) -> None:
    """Note that request x holds piece p, which follows those that it holds already."""
    pieces, entries, slot = s.pieces[r], s.entries[r], s.slots[r]
    e = s.nodes[x, blk.TABLE]
    if e != NIL:
        q = last_piece(s, r, e)
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
