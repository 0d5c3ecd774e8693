"""Keys of runs: SHA-256 of all that a run depends on, which name the folders of stored runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

from simcost.scenario.inputs.clusters import Cluster
from simcost.scenario.runs.resolve import ResolvedScenario
from simcost.sim.serving.pool import Pool


def run_key(question: ResolvedScenario, pool: Pool, replication: int, other_pools: Sequence[Pool] = ()) -> str:
    """SHA-256 of all that serving requests depends on, and of nothing about money."""
    further = {"beside": [_pool_identity(other_pool) for other_pool in other_pools]} if other_pools else {}
    return key_of(
        **further,
        pool=_pool_identity(pool),
        requests=question.source.identity(replication) if question.source else None,
        horizon_s=question.horizon_s,
        limits=asdict(question.limits),
        **(
            {"tenants": {name: asdict(tenant) for name, tenant in tenants.items()}}
            if (tenants := question.tenants)
            else {}
        ),
    )


def _pool_identity(pool: Pool) -> dict[str, Any]:
    """A pool as plain data; step times are told by their own numbers."""
    bare = replace(pool, prefill=None, step=replace(pool.step, base=()))
    identity = asdict(bare) | {"step": pool.step.numbers() | {"base": _Knots(pool.step.base)}}
    if pool.prefill is not None:
        identity["prefill"] = asdict(replace(pool.prefill, pool=bare)) | {"pool": _pool_identity(pool.prefill.pool)}
    return identity


def job_key(question: ResolvedScenario, cluster: Cluster, other_pools: str, replication: int) -> str:
    """SHA-256 of all that running jobs depends on; `other_pools`: key of what serves requests on the same fleet."""
    return key_of(
        jobs=question.jobs.identity(replication) if question.jobs else None,
        cluster=cluster.identity(question.seed, replication),
        horizon_s=question.horizon_s,
        other_pools=other_pools,
    )


def key_of(**depends: Any) -> str:
    """SHA-256 of plain data. The code that makes the run is not a part of it: the stored run says which has made it."""
    knots: list[_Knots] = []

    def text_of(value: Any) -> str:
        if not isinstance(value, _Knots):
            return str(value)
        knots.append(value)
        return f"\0{len(knots)}"

    text = json.dumps(depends, sort_keys=True, default=text_of)
    for number, found in enumerate(knots, 1):
        text = text.replace(f'"\\u0000{number}"', _knots_text(found.base))
    return sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Knots:
    """Base of a step time, of some thousand numbers: in keys of many runs, and written as text once."""

    base: tuple[tuple[int, float], ...]


@lru_cache(maxsize=64)
def _knots_text(base: tuple[tuple[int, float], ...]) -> str:
    return json.dumps(base)
