"""LoRA adapters of a replica: the slots that running requests hold, and what is resident in slots and host memory.

As in vLLM: a waiting request whose adapter finds no slot is passed over and keeps its place; adapters of a step that
are not resident are loaded before it, which delays the whole step.
"""

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.layout import NIL


@lean
def set_adapter(s: BlockState, x: int, adapter: int) -> None:
    """Request x asks for an adapter; NIL = for none."""
    s.nodes[x, blk.ADAPTER] = adapter


@lean
def waits_for_slot(s: BlockState, r: int, x: int) -> bool:
    """True if all slots of replica r are of running requests with other adapters."""
    adapter = s.nodes[x, blk.ADAPTER]
    if s.rules[blk.MAX_LORAS] == 0 or adapter == NIL or s.adapters[r, adapter, blk.RUNNING_WITH] > 0:
        return False
    return s.slots[r, blk.LORAS] >= s.rules[blk.MAX_LORAS]


@lean
def change_running(s: BlockState, r: int, x: int, change: int) -> None:
    """Request x begins or ends to hold the slot of its adapter."""
    if s.rules[blk.MAX_LORAS] > 0 and s.nodes[x, blk.ADAPTER] != NIL:
        mine = s.adapters[r, s.nodes[x, blk.ADAPTER]]
        before = mine[blk.RUNNING_WITH] > 0
        mine[blk.RUNNING_WITH] += change
        s.slots[r, blk.LORAS] += (mine[blk.RUNNING_WITH] > 0) - before
        if before and mine[blk.RUNNING_WITH] == 0:
            s.slots[r, blk.PASSED] = NIL


@lean
def first_to_try(s: BlockState, r: int) -> int:
    """The first waiting request that may find a slot for its adapter: those before it found none, and no slot has
    become free since.
    """
    passed = s.slots[r, blk.PASSED]
    if passed == NIL or s.rules[blk.MAX_LORAS] == 0:
        return s.replicas[r, col.WAIT_HEAD]
    return NIL if passed == blk.END else passed


@lean
def tried_up_to(s: BlockState, r: int, x: int) -> None:
    """Requests were admitted, or found no slot, up to but not with x; NIL = all."""
    s.slots[r, blk.PASSED] = blk.END if x == NIL else x


@lean
def join_waiting(s: BlockState, r: int, x: int) -> None:
    """Request x has joined the queue; what is known of those before holds if it is the last."""
    if s.rules[blk.MAX_LORAS] > 0:
        if s.nodes[x, blk.ADAPTER] != NIL:
            s.adapters[r, s.nodes[x, blk.ADAPTER], blk.WAITING_WITH] += 1
        if s.nodes[x, col.NEXT] != NIL:
            s.slots[r, blk.PASSED] = NIL
        elif s.slots[r, blk.PASSED] == blk.END:
            s.slots[r, blk.PASSED] = x


@lean
def leave_waiting(s: BlockState, r: int, x: int) -> None:
    """Request x, still in the list, leaves the queue."""
    if s.rules[blk.MAX_LORAS] > 0:
        if s.nodes[x, blk.ADAPTER] != NIL:
            s.adapters[r, s.nodes[x, blk.ADAPTER], blk.WAITING_WITH] -= 1
        if s.slots[r, blk.PASSED] == x:
            tried_up_to(s, r, s.nodes[x, col.NEXT])


@lean
def _touch(s: BlockState, r: int, adapter: int, where: int, count: int, most: int) -> bool:
    """Use an adapter in the host memory or in a slot; true if it was not there. The least recently used one goes."""
    known = s.adapters[r, adapter, where] > 0
    s.slots[r, blk.TOUCHES] += 1
    s.adapters[r, adapter, where] = s.slots[r, blk.TOUCHES]
    if not known:
        s.slots[r, count] += 1
        if s.slots[r, count] > most:
            oldest = adapter
            for k in range(s.adapters.shape[1]):
                if 0 < s.adapters[r, k, where] < s.adapters[r, oldest, where]:
                    oldest = k
            s.adapters[r, oldest, where] = 0
            s.slots[r, count] -= 1
            if where == blk.IN_MEMORY and s.adapters[r, oldest, blk.IN_SLOT] > 0:
                s.adapters[r, oldest, blk.IN_SLOT] = 0
                s.slots[r, blk.SLOTS_TAKEN] -= 1
    return not known


@lean
def load_adapters(s: BlockState, r: int) -> tuple[int, int]:
    """Make the adapters of the step of replica r resident, in the order of scheduling: ticks to load, and ticks that
    its adapters add to it.
    """
    rules, before = s.rules, s.slots[r, blk.TOUCHES]
    load = extra = 0
    x = s.replicas[r, col.HEAD]
    while x != s.replicas[r, col.WAIT_HEAD]:
        node = s.nodes[x]
        adapter = node[blk.ADAPTER]
        scheduled = node[blk.STAGE] == blk.DECODES or node[blk.CHUNK] > 0
        if scheduled and adapter != NIL and s.adapters[r, adapter, blk.IN_SLOT] <= before:
            extra += rules[blk.LORA_TICKS]
            if _touch(s, r, adapter, blk.IN_MEMORY, blk.MEMORY_TAKEN, rules[blk.MAX_CPU_LORAS]):
                load += rules[blk.DISK_TICKS]
                s.cached[blk.DISK_LOADS] += 1
            if _touch(s, r, adapter, blk.IN_SLOT, blk.SLOTS_TAKEN, rules[blk.MAX_LORAS]):
                load += rules[blk.LINK_TICKS]
                s.cached[blk.LINK_LOADS] += 1
        x = node[col.NEXT]
    s.cached[blk.LOAD_TIME] += load
    return load, extra


@lean
def tell_adapters(s: BlockState, r: int) -> None:
    """The router learns the adapters of the running and of the waiting requests of replica r."""
    count = s.adapters.shape[1]
    if count == 0:
        return
    s.slots[r, blk.SEEN_LORAS] = s.slots[r, blk.LORAS]
    for k in range(count):
        mine = s.adapters[r, k]
        mine[blk.SEEN_WITH] = blk.NOT_SEEN
        if mine[blk.RUNNING_WITH] > 0:
            mine[blk.SEEN_WITH] = blk.SEEN_RUNNING
        elif mine[blk.WAITING_WITH] > 0:
            mine[blk.SEEN_WITH] = blk.SEEN_WAITING
            s.slots[r, blk.SEEN_LORAS] += 1


@lean
def affinity(s: BlockState, r: int, x: int) -> float:
    """Score of replica r for request x by its adapter, as llm-d's; 0 before the router has heard of the replica."""
    adapter = s.nodes[x, blk.ADAPTER]
    seen = s.adapters[r, adapter, blk.SEEN_WITH] if adapter != NIL else blk.NOT_SEEN
    if seen == blk.SEEN_RUNNING:
        return 1.0
    if s.replicas[r, col.SEEN_AT] > 0 and s.slots[r, blk.SEEN_LORAS] < s.rules[blk.MAX_LORAS]:
        return 0.8
    return 0.6 if seen == blk.SEEN_WAITING else 0.0
