"""EndpointPickerConfig of llm-d: what holds requests back, or turns them away, while the pool is saturated.

Semantics: llm-d-inference-scheduler apix/config/v1alpha1, pkg/epp/framework/plugins/flowcontrol.
"""

from __future__ import annotations

from dataclasses import replace

from simcost.plan import Admission
from simcost.plan.serving import Saturation
from simcost.scenario.manifests.fields import Fields

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
            root.reading.notes.append(
                "flowControl: without the feature gate flowControl llm-d passes it over"
            )
        return Admission(saturation=replace(saturation, then="shed") if saturation else None)
    if flow is None:
        return Admission(saturation=saturation)
    return Admission(
        saturation=saturation, max_queued=_most(flow), max_wait=flow.duration("defaultRequestTTL") or None
    )


def _saturation(root: Fields) -> Saturation | None:
    """Thresholds of the detector: of the plugin it names, or written in place as in older versions."""
    place = root.child("saturationDetector")
    named = (place.text("pluginRef") if place is not None else None) or _DETECTOR
    plugins = root.items("plugins")
    plugin = next((one for one in plugins if named in (one.text("name"), one.text("type"))), None)
    kind = plugin.text("type") if plugin is not None else _DETECTOR
    if kind != _DETECTOR:
        root.reading.notes.append(f"saturation detector {kind}: {_DETECTOR} with its defaults stands for it")
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
