"""The memory of prefill and decode apart: which number stands in which column, beside the states of both sides.

A request is a node of the prefill side until its prefill has ended, and from then on a node of the decode side. Its
tokens stay in the KV cache of the prefill replica until their transfer has ended. At the decode replica it is in the
list of the replica (`layout`), but for the time of the transfer, when it is in the list of those that are loading.
"""

from typing import NamedTuple

from simcost.sim.serving.engine.layout import Ints

# Numbers of the plan (`parameters`), times in ticks. PER_TOKEN is a fixed-point number with SHIFT fractional bits.
# FIFO: 1 = the transfers to a decode replica one after another. FROM_PREFILL: 1 = the first token comes from there.
# LAYERS: sent one by one as they are computed, 0 = after the prefill. LOCAL_BELOW: shorter prompts have no remote
# prefill. FAIL_BELOW: transfers fail whose hash of 53 bits is below. RECOMPUTE: 1 = the decode replica prefills then.
BASE, PER_TOKEN, SHIFT, FIFO, FROM_PREFILL, LAYERS, LOCAL_BELOW, FAIL_BELOW, RECOMPUTE = range(9)

# Counters (`totals`). RELEASES: length of that heap. STALLED: prefill replicas that stand still, since only a transfer
# makes room there. TRANSFERS to FAILED: transfers begun, their time and tokens; time from the end of a prefill to the
# start of its transfer; requests prefilled where they decode, as they are short; transfers that failed.
RELEASES, STALLED, TRANSFERS, TRANSFER_TIME, MOVED_TOKENS, HELD_TIME, LOCAL, FAILED = range(8)
TOTALS = 8

# Columns of `decode`, one row per decode slot: the list of loading requests by start, and when its link is free.
LOADING_HEAD, LOADING_TAIL, LOADING, LINK_FREE = range(4)
DECODE = 4

# Columns of `requests`, one row per node of the decode side. OWNER: the prefill replica that has its tokens, NIL = they
# need not come from elsewhere. PREFILLED: when that was. TOOK: time that its prefill took.
READY, OWNER, PREFILLED, TOOK = range(4)
REQUEST = 4

# Columns of `releases`, a min-heap: at that time, prefill replica FROM is rid of so many tokens.
AT, FROM, TOKENS = range(3)
RELEASE = 3


class TransferState(NamedTuple):
    """Arrays between the two sides."""

    parameters: Ints
    totals: Ints
    stalled: Ints
    """[prefill slot] 1 = only a transfer makes room there."""
    decode: Ints
    """[decode slot, DECODE]"""
    began: Ints
    """[node of the prefill side] start of its prefill."""
    requests: Ints
    """[node of the decode side, REQUEST]"""
    releases: Ints
    """[entry, RELEASE]"""
