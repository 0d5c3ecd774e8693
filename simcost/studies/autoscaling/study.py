"""`simcost autoscale replay`: recorded metrics through the autoscaler of a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite, isnan
from pathlib import Path

from simcost.documents import FindingDocument
from simcost.errors import InputError, did_you_mean
from simcost.plan.autoscaling import Autoscaler
from simcost.plan.autoscaling.recorded_metrics import UnrecordedMetricError, recorded_for
from simcost.plan.autoscaling.replay import Replayed, replay
from simcost.scenario.manifests import Manifest, read_manifest
from simcost.studies.autoscaling.result import (
    AutoscaleReplay,
    ReasonCount,
    ReplayedManifest,
    ReplicaHours,
    SyncDecision,
)
from simcost.trace.metrics import Recording, read_metrics
from simcost.units import SECONDS_PER_HOUR, format_seconds, how_many

_NONE: Mapping[str, str] = {}


def autoscale_replay(
    manifest: Path,
    metrics: Path,
    *,
    name: str | None = None,
    recorded: Mapping[str, str] = _NONE,
    mapping: Mapping[str, str] = _NONE,
    closed: bool = False,
    start: int | None = None,
    valid_s: float | None = None,
    timezone: str = "UTC",
) -> AutoscaleReplay:
    """Replicas that the autoscaler of a manifest requests at each sync, given recorded metrics.

    Args:
        manifest: as `read_manifest` takes it.
        metrics: as `read_metrics` takes it.
        name: which object of the manifest, where it holds several.
        recorded: a metric of the manifest -> what the recording calls it.
        mapping: columns of the recording that have other names.
        closed: replicas are what was asked for before, whatever is recorded after the first sync.
        start: replicas at the first sync where they are not recorded, and of a closed loop; None = those recorded, if
            any, else the policy's own.
        valid_s: time for which a sample counts; None = until the next of its kind is due.
        timezone: of recorded times that say no zone.

    Raises:
        InputError: what cannot be used of either file, with its place and the remedy.
    """
    said = read_manifest(manifest, name=name)
    if said.policy is None:
        raise InputError(f"{manifest}: holds no autoscaler, but the kind {said.kind}; give the manifest of one")
    recording, findings = read_metrics(metrics, mapping=mapping, timezone=timezone)
    recording = _renamed(recording, recorded, metrics)
    try:
        replayed = replay(said.policy, recording, closed=closed, start=start, valid_s=valid_s)
    except UnrecordedMetricError as error:
        raise InputError(f"{metrics}: {error}{_remedy(said, recording)}") from error
    except InputError as error:
        raise InputError(f"{metrics}: {error}") from error
    _check_read(said.policy, recorded, recording)
    if start is not None and (there := int(replayed.current[0])) != start:
        message = (
            f"--start {start} changed nothing: {there} replicas are recorded at the first sync; pass --closed-loop to "
            "go from others"
        )
        findings = [*findings, {"kind": "start", "series": "", "count": 1, "message": message}]
    if replayed.silent:
        were = how_many(replayed.silent, "sync was", "syncs were")
        message = f"{were} passed over, since nothing is recorded then"
        findings = [*findings, {"kind": "gaps", "series": "", "count": replayed.silent, "message": message}]
    return _result(said, said.policy, recording, replayed, [*findings, *_unusable(replayed)])


def _unusable(replayed: Replayed) -> Iterator[FindingDocument]:
    """Finding on an autoscaler that has nothing to decide on at most of its decisions, and so changes nothing there."""
    decisions = [reason for reason in replayed.reason if not reason.startswith("Between")]
    failed = [reason for reason in decisions if any(word in reason for word in ("FailedGet", "NotReady", "NoData"))]
    if 2 * len(failed) > len(decisions):
        why = failed[0].partition(": ")[2]
        message = f"at {len(failed):,} of {len(decisions):,} syncs no metric could be used and nothing changes: {why}"
        if "requests no" in why:
            message += "; give what it requests in the column request, 100 where usage is in percent"
        yield {"kind": "unusable", "series": "", "count": len(failed), "message": message}


def _renamed(recording: Recording, recorded: Mapping[str, str], path: Path) -> Recording:
    """The recording with metrics called as the manifest calls them."""
    for theirs in recorded.values():
        if theirs not in recording.metrics:
            near = did_you_mean(theirs, recording.metrics) or f"; recorded are {', '.join(recording.metrics)}"
            raise InputError(f"{path}: no metric {theirs!r} is recorded{near}")
    ours = {theirs: name for name, theirs in recorded.items()}
    ours |= {name: f"{name} as recorded" for name in recorded if name in recording.metrics and name not in ours}
    return replace(recording, metrics=tuple(ours.get(name, name) for name in recording.metrics))


def _check_read(policy: Autoscaler, recorded: Mapping[str, str], recording: Recording) -> None:
    """Raise InputError for a metric that was named and is not read."""
    taken = recorded_for(policy.reads(), recording.metrics)
    for name, theirs in recorded.items():
        if name not in taken:
            near = did_you_mean(name, tuple(policy.reads())) or f"; it reads {', '.join(policy.reads())}"
            raise InputError(f"--metric {name}={theirs}: the manifest has no metric {name!r}{near}")


def _remedy(manifest: Manifest, recording: Recording) -> str:
    """Remedy for a metric that is not recorded, with its place in the manifest."""
    missing = [one.fault for one in manifest.unmapped if one.metric not in recording.metrics]
    places = "".join(f" ({fault.file}:{fault.line})" for fault in missing[:1])
    return f"; record it under its name, or pass --metric NAME=RECORDED{places}" if recording.metrics else ""


def _result(
    manifest: Manifest,
    policy: Autoscaler,
    recording: Recording,
    replayed: Replayed,
    findings: Sequence[FindingDocument],
) -> AutoscaleReplay:
    more, fewer = (int((sign * (replayed.desired - replayed.current) > 0).sum()) for sign in (1, -1))
    hours = policy.interval / SECONDS_PER_HOUR
    title = f"{manifest.kind} {manifest.name}".strip()
    low, high = int(replayed.desired.min()), int(replayed.desired.max())
    length = format_seconds(float(replayed.time_s[-1] - replayed.time_s[0]))
    asked = f"{high}" if low == high else f"{low} to {high}"
    return AutoscaleReplay(
        verdict=f"{title} requests {asked} {'replica' if high == 1 else 'replicas'} over {length}: more than there "
        f"are at {more:,} of {len(replayed):,} syncs, fewer at {fewer:,}",
        manifest=ReplayedManifest(
            file=manifest.file,
            kind=manifest.kind,
            name=manifest.name,
            policy=policy.kind,
        ),
        interval_s=policy.interval,
        syncs=len(replayed),
        scale_ups=more,
        scale_downs=fewer,
        replica_hours=ReplicaHours(
            current=float(replayed.current.sum() * hours),
            desired=float(replayed.desired.sum() * hours),
        ),
        reasons=tuple(
            ReasonCount(
                reason=word,
                syncs=count,
            )
            for word, count in _words(replayed).most_common()
        ),
        metrics=tuple(replayed.totals),
        decisions=_decisions(replayed, recording.start_utc_s),
        not_simulated=tuple(manifest.not_simulated),
        findings=findings,
    )


def _words(replayed: Replayed) -> Counter[str]:
    return Counter(reason.partition(":")[0] for reason in replayed.reason)


def _decisions(replayed: Replayed, start_utc_s: float) -> tuple[SyncDecision, ...]:
    """Sync by sync; with the date where the recording has dates."""
    totals = {name: values.tolist() for name, values in replayed.totals.items()}
    columns = zip(
        replayed.time_s.tolist(),
        replayed.current.tolist(),
        replayed.ready.tolist(),
        replayed.desired.tolist(),
        replayed.reason,
        strict=True,
    )
    return tuple(
        SyncDecision(
            t_s=t_s,
            time=None if isnan(start_utc_s) else _iso(start_utc_s + t_s),
            current=current,
            ready=ready,
            desired=desired,
            reason=reason,
            metrics={name: values[i] if isfinite(values[i]) else None for name, values in totals.items()},
        )
        for i, (t_s, current, ready, desired, reason) in enumerate(columns)
    )


def _iso(utc_s: float) -> str:
    instant = datetime.fromtimestamp(utc_s, UTC)
    return instant.isoformat(timespec="auto").replace("+00:00", "Z")
