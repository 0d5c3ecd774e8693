"""Boundaries and caches of either kind of engine: compiled for the arrays of the pool, a `State` or a `BlockState`."""

from simcost.sim.compiled import by_state, inlined
from simcost.sim.serving.engine import adapter_slots, block_cache, block_step, fair_queue, prefix_index, step
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.layout import State


@inlined
def _ignore(_s: State, _x: int, _number: int) -> None:
    """Engines that count tokens know neither tenants nor adapters."""


@inlined
def _no_adapters(_s: State, _r: int) -> None:
    """Nothing to tell."""


@inlined
def _no_affinity(_s: State, _r: int, _x: int) -> float:
    return 0.0


adapter_affinity = by_state(_no_affinity, BlockState, adapter_slots.affinity)
catch_up = by_state(step.catch_up, BlockState, block_step.catch_up)
catch_up_all = by_state(step.catch_up_all, BlockState, block_step.catch_up_all)
finish_all = by_state(step.finish_all, BlockState, block_step.finish_all)
look_up = by_state(prefix_index.look_up, BlockState, block_cache.look_up_everywhere)
set_adapter = by_state(_ignore, BlockState, adapter_slots.set_adapter)
tell_adapters = by_state(_no_adapters, BlockState, adapter_slots.tell_adapters)
set_tenant = by_state(_ignore, BlockState, fair_queue.set_tenant)
enqueue = by_state(step.enqueue, BlockState, block_step.enqueue)
