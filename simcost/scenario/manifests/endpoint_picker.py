"""EndpointPickerConfig of llm-d: scorers, and limits on requests while the pool is saturated.

Semantics: llm-d-inference-scheduler apix/config/v1alpha1, pkg/epp/framework/plugins/flowcontrol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from simcost.errors import did_you_mean
from simcost.plan import Admission
from simcost.plan.routing import EndpointPicker, Weighted, scorers
from simcost.plan.serving import Saturation
from simcost.scenario.manifests.fields import Fields

_SCORERS: dict[str, tuple[type, dict[str, str]]] = {
    "queue-scorer": (scorers.QueueDepth, {}),
    "running-requests-size-scorer": (scorers.RunningRequests, {}),
    "kv-cache-utilization-scorer": (scorers.KvCacheUtilization, {}),
    "prefix-cache-scorer": (
        scorers.PrefixCache,
        {
            "blockSizeTokens": "block_tokens",
            "blockSize": "block_tokens",
            "maxPrefixBlocksToMatch": "max_blocks",
        },
    ),
    "precise-prefix-cache-scorer": (scorers.PrefixCache, {"blockSizeTokens": "block_tokens"}),
    "active-request-scorer": (
        scorers.ActiveRequest,
        {"idleThreshold": "idle_threshold", "maxBusyScore": "max_busy_score"},
    ),
    "load-aware-scorer": (scorers.LoadAware, {"threshold": "threshold"}),
    "token-load-scorer": (
        scorers.TokenLoad,
        {"queueThresholdTokens": "threshold_tokens", "threshold": "threshold_tokens"},
    ),
    "session-affinity-scorer": (scorers.SessionAffinity, {}),
    "lora-affinity-scorer": (scorers.LoraAffinity, {}),
}
"""Class, and its fields by the names of the parameters."""
_PICKERS = {
    "max-score-picker": "max-score",
    "random-picker": "random",
    "weighted-random-picker": "weighted-random",
}
_INERT = (
    "single-profile-handler",
    "metrics-data-source",
    "core-metrics-extractor",
    "utilization-detector",
    "fcfs-ordering-policy",
    "global-strict-fairness-policy",
)
"""Plugins of no profile whose behaviour is that of the simulator, or is read elsewhere."""
_PASSED = (
    "no-hit-lru-scorer",
    "latency-scorer",
    "prefix-cache-affinity-filter",
    "lora-affinity-filter",
    "decode-filter",
    "prefill-filter",
    "by-label",
    "by-label-selector",
    "low-queue-filter",
    "least-queue-filter",
    "least-kv-cache-filter",
)
"""Scorers and filters that the router goes without, and says so."""


def read_epp(root: Fields, profile: str | None) -> EndpointPicker | None:
    """The picker of a profile; None = the first, of which there may be one only."""
    plugins = {one.text("name") or one.text("type") or "": one for one in root.items("plugins", required=True)}
    profiles = root.items("schedulingProfiles", required=True)
    names = [one.text("name") or "" for one in profiles]
    wanted = [one for one, name in zip(profiles, names, strict=True) if profile in (None, name)]
    if len(wanted) != 1:
        root.fault(f"holds the profiles {', '.join(names)}; choose one by its name", "schedulingProfiles")
        return None
    picker, weighted = "max-score", []
    for entry in wanted[0].items("plugins", required=True):
        plugin = plugins.get(entry.text("pluginRef", required=True) or "")
        kind = plugin.text("type") if plugin is not None else None
        if plugin is None or kind is None:
            entry.fault(f"is none of the plugins; there are {', '.join(plugins)}", "pluginRef")
        elif kind in _PICKERS:
            picker = _PICKERS[kind]
        elif kind in _SCORERS:
            weighted += _weighted(entry, plugin, kind)
            if kind.startswith("precise"):
                root.reading.notes.append(f"plugin {kind}: an estimate is used, as for prefix-cache-scorer")
        elif kind in _PASSED:
            entry.passes(*entry.mapping)
            root.reading.notes.append(f"plugin {kind}")
        else:
            near = did_you_mean(kind, [*_SCORERS, *_PICKERS]) or f"; known are {', '.join([*_SCORERS, *_PICKERS])}"
            plugin.fault(f"{kind!r} is not a scorer or picker known here{near}", "type")
    _note_others(plugins, wanted[0])
    return root.build(EndpointPicker, scorers=tuple(weighted), picker=picker)


def _note_others(plugins: dict[str, Fields], profile: Fields) -> None:
    """Plugins that the profile does not use."""
    used = {entry.text("pluginRef") for entry in profile.items("plugins")}
    for name, plugin in plugins.items():
        if name not in used and plugin.text("type") not in _INERT:
            plugin.reading.notes.append(f"plugin {name}: not in the profile")


def _weighted(entry: Fields, plugin: Fields, kind: str) -> list[Weighted]:
    scorer = _scorer(plugin, *_SCORERS[kind])
    weight = entry.quantity("weight", above=True)
    made = None if scorer is None else entry.build(Weighted, scorer=scorer, weight=weight)
    return [] if made is None else [made]


def _scorer(plugin: Fields, cls: Callable[..., Any], names: dict[str, str]) -> Any:
    parameters = plugin.child("parameters")
    if parameters is None:
        return cls()
    given = {ours: parameters.quantity(theirs) for theirs, ours in names.items() if parameters.has(theirs)}
    whole = {name: int(value) if value == int(value) else value for name, value in given.items() if value is not None}
    if cls is scorers.PrefixCache and parameters.has("lruCapacityPerServer") and parameters.flag("autoTune") is False:
        blocks = parameters.count("lruCapacityPerServer", 1)
        whole["capacity_tokens"] = (blocks or 1) * int(whole.get("block_tokens", scorers.PrefixCache().block_tokens))
    return plugin.build(cls, **whole)


_DETECTOR = "utilization-detector"
_FIRST_COME = "fcfs-ordering-policy"


def read_door(root: Fields) -> Admission:
    """The limits; without the feature gate `flowControl` none is held, and those of negative priority are shed."""
    gates = root.words("featureGates")
    root.reading.notes += [f"feature gate {gate}" for gate in gates if gate != "flowControl"]
    saturation = _saturation(root)
    flow = root.child("flowControl")
    if "flowControl" not in gates:
        if flow is not None:
            flow.passes(*flow.mapping)
            root.reading.notes.append("flowControl: without the feature gate flowControl llm-d passes it over")
        return Admission(saturation=replace(saturation, then="shed") if saturation else None)
    if flow is None:
        return Admission(saturation=saturation)
    return Admission(saturation=saturation, max_queued=_most(flow), max_wait=flow.duration("defaultRequestTTL") or None)


def _saturation(root: Fields) -> Saturation | None:
    """Thresholds of the detector: of the plugin it names, or written in place as in older versions."""
    place = root.child("saturationDetector")
    named = (place.text("pluginRef") if place is not None else None) or _DETECTOR
    plugins = root.items("plugins")
    plugin = next((one for one in plugins if named in (one.text("name"), one.text("type"))), None)
    kind = plugin.text("type") if plugin is not None else _DETECTOR
    if kind != _DETECTOR:
        root.reading.notes.append(f"saturation detector {kind}: {_DETECTOR} with its defaults is used instead")
        return Saturation()
    at = (plugin.child("parameters") if plugin is not None else None) or place
    if at is None:
        return Saturation()
    at.duration("metricsStalenessThreshold")
    if at.has("metricsStalenessThreshold"):
        root.reading.notes.append("metricsStalenessThreshold: signals here are never older than the refresh")
    return at.build(
        Saturation,
        queue=at.count("queueDepthThreshold", 1),
        kv=at.quantity("kvCacheUtilThreshold", above=True),
    )


def _most(flow: Fields) -> int | None:
    """Requests that may wait; what limits bytes or single bands is left unread, so that it is listed."""
    most = flow.quantity("maxRequests")
    for band in flow.items("priorityBands"):
        band.passes("priority")
        if band.text("orderingPolicyRef") not in (None, _FIRST_COME):
            band.read.discard("orderingPolicyRef")
    return None if most is None else int(most)
