"""First guess of the hardware for a model: precision, smallest replica, cheapest offer, number of replicas."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from simcost.catalog import Catalog
from simcost.catalog.facts import Precision
from simcost.catalog.processors import whole_nodes_usd_per_h
from simcost.catalog.provider_facts import is_priced, lacking_facts
from simcost.errors import DoesNotFitError, InputError
from simcost.perf import ReplicaSpec, StepTime, fit_memory, step_time
from simcost.perf.memory import gemm_rate, possible_tp
from simcost.plan import Batching

LOAD = 0.3
"""Share of what replicas bear at most that the mean load takes: the rest is for the peak of the day, and for bursts."""
LEAST_BATCH = 32
"""Sequences of mean length that the KV cache of a replica has to hold: a smaller one spends its time on weights."""
ANY = "any"
"""Provider: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanLoad:
    """Load by its means."""

    rate_per_s: float
    prompt_tokens: float
    output_tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessedPlan:
    """Plan to begin with."""

    accelerator: str
    precision: str
    tp: int
    offer: str
    region: str
    replicas: int
    usd_per_h: float
    """Of one replica, on demand."""
    replicas_per_node: int
    """A node is paid as a whole."""


def guess_plan(catalog: Catalog, model: str, accelerator: str, provider: str, load: MeanLoad) -> GuessedPlan:
    """A plan for a mean load: enough replicas that it takes LOAD of what they bear.

    Raises:
        InputError: the model fits on no replica for which an offer is known.
    """
    served, device = catalog.model(model), catalog.accelerator(accelerator)
    precision: Precision = "fp8" if gemm_rate(device, "fp8") == "fp8" else "bf16"
    every = catalog.offers_for(device.name)
    sold = [offer for offer in every if provider in (ANY, offer.provider)]
    offers = [offer for offer in sold if is_priced(catalog, offer.provider, region=offer.region)]
    if not offers:
        if any(offer.provider == provider for offer in every) and (lacks := lacking_facts(catalog, provider)):
            raise InputError(lacks)
        known = ", ".join(sorted({offer.provider for offer in every})) or "no provider"
        raise InputError(f"the catalog has no offer of {provider} with {device.name}, but of {known}; see --provider")
    batching, held = Batching(), max(1, round(load.prompt_tokens + load.output_tokens / 2))
    for tp in possible_tp(served):
        fitting = [one for one in offers if one.accelerators % tp == 0]
        if not fitting:
            continue
        spec = ReplicaSpec(accelerator=device.name, tp=tp, precision=precision)
        try:
            memory = fit_memory(served, device, spec, batching.max_num_batched_tokens, held_tokens=held)
        except DoesNotFitError:
            continue
        step = step_time(catalog, served, device, spec)
        capacity = requests_per_s(step, load, memory.kv_capacity_tokens, batching.max_num_seqs)
        if capacity > 0:
            replicas = max(1, ceil(load.rate_per_s / (LOAD * capacity)))
            offer = min(fitting, key=lambda one: whole_nodes_usd_per_h(one, replicas * tp))
            return GuessedPlan(
                accelerator=device.name,
                precision=precision,
                tp=tp,
                offer=offer.name,
                region=offer.region,
                replicas=replicas,
                usd_per_h=offer.on_demand_usd_per_h * tp / offer.accelerators,
                replicas_per_node=offer.accelerators // tp,
            )
    raise InputError(f"{model} fits on no replica of {device.name} that can be bought; choose another --on")


def requests_per_s(step: StepTime, load: MeanLoad, kv_tokens: int, most: int) -> float:
    """Requests that a full replica ends per second: each costs its prompt once, and its share of the decode steps.

    1 / (T(P, 0, 0, P^2 / 2) + O * T(0, n, n * c, 0) / n), with c = P + O / 2 tokens of context and n =
    min(most, KV / c) sequences; 0 where fewer than LEAST_BATCH fit.
    """
    context = load.prompt_tokens + load.output_tokens / 2
    sequences = min(most, int(kv_tokens / context))
    if sequences < LEAST_BATCH:
        return 0.0
    prefill_s = step.seconds(load.prompt_tokens, 0, 0, load.prompt_tokens**2 / 2)
    decode_s = step.seconds(0, sequences, sequences * context, 0) / sequences
    return 1.0 / (prefill_s + load.output_tokens * decode_s)
