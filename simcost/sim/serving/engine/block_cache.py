"""KV blocks of a replica and its prefix cache, as vLLM's block pool has them.

Blocks without a holder but with a key stay cached until they are taken: those whose holder left first, the end of
a sequence before its beginning. Blocks without a key are taken before all others.
"""

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import prefix_index
from simcost.sim.serving.engine.block_pieces import (
    cut,
    enter,
    evict,
    find_piece,
    hash_at,
    hashed,
    hold_piece,
    insert_idle,
    last_piece,
    new_piece,
    take_out_idle,
)
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.layout import NEVER, NIL
from simcost.sim.serving.engine.prefix_index import LENGTH_BITS, Prefixes

_SYSTEM = 0x53595354454D
_SESSION = 0x5A17
_OWN = 0x3C6EF372FE94F82B


@lean
def blocks_of(s: BlockState, tokens: int) -> int:
    """Blocks that hold so many tokens."""
    size = s.rules[blk.BLOCK_TOKENS]
    return (tokens + size - 1) // size


@lean
def _shared_end(s: BlockState, x: int) -> int:
    """The place from which on only request x itself knows what its blocks hold."""
    node, content = s.nodes[x], s.rules[blk.CONTENT]
    if content == blk.HASHES:
        known = node[col.PREFIX] & ((1 << LENGTH_BITS) - 1)
        return min(known, node[col.PROMPT] // s.rules[blk.KEY_TOKENS]) * s.rules[blk.KEY_BLOCKS]
    return NEVER if content == blk.SESSIONS and node[col.SESSION] != NIL else 0


@lean
def key_at(s: BlockState, x: int, place: int) -> tuple[int, int, int]:
    """Key of a block of request x, where its hash is in the store or ONE_KEY, and the place where others begin."""
    node, rules = s.nodes[x], s.rules
    if rules[blk.CONTENT] == blk.HASHES:
        end = _shared_end(s, x)
        if place < end:
            at = (node[col.PREFIX] >> LENGTH_BITS) + place // rules[blk.KEY_BLOCKS]
            return s.store[at - s.cached[blk.BASE]], at, end
    if rules[blk.CONTENT] == blk.SESSIONS and node[col.SESSION] != NIL:
        if place < rules[blk.SYSTEM_BLOCKS]:
            return _SYSTEM, blk.ONE_KEY, rules[blk.SYSTEM_BLOCKS]
        return hashed(node[col.SESSION] ^ _SESSION), blk.ONE_KEY, NEVER
    return hashed(node[col.REQUEST] ^ _OWN), blk.ONE_KEY, NEVER


@lean
def _find_next(s: BlockState, r: int, x: int, first: int, place: int, most: int) -> tuple[int, int, int]:
    """As `_find` for a block of request x, among the pieces that begin as that with the block before, else with this
    one; and the first key of these.
    """
    key, at, end = key_at(s, x, place)
    if at == blk.ONE_KEY:
        first = key
    while True:
        p, until = find_piece(s, r, first, at, place, min(end, most))
        if p != NIL or first == key:
            return p, until, first
        first = key


@lean
def look_up(s: BlockState, r: int, x: int, length: int) -> tuple[int, int]:
    """Leading blocks of request x that replica r has cached, and how many of them somebody holds.

    At least one token of its `length` is left to compute.
    """
    place, held = 0, 0
    if s.rules[blk.CONTENT] in (blk.HASHES, blk.SESSIONS):
        most = (length - 1) // s.rules[blk.BLOCK_TOKENS]
        first, _at, _end = key_at(s, x, 0)
        while place < most:
            p, until, first = _find_next(s, r, x, first, place, most)
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


@lean
def take(s: BlockState, r: int, count: int) -> None:
    """Take so many blocks, which are there, out of the free ones."""
    slot = s.slots[r]
    slot[blk.FREE] -= count
    fresh = min(count, slot[blk.FRESH])
    slot[blk.FRESH] -= fresh
    if count > fresh:
        evict(s, r, count - fresh)


@lean
def claim(s: BlockState, r: int, x: int, count: int) -> None:
    """Request x holds its first `count` blocks, which are cached."""
    pieces, place = s.pieces[r], 0
    first, _at, _end = key_at(s, x, 0)
    while place < count:
        p, until, first = _find_next(s, r, x, first, place, count)
        if p == NIL:
            s.cached[blk.OVERFLOW] = blk.NOT_NESTED
            return
        if pieces[p, blk.START] < place:
            cut(s, r, p, place)
            p = pieces[p, blk.REST]
        if pieces[p, blk.STOP] > until:
            cut(s, r, p, until)
        if pieces[p, blk.HOLDERS] == 0:
            take_out_idle(s, r, p)
            s.slots[r, blk.FREE] -= until - place
        pieces[p, blk.HOLDERS] += 1
        hold_piece(s, r, x, p)
        place = until
    s.nodes[x, blk.STORED] = count


@lean
def _stop_of_alike(s: BlockState, r: int, x: int, place: int, full: int) -> int:
    """The place up to which another has the blocks of request x from `place` on, and begins there too from now on."""
    e = s.nodes[x, blk.TABLE]
    if e != NIL:
        first = s.pieces[r, last_piece(s, r, e), blk.KEY]
    else:
        first, _at, _end = key_at(s, x, place)
    p, until, first = _find_next(s, r, x, first, place, full)
    if p != NIL and s.pieces[r, p, blk.START] < place:
        cut(s, r, p, place)
    return until


@lean
def _lengthen(s: BlockState, r: int, x: int, place: int, stop: int) -> bool:
    """Let the last piece of request x go on to `stop`, if it alone holds that, and it has the hashes of x."""
    e = s.nodes[x, blk.TABLE]
    if e == NIL:
        return False
    _key, at, _end = key_at(s, x, place)
    q = last_piece(s, r, e)
    piece = s.pieces[r, q]
    if piece[blk.HOLDERS] != 1 or piece[blk.HASH_AT] == blk.ONE_KEY or hash_at(s, r, q, place) != at:
        return False
    piece[blk.STOP] = s.entries[r, e, blk.UNTIL] = stop
    s.entries[r, e, blk.LAST_PIECE] = q
    return True


@lean
def _store(s: BlockState, r: int, x: int, place: int, full: int) -> None:
    while place < full:
        key, at, end = key_at(s, x, place)
        stop = min(end, full)
        if at != blk.ONE_KEY:
            alike = _stop_of_alike(s, r, x, place, stop)
            if alike == place and _lengthen(s, r, x, place, stop):
                break
            stop = stop if alike == place else alike
        p = new_piece(s, r, key, at, place, stop, 1)
        enter(s, r, p)
        hold_piece(s, r, x, p)
        place = stop
    s.nodes[x, blk.STORED] = full


@lean
def store(s: BlockState, r: int, x: int, tokens: int) -> None:
    """Blocks that are full with the first `tokens` of request x can be found from now on, where others may ask."""
    if s.rules[blk.CONTENT] in (blk.HASHES, blk.SESSIONS):
        place, full = s.nodes[x, blk.STORED], min(tokens // s.rules[blk.BLOCK_TOKENS], _shared_end(s, x))
        if place < full:
            _store(s, r, x, place, full)


@lean
def _let_go(s: BlockState, r: int, e: int) -> None:
    """One holder less for the pieces of entry e; those without holders are evicted after all others, the last first."""
    pieces, latest = s.pieces[r], 0
    p, until = s.entries[r, e, blk.FIRST_PIECE], s.entries[r, e, blk.UNTIL]
    while True:
        pieces[p, blk.HOLDERS] -= 1
        if pieces[p, blk.HOLDERS] == 0:
            s.slots[r, blk.FREE] += pieces[p, blk.STOP] - pieces[p, blk.START]
            insert_idle(s, r, p, latest)
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
        key, at, end = key_at(s, x, place)
        p = new_piece(s, r, key, at, place, min(end, full), 0)
        if status == blk.RETURNS or _shared_end(s, x) > place:
            enter(s, r, p)
        insert_idle(s, r, p, latest)
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
