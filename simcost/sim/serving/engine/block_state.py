"""The memory of the engine with KV blocks: the columns and arrays that it has beside those of `layout`.

A *piece* is a run of consecutive blocks that one request computed: of hashes that follow each other in the store, or of
one key, whose block j is the j-th of the sequence. Equal key and place mean equal content up to there. Blocks without
a key are a number only. A request holds pieces by *entries*: chains of pieces, of which each one says which follows.

A piece is found by the key of its first block. Pieces of hashes that have a block in common begin at the same place:
where one is cut, all with that block are cut.
"""

from typing import TYPE_CHECKING, NamedTuple

from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import Ints, State

# Rules. CONTENT: how the engine knows what prompts share; KEY_BLOCKS, KEY_TOKENS: length of what a hash stands for;
# SHARE: part of each prompt that is cached, in millionths; KEPT_FREE: the watermark; BY_TENANT: tenants take turns.
(
    BLOCK_TOKENS,
    BLOCKS,
    CONTENT,
    KEY_BLOCKS,
    KEY_TOKENS,
    SHARE,
    LONG_PREFILL,
    KEPT_FREE,
    BY_PRIORITY,
    SYSTEM_BLOCKS,
    BY_TENANT,
) = range(11)
# Of LoRA adapters: slots and places in host memory, 0 = none; ticks from disk, to a slot, and in each step.
MAX_LORAS, MAX_CPU_LORAS, DISK_TICKS, LINK_TICKS, LORA_TICKS = range(11, 16)
CHUNK_BLOCKS = 16  # of a chunk of the tiers
RULES = 17
NO_CACHE, HASHES, SESSIONS, STATED_SHARE = range(4)
MILLION = 1_000_000

# Counters of all slots. BASE: the place of the first hash in the store; LOOKED_UP, HIT: tokens of first admissions;
# HIT_PAIRS: the sum of the squares of the latter; OVERFLOW: a request holds more pieces than can be noted, or
# NOT_NESTED: a hash came after two different ones.
BASE, LOOKED_UP, HIT, HIT_PAIRS, OVERFLOW = range(5)
NOT_NESTED = 2
DISK_LOADS, LINK_LOADS, LOAD_TIME = range(5, 8)
TIER_TIME = 8  # by which loads from tiers delayed steps
TOTALS = 9

# Columns of a slot. FRESH: free blocks without a key; FREE: all free ones; *_USED, *_SPARE: of pieces and entries, how
# many were ever used, and the first of those given back; ADMITTED: admissions so far; PREFILLS: running requests that
# do not decode. CHARGED: steps of the run that tenants have paid; LAST_ADMITTED: the tenant that last left the queue.
FRESH, FREE, PIECES_USED, PIECE_SPARE, ENTRIES_USED, ENTRY_SPARE, ADMITTED, PREFILLS = range(8)
# LORAS: adapters of running requests; *_TAKEN: adapters that are resident; TOUCHES: uses of adapters so far.
# PAID: steps that decoding tenants have paid, in all; WAITING_TENANTS: tenants of which requests wait; TURNS: those in
# the heap of turns.
# SEEN_LORAS: adapters of running and waiting requests, as the router knows. LOADING: ticks of loads from tiers before
# the next step.
# PASSED: of the waiting requests in order, the first of which it is not known that its adapter finds no slot; NIL = the
# first of all, END = the next that comes.
CHARGED, LAST_ADMITTED, LORAS, MEMORY_TAKEN, SLOTS_TAKEN, TOUCHES, SEEN_LORAS, LOADING, PASSED = range(8, 17)
PAID, WAITING_TENANTS, TURNS = range(17, 20)
SLOT = 20
END = -2

# Columns of a tier: chunks that it holds at each replica; ticks to begin to load, and for each block; blocks that the
# last request admitted loads from it; tokens found in it at first admissions.
MOST_CHUNKS, LATENCY, TICKS_PER_BLOCK, LOADED, TIER_HIT = range(5)
TIER = 5

# Columns of a tenant at a slot: what it got, over its weight, SINCE: until the slot had PAID so many steps; of its
# requests, how many wait and how many decode; the first and the last that waits; whether it is in the heap of turns.
# TURN_OF, TURN_KEY: of a place of that heap, the tenant there, and its counter or a lower one that it had.
COUNTER, SINCE, WAITING_OF, DECODING_OF, FIRST_OF, LAST_OF, HAS_TURN, TURN_OF, TURN_KEY = range(9)
SHARE_OF = 9

# Columns of an adapter at a slot: running requests; its last use in host memory and in a slot, 0 = it is not there;
# SEEN_WITH: whether requests with it wait or run, as the router knows; requests that wait.
RUNNING_WITH, IN_MEMORY, IN_SLOT, SEEN_WITH, WAITING_WITH = range(5)
ADAPTER_AT = 5
NOT_SEEN, SEEN_WAITING, SEEN_RUNNING = range(3)

# Columns of a piece: the key of its first block; places of that and of the one after its last; requests that hold it;
# its neighbours among those without a holder, from the one to be evicted first; the next in its bucket, or UNMAPPED;
# the one that follows in the chains that go on; where its first hash is in the store, or ONE_KEY. Piece 0 of a slot is
# both ends of the list of those without a holder.
KEY, START, STOP, HOLDERS, LESS_RECENT, MORE_RECENT, IN_BUCKET, REST, HASH_AT = range(9)
PIECE = 9
UNMAPPED = -2
ONE_KEY = -(1 << 62)

# Columns of an entry: the first piece of the chain, one near its end, the place where it ends; the entry before.
FIRST_PIECE, LAST_PIECE, UNTIL, BEFORE = range(4)
ENTRY = 4

# Columns of `nodes` beside those of `layout`. MARK counts computed tokens, those of this step included, while in
# prefill. STAGE; SERIAL: its admission at the replica; TABLE: its last entry; STORED: blocks with an entry; CHUNK:
# tokens of this step; CACHED: its first hit, NIL = never admitted; GROWN: this step's block of a decode is taken;
# ENTERED: chunks in tiers; *_OF_TENANT: its neighbours among the requests of its tenant that wait.
STAGE, SERIAL, TABLE, STORED, CHUNK, CACHED, GROWN, TENANT, ADAPTER, ENTERED = range(col.NODE, col.NODE + 10)
PREV_OF_TENANT, NEXT_OF_TENANT = range(col.NODE + 10, col.NODE + 12)
NODE = col.NODE + 12
WAITS, PREFILLS_NOW, DECODES = range(3)
# What becomes of a request that gives up its blocks.
LEAVES, RETURNS = range(2)


class Blocks:
    """The arrays of KV blocks; the driver owns them, the kernel works on them."""

    rules: Ints
    cached: Ints
    """Counters of all slots."""
    slots: Ints
    """[slot, SLOT]"""
    phases: Ints
    """[slot, tokens of the sequence modulo a block] decoding requests, less the steps that the slot has decoded."""
    pieces: Ints
    """[slot, piece, PIECE]"""
    buckets: Ints
    """[slot, hash of the key] the oldest piece of a bucket; NIL = none. As many as a power of two."""
    entries: Ints
    """[slot, entry, ENTRY]"""
    ends: Ints
    """Requests that end at one boundary."""
    shares: Ints
    """[slot, tenant, SHARE_OF]"""
    prices: Ints
    """[tenant] of a token, over its weight."""
    adapters: Ints
    """[slot, adapter, ADAPTER_AT]"""
    tiers: Ints
    """[tier, TIER]"""
    tier_tables: Ints
    """[slot * tiers + tier, place] the chunk; NIL = none. A power of two places, twice the chunks at least."""
    tier_chunks: Ints
    """[slot * tiers + tier, chunk, (HASH, NEWER, OLDER) of `prefix_index`]"""
    tier_ends: Ints
    """[slot * tiers + tier, (NEWEST, OLDEST, COUNT) of `prefix_index`]"""
    store: Ints
    """Hashes of pieces, and of the prompts of requests that are not over, one after the other."""


if TYPE_CHECKING:

    class BlockState(State, Blocks):
        """The arrays of `State`, and those of the blocks."""
else:
    BlockState = NamedTuple("BlockState", [*State.__annotations__.items(), *Blocks.__annotations__.items()])
