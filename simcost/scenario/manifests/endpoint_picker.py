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
_RENAMED = {
    "kv-cache-scorer": "kv-cache-utilization-scorer",
    "kvcache-aware-scorer": "precise-prefix-cache-scorer",
    "prefix-cache": "prefix-cache-scorer",
    "max-score": "max-score-picker",
    "random": "random-picker",
    "single-profile": "single-profile-handler",
}
"""Older types, and what they are called since."""
_CHARACTERS_PER_TOKEN = 4
"""By which the picker of llm-d takes a length in characters for tokens."""
_INERT = (
    "single-profile-handler",
    "metrics-data-source",
    "core-metrics-extractor",
    "utilization-detector",
    "fcfs-ordering-policy",
    "global-strict-fairness-policy",
    "openai-parser",
)
"""Plugins of no profile whose behaviour is that of the simulator, or is read elsewhere."""
_PASSED = (
    "no-hit-lru-scorer",
    "latency-scorer",
    "context-length-aware",
    "pd-slo-pair-optimizer",
    "by-label",
    "by-label-selector",
    "tokenizer",
)
"""Plugins of a profile that the router goes without, and says so; as are filters and producers of data."""
_BY_ROLE = ("decode-filter", "prefill-filter", "encode-filter", "by-label", "by-label-selector")
"""Filters that keep all replicas of a pool."""
_PASSED_ENDINGS = ("-filter", "-producer")


def read_epp(root: Fields, profile: str | None) -> EndpointPicker | None:
    """The picker of a profile; None = the only one. Without profiles, all plugins are one, as in llm-d."""
    plugins = {one.text("name") or one.text("type") or "": one for one in root.items("plugins", required=True)}
    if not root.has("schedulingProfiles"):
        return _picker(root, plugins, [(name, plugin, None) for name, plugin in plugins.items()])
    profiles = root.items("schedulingProfiles")
    names = [one.text("name") or "" for one in profiles]
    wanted = [one for one, name in zip(profiles, names, strict=True) if profile in (None, name)]
    if len(wanted) != 1:
        root.fault(
            f"holds the profiles {', '.join(names)}; choose one by its name, with `name: PROFILE` next to `from:`",
            "schedulingProfiles",
        )
        return None
    used: list[tuple[str, Fields, Fields | None]] = []
    for entry in wanted[0].items("plugins", required=True):
        name = entry.text("pluginRef", required=True) or ""
        if name in plugins:
            used.append((name, plugins[name], entry))
        else:
            entry.fault(f"is none of the plugins; there are {', '.join(plugins)}", "pluginRef")
    return _picker(root, plugins, used)


def _picker(
    root: Fields, plugins: dict[str, Fields], used: list[tuple[str, Fields, Fields | None]]
) -> EndpointPicker | None:
    """The picker of these plugins, each with its entry in the profile; None = all plugins are in it."""
    picker, weighted, notes = "max-score", [], root.reading.notes
    for _, plugin, entry in used:
        kind = _type(plugin)
        if kind in _PICKERS:
            picker = _PICKERS[kind]
        elif kind in _SCORERS:
            weighted += _weighted(entry, plugin, kind)
            if kind.startswith("precise"):
                notes.append(f"plugin {kind}: an estimate is used, as for prefix-cache-scorer")
        elif kind in _PASSED or kind.endswith(_PASSED_ENDINGS):
            plugin.passes("parameters")
            if entry is not None:
                entry.passes(*entry.mapping)
            notes.append(f"plugin {kind}")
        elif entry is not None and kind:
            known = [*_SCORERS, *_PICKERS]
            near = did_you_mean(kind, known) or f"; known are {', '.join([*known, *_PASSED])}, filters and producers"
            plugin.fault(f"{kind!r} is not a scorer or picker known here{near}", "type")
    names = {name for name, *_ in used}
    for name, plugin in plugins.items():
        if name not in names and (kind := _type(plugin)) not in _INERT:
            plugin.passes("parameters")
            selects = kind in _PICKERS or kind.endswith("-scorer")
            notes.append(f"plugin {name}: not in the profile" if selects else f"plugin {name}")
    if not weighted and all(kind in _PICKERS or kind in _BY_ROLE for kind in map(_type, (one for _, one, _ in used))):
        weighted, picker = [Weighted(scorer=scorers.QueueDepth())], "random"
        notes.append("no scorer: any replica, at random")
    return root.build(EndpointPicker, scorers=tuple(weighted), picker=picker)


def _type(plugin: Fields) -> str:
    """Type of a plugin by its present name."""
    kind = plugin.text("type", required=True) or ""
    return _RENAMED.get(kind, kind)


def _weighted(entry: Fields | None, plugin: Fields, kind: str) -> list[Weighted]:
    scorer = _scorer(plugin, *_SCORERS[kind])
    weight = entry.quantity("weight") if entry is not None else None
    if scorer is None or weight == 0:
        return []
    made = plugin.build(Weighted, scorer=scorer, weight=weight)
    return [] if made is None else [made]


def _scorer(plugin: Fields, cls: Callable[..., Any], names: dict[str, str]) -> Any:
    parameters = plugin.child("parameters")
    if parameters is None:
        return cls()
    given = {ours: parameters.quantity(theirs) for theirs, ours in names.items() if parameters.has(theirs)}
    whole = {name: int(value) if value == int(value) else value for name, value in given.items() if value is not None}
    if cls is scorers.PrefixCache:
        if "block_tokens" not in whole and (block := _block_tokens(parameters)):
            whole["block_tokens"] = block
        if parameters.has("lruCapacityPerServer") and parameters.flag("autoTune") is False:
            blocks = parameters.count("lruCapacityPerServer", 1)
            block = int(whole.get("block_tokens", scorers.PrefixCache().block_tokens))
            whole["capacity_tokens"] = (blocks or 1) * block
    return plugin.build(cls, **whole)


def _block_tokens(parameters: Fields) -> int | None:
    """Tokens of a block: of the precise scorer's processor, or by its length in characters, as in older versions."""
    for place in (parameters, parameters.child("indexerConfig")):
        processor = place.child("tokenProcessorConfig") if place is not None else None
        if processor is not None and (tokens := processor.count("blockSize", 1)):
            return tokens
    for key in ("blockSize", "hashBlockSize"):
        if characters := parameters.count(key, 1):
            parameters.reading.notes.append(f"{key} counts characters: {_CHARACTERS_PER_TOKEN} are taken as a token")
            return max(1, round(characters / _CHARACTERS_PER_TOKEN))
    return None


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
    queue = at.count("queueDepthThreshold", 1, 10**12)  # some write one that no pool reaches
    return at.build(
        Saturation,
        queue=None if queue is None else min(queue, 1_000_000),
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
