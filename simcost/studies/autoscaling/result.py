"""Result of `simcost autoscale replay`: the decisions of an autoscaler, sync by sync."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simcost.documents import FindingDocument, optional_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedManifest:
    """The object of the manifest that was replayed."""

    file: str
    kind: str
    name: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaHours:
    """Replica-hours there were, and desired."""

    current: float
    desired: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount:
    """Syncs that a word of reason begins."""

    reason: str
    syncs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDecision:
    """One sync."""

    t_s: float
    time: str | None = optional_key()
    """None: the recording has no dates."""
    current: int
    ready: int
    desired: int
    reason: str
    metrics: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoscaleReplay:
    """Decisions of an autoscaler on recorded metrics."""

    verdict: str
    manifest: ReplayedManifest
    interval_s: float
    syncs: int
    scale_ups: int
    scale_downs: int
    replica_hours: ReplicaHours
    reasons: tuple[ReasonCount, ...]
    metrics: tuple[str, ...]
    decisions: tuple[SyncDecision, ...]
    not_simulated: tuple[str, ...]
    findings: Sequence[FindingDocument]
    provenance: Mapping[str, Any] | None = optional_key()
