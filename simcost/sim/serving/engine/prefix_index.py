"""Cached prefixes as a router believes them: of each replica the blocks of the prompts that it sent there last.

A hash stands for a block and all blocks before it. Each slot has a hash table with linear probing over a list of blocks
from the newest to the oldest.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.decode_heap import splitmix64
from simcost.sim.serving.engine.layout import NIL, State

# Rules: blocks of a prompt that are looked at, 0 = none; where its scorer stands in `limits`; 1 = the router knows what
# the engines have cached, and remembers nothing itself.
MOST, SCORER, PRECISE = range(3)
RULES = 3
# Totals: the place of the first hash in the store; blocks that were looked up and found at the replica chosen.
BASE, ASKED, HIT = range(3)
TOTALS = 3
# Columns of a block; of the ends of a list.
HASH, NEWER, OLDER = range(3)
NEWEST, OLDEST, COUNT = range(3)
LENGTH_BITS = 16  # of a reference: place in the store << LENGTH_BITS | number of hashes


class Prefixes(NamedTuple):
    """The index of a router; the driver owns the arrays."""

    rules: col.Ints
    totals: col.Ints
    store: col.Ints
    """Hashes of the prompts of requests that are not over, one after the other."""
    tables: col.Ints
    """[slot, place] the block; NIL = none. As many places as a power of two, at least twice the blocks."""
    blocks: npt.NDArray[np.int64]
    """[slot, block, (HASH, NEWER, OLDER)]"""
    ends: col.Ints
    """[slot, (NEWEST, OLDEST, COUNT)]"""


@lean
def place_of(p: Prefixes, r: int, value: int) -> int:
    """Position of the hash in the table of slot r, present or future."""
    mask = p.tables.shape[1] - 1
    i = np.int64(splitmix64(value)) & mask
    while p.tables[r, i] != NIL and p.blocks[r, p.tables[r, i], HASH] != value:
        i = (i + 1) & mask
    return i


@lean
def take_out(p: Prefixes, r: int, i: int) -> None:
    """Empty place i of the table; those behind it move up."""
    mask, hole = p.tables.shape[1] - 1, i
    while True:
        i = (i + 1) & mask
        b = p.tables[r, i]
        if b == NIL:
            break
        home = np.int64(splitmix64(p.blocks[r, b, HASH])) & mask
        if ((i - home) & mask) >= ((i - hole) & mask):
            p.tables[r, hole] = b
            hole = i
    p.tables[r, hole] = NIL


@lean
def cut_out(p: Prefixes, r: int, b: int) -> None:
    """Block b leaves the list."""
    newer, older = p.blocks[r, b, NEWER], p.blocks[r, b, OLDER]
    if newer == NIL:
        p.ends[r, NEWEST] = older
    else:
        p.blocks[r, newer, OLDER] = older
    if older == NIL:
        p.ends[r, OLDEST] = newer
    else:
        p.blocks[r, older, NEWER] = newer


@lean
def put_first(p: Prefixes, r: int, b: int) -> None:
    """Block b is the newest."""
    newest = p.ends[r, NEWEST]
    p.blocks[r, b, NEWER] = NIL
    p.blocks[r, b, OLDER] = newest
    if newest == NIL:
        p.ends[r, OLDEST] = b
    else:
        p.blocks[r, newest, NEWER] = b
    p.ends[r, NEWEST] = b


@lean
def _touch(p: Prefixes, r: int, value: int) -> None:
    """The hash is the newest of slot r; the oldest gives way where the list is full."""
    i = place_of(p, r, value)
    b = p.tables[r, i]
    if b != NIL:
        cut_out(p, r, b)
    else:
        b = p.ends[r, COUNT]
        if b == p.blocks.shape[1]:
            b = p.ends[r, OLDEST]
            take_out(p, r, place_of(p, r, p.blocks[r, b, HASH]))
            cut_out(p, r, b)
        else:
            p.ends[r, COUNT] += 1
        p.blocks[r, b, HASH] = value
        p.tables[r, place_of(p, r, value)] = b
    put_first(p, r, b)


@lean
def look_up(s: State, p: Prefixes, x: int) -> None:
    """Count for each replica that takes requests the blocks of request x that it has, into SEEN_LOAD, up to the first
    that none has.
    """
    count = s.totals[col.ROUTABLE]
    for i in range(count):
        s.replicas[s.routable[i], col.SEEN_LOAD] = 0
    start, length = reference(s, p, x)
    s.limits[p.rules[SCORER] + 2] = length
    for k in range(length):
        found = False
        for i in range(count):
            r = s.routable[i]
            if p.tables[r, place_of(p, r, p.store[start + k])] != NIL:
                s.replicas[r, col.SEEN_LOAD] += 1
                found = True
        if not found:
            return


@lean
def remember(s: State, p: Prefixes, x: int, r: int) -> None:
    """Request x was sent to slot r."""
    start, length = reference(s, p, x)
    p.totals[ASKED] += length
    p.totals[HIT] += s.replicas[r, col.SEEN_LOAD]
    if p.rules[PRECISE]:
        return
    for k in range(length):
        _touch(p, r, p.store[start + k])


@lean
def reference(s: State, p: Prefixes, x: int) -> tuple[int, int]:
    """Start of the hashes of request x, and how many are looked at."""
    reference = s.nodes[x, col.PREFIX]
    length = min(reference & ((1 << LENGTH_BITS) - 1), p.rules[MOST])
    return (reference >> LENGTH_BITS) - p.totals[BASE], length
