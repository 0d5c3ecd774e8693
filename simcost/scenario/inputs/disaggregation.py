"""The prefill side of a plan whose prefill and decode are apart: a plan of its own, and the hand-over in numbers."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from simcost.catalog import Model
from simcost.errors import InputError
from simcost.perf.kv_cache import LONG_SEQUENCE, kv_bytes_per_token
from simcost.plan import Admission
from simcost.plan.autoscaling.wva import of_replicas
from simcost.plan.disaggregation import HandOver

if TYPE_CHECKING:
    from simcost.scenario.schema.scenario import Plan
    from simcost.sim.serving.pool import Pool, PrefillSide


def prefill_plan(plan: Plan) -> Plan:
    """The prefill replicas of a plan as one of their own; they send nothing to clients."""
    apart = plan.disaggregation
    if apart is None:
        raise InputError(f"plan {plan.name!r} has no disaggregation")
    replica, scaling = apart.replica or plan.replica, apart.scaling
    if replica is not None:
        scaling = of_replicas(scaling, accelerators=replica.accelerators, role="prefill")
    return replace(
        plan,
        name=f"{plan.name} (prefill)",
        replica=replica,
        scaling=scaling,
        batching=apart.batching or plan.batching,
        router=apart.router,
        buy=apart.buy or plan.buy,
        or_buy=(),
        disaggregation=None,
        response_bytes_per_token=0.0,
    )


def prefill_side(plan: Plan, decode: Pool, prefill: Pool, model: Model, held_tokens: int | None) -> PrefillSide:
    """The hand-over between the pools of a plan.

    A device sends and fetches its part of the KV cache; the side with fewer devices has more on each. Layers with a
    window hand over that of each sequence: `held_tokens` is their mean length, as of `fit_memory`.

    Raises:
        InputError: an autoscaler's manifest brings limits at the gateway, which are not simulated here.
    """
    from simcost.sim.serving.pool import PrefillSide

    apart = plan.disaggregation
    if apart is None or plan.replica is None:
        raise InputError(f"plan {plan.name!r} has no disaggregation")
    if any(pool.admission != Admission(max_queued=pool.admission.max_queued) for pool in (decode, prefill)):
        raise InputError(
            f"plan {plan.name!r}: limits of its manifest at the gateway cannot be combined with disaggregation; write "
            "the autoscaler in place"
        )
    hand_over = HandOver(**{field.name: getattr(apart, field.name) for field in fields(HandOver)})
    specs = (plan.replica, apart.replica or plan.replica)
    length = held_tokens or LONG_SEQUENCE
    per_device = (
        kv_bytes_per_token(spec.shape(model), spec.tp, spec.kv_precision, spec.pp, sequence_tokens=length)
        for spec in specs
    )
    return PrefillSide(
        pool=prefill,
        hand_over=hand_over,
        transfer_s_per_token=max(per_device) / hand_over.link.bandwidth,
        layers=plan.replica.shape(model).layers,
    )
