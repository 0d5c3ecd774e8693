"""Arrays of replicas with KV blocks: the driver makes them, empties them for new replicas, and reads their counters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from simcost.errors import RunError
from simcost.plan.serving import PrefixCaching
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import prefix_index
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.layout import NIL, Ints, State
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch

if TYPE_CHECKING:
    from simcost.sim.serving.client_driver import ReturningClients

_ENTRIES_PER_SEQUENCE = 64
_PRICE = 1 << 20


def with_blocks(state: State, pool: Pool, clock: Clock, *, sessions: bool) -> BlockState:
    """The state with KV blocks; `sessions` = requests carry conversations.

    Raises:
        InputError: loading of adapters or blocks takes longer than can be counted.
        RunError: the engine speculates; blocks and speculation exclude each other.
    """
    if clock.drafts is not None:
        raise RunError("an engine that speculates keeps no KV blocks: remove speculation, or what needs blocks")
    rules, slots = _rules(pool, sessions=sessions), len(state.load)
    if pool.adapters is not None:
        rules[blk.MAX_LORAS : blk.MAX_CPU_LORAS + 1] = pool.adapters.slots, pool.adapters.cpu_slots
        rules[blk.DISK_TICKS : blk.LORA_TICKS + 1] = pool.adapters.ticks(clock)
    lists = _tiers(pool, rules, clock, slots)
    blocks, size = int(rules[blk.BLOCKS]), int(rules[blk.BLOCK_TOKENS])
    state.parameters[col.CAPACITY] = blocks * size + 1  # the last token of an answer has no slot
    keys = blocks // max(int(rules[blk.KEY_BLOCKS]), 1)
    cached = rules[blk.CONTENT] in (blk.HASHES, blk.SESSIONS)
    make: Any = BlockState
    state_in_blocks: BlockState = make(
        *state._replace(nodes=np.zeros((0, blk.NODE), np.int64)),
        rules=rules,
        cached=np.zeros(blk.TOTALS, np.int64),
        slots=np.zeros((slots, blk.SLOT), np.int64),
        phases=np.zeros((slots, size), np.int64),
        pieces=np.zeros((slots, blocks + 2 if cached else 1, blk.PIECE), np.int64),
        buckets=np.full((slots, 1 << keys.bit_length() if cached else 1), NIL, np.int64),
        entries=np.zeros(
            (slots, _ENTRIES_PER_SEQUENCE * pool.batching.max_num_seqs if cached else 1, blk.ENTRY), np.int64
        ),
        ends=np.zeros(pool.batching.max_num_seqs + 1, np.int64),
        shares=np.zeros((slots, len(pool.weights), blk.SHARE_OF), np.int64),
        adapters=np.zeros((slots, pool.adapters.count if pool.adapters else 0, blk.ADAPTER_AT), np.int64),
        prices=np.array([round(_PRICE / weight) for weight in pool.weights], np.int64),
        **lists,
        store=np.empty(0, np.int64),
    )
    return state_in_blocks


def _rules(pool: Pool, *, sessions: bool) -> Ints:
    batching, cache = pool.batching, pool.prefix_cache
    rules = np.zeros(blk.RULES, np.int64)
    size = pool.block_tokens
    rules[blk.BLOCK_TOKENS] = size
    rules[blk.BLOCKS] = pool.kv_capacity_tokens // size
    rules[blk.KEPT_FREE] = int((batching.watermark or 0.0) * (int(rules[blk.BLOCKS]) + 1))
    rules[blk.LONG_PREFILL] = batching.long_prefill_token_threshold or 0
    rules[blk.BY_PRIORITY] = batching.policy == "priority"
    rules[blk.BY_TENANT] = batching.policy == "fair"
    rules[blk.CONTENT] = _content(pool, cache, sessions=sessions)
    if rules[blk.CONTENT] == blk.HASHES and pool.prefix_block_tokens:
        rules[blk.KEY_TOKENS] = pool.prefix_block_tokens
        rules[blk.KEY_BLOCKS] = pool.prefix_block_tokens // size
    rules[blk.SYSTEM_BLOCKS] = pool.system_tokens // size
    if cache and cache.hit_share is not None:
        rules[blk.SHARE] = round(cache.hit_share * blk.MILLION)
    return rules


def _tiers(pool: Pool, rules: Ints, clock: Clock, slots: int) -> dict[str, Ints]:
    """Arrays of the tiers of the prefix cache."""
    found = pool.cache_tiers if rules[blk.CONTENT] in (blk.HASHES, blk.SESSIONS) else ()
    chunk = pool.prefix_cache.chunk_tokens // int(rules[blk.BLOCK_TOKENS]) if pool.prefix_cache else 1
    rules[blk.CHUNK_BLOCKS] = int(rules[blk.KEY_BLOCKS]) or max(chunk, 1)
    chunk_tokens = int(rules[blk.CHUNK_BLOCKS] * rules[blk.BLOCK_TOKENS])
    tiers = np.zeros((len(found), blk.TIER), np.int64)
    for row, tier in zip(tiers, found, strict=True):
        row[blk.MOST_CHUNKS] = max(tier.capacity_tokens // chunk_tokens, 1)
        row[blk.LATENCY] = clock.ticks(tier.latency_s)
        row[blk.TICKS_PER_BLOCK] = tier.block_ticks(clock, int(rules[blk.BLOCK_TOKENS]), int(rules[blk.BLOCKS]))
    most, lists = int(tiers[:, blk.MOST_CHUNKS].max(initial=1)), slots * len(found)
    return {
        "tiers": tiers,
        "tier_tables": np.full((lists, 1 << (2 * most - 1).bit_length()), NIL, np.int64),
        "tier_chunks": np.zeros((lists, most, 3), np.int64),
        "tier_ends": np.zeros((lists, 3), np.int64),
    }


def _content(pool: Pool, cache: PrefixCaching | None, *, sessions: bool) -> int:
    if cache is None:
        return blk.NO_CACHE
    if cache.hit_share is not None:
        return blk.STATED_SHARE
    if pool.prefix_block_tokens:
        return blk.HASHES
    return blk.SESSIONS if sessions else blk.NO_CACHE


def empty_slot(state: BlockState, slot: int) -> None:
    """A new replica is in the slot: all its blocks are free, nothing is cached."""
    if state.rules[[blk.BY_PRIORITY, blk.BY_TENANT, blk.MAX_LORAS]].any():
        state.replicas[slot, col.OUT_OF_ORDER] = col.NO_ORDER
    row = state.slots[slot]
    row[:] = 0
    row[[blk.FRESH, blk.FREE]] = state.rules[blk.BLOCKS]
    row[[blk.PIECE_SPARE, blk.ENTRY_SPARE, blk.PASSED]] = NIL
    state.phases[slot] = 0
    state.shares[slot] = 0
    state.adapters[slot] = 0
    state.pieces[slot, 0] = 0
    state.buckets[slot] = NIL
    tiers = len(state.tiers)
    lists = slice(slot * tiers, (slot + 1) * tiers)
    state.tier_tables[lists] = NIL
    state.tier_ends[lists] = NIL
    state.tier_ends[lists, prefix_index.COUNT] = 0


def take_hashes(state: BlockState, clients: ReturningClients, batch: RequestBatch) -> BlockState:
    """The same with the hashes of the requests that come next, of which the clients are told."""
    clients.take(batch, state, partial(_move_hashes, state))
    index = clients.index.state
    state.cached[blk.BASE] = index.totals[prefix_index.BASE]
    return _with(state, store=index.store)


def _move_hashes(state: BlockState, first: int) -> Ints:
    """Hashes of all pieces, which from now on are in the store one after the other up to just before place `first`."""
    keys, used = int(state.rules[blk.KEY_BLOCKS]), state.slots[:, blk.PIECES_USED]
    pieces = state.pieces[:, 1 : int(used.max()) + 1]
    slots, rows = np.nonzero((pieces[:, :, blk.HASH_AT] != blk.ONE_KEY) & (np.arange(pieces.shape[1]) < used[:, None]))
    found = pieces[slots, rows]
    lengths = (found[:, blk.STOP] - 1) // keys - found[:, blk.START] // keys + 1
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    old = np.repeat(found[:, blk.HASH_AT] - (ends - lengths), lengths) + np.arange(total)
    pieces[slots, rows, blk.HASH_AT] = first - total + ends - lengths
    hashes: Ints = state.store[old - state.cached[blk.BASE]]
    return hashes


def more_slots(state: BlockState, count: int) -> BlockState:
    """The same with room for `count` slots."""
    names = ("slots", "phases", "pieces", "buckets", "entries", "shares", "adapters")
    lists = ("tier_tables", "tier_chunks", "tier_ends")
    longer = {name: _longer(getattr(state, name), count) for name in names}
    longer |= {name: _longer(getattr(state, name), count * len(state.tiers)) for name in lists}
    return _with(state, **longer)


def _with(state: BlockState, **arrays: npt.NDArray[Any]) -> BlockState:
    replace: Any = state._replace
    replaced: BlockState = replace(**arrays)
    return replaced


def _longer(array: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    longer = np.zeros((count, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


def check_entries(state: BlockState) -> None:
    """Refuse a run in which a request held more separate pieces of the cache than there is room to note, or in which
    equal hashes came after different ones.

    Raises:
        RunError: such a run.
    """
    if state.cached[blk.OVERFLOW] == blk.NOT_NESTED:
        raise RunError(
            "prefix_hashes of two requests are equal at a block and differ before it; a hash must stand for its block "
            "and all blocks before it"
        )
    if state.cached[blk.OVERFLOW]:
        raise RunError(
            "the prefix cache fell into more pieces than can be noted; give longer `block_tokens`, or more max_num_seqs"
        )
