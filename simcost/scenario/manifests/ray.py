"""Ray Serve config: one deployment of its applications, or one model of Ray Serve LLM."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from simcost.plan import Admission
from simcost.plan.autoscaling import Fixed, RayServe
from simcost.scenario.manifests.documents import RAY_VERSION
from simcost.scenario.manifests.fields import Fields

AUTO_MAX = 100
"""Most replicas of `num_replicas: auto`."""
ONGOING, TARGET = 5, 2.0
"""Requests that a replica has at a time, and those that are aimed at, unless the deployment says otherwise."""
OLD_ONGOING, OLD_TARGET = 100, 1.0
"""The same before Ray 2.32."""
LLM_TARGET = 1e9
"""Requests that a replica of Ray Serve LLM aims at by default: it never scales up by them."""
KEYS = ("applications", "deployments", "llm_configs", "model_loading_config")
"""Any of them at the top shows what the file is."""
_RENAMED = (2, 10)
"""The version of Ray that brought the new names."""
_DEFAULTS = (2, 32)
"""The version that changed the defaults, and the last one that knows the older names."""
_TEXT = (
    "is the name of a file or Python code, which is not read; write the config of the model here, with its "
    "deployment_config"
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of a file, as it is written."""

    name: str
    fields: Fields
    """Of num_replicas, max_ongoing_requests, autoscaling_config."""
    version: tuple[int, ...] = ()
    """Of Ray; empty = not known."""
    llm: Fields | None = None
    """The config of the model, where Ray Serve LLM makes the deployment of it."""


def deployments(root: Fields) -> list[Deployment]:
    """All deployments of the file."""
    version = _version(root)
    if root.has("model_loading_config"):
        return [_llm(root, version)]
    applications = root.items("applications") if root.has("applications") else [root]
    result = []
    for application in applications:
        application.passes("name")
        result += [
            Deployment(entry.text("name", required=True) or "", entry, version)
            for entry in application.items("deployments")
        ]
        result += [_llm(entry, version) for entry in _llm_configs(application)]
    return result


def _llm_configs(application: Fields) -> list[Fields]:
    """The models of an application of Ray Serve LLM."""
    place = application.child("args") if application.has("args") else application
    if place is None or not place.has("llm_configs"):
        return []
    for node in place.nodes("llm_configs"):
        if not isinstance(node.value, dict):
            application.reading.fault(node, _TEXT)
            return []
    return place.items("llm_configs")


def _llm(config: Fields, version: tuple[int, ...]) -> Deployment:
    """The deployment that Ray Serve LLM makes of a model."""
    loading = config.child("model_loading_config", required=True)
    name = (loading.text("model_id", required=True) if loading is not None else None) or ""
    deployment = config.child("deployment_config")
    if deployment is None:
        deployment = Fields(config.reading, replace(config.node, value={}))
    return Deployment(name, deployment, version, config)


def _version(root: Fields) -> tuple[int, ...]:
    """The version of Ray that a RayService names."""
    text = root.text(RAY_VERSION) or ""
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else ()


def read_ray(deployment: Deployment) -> RayServe | Fixed | None:
    """The autoscaler of a deployment, or its fixed replicas."""
    fields = deployment.fields
    config, replicas = fields.child("autoscaling_config"), fields.text("num_replicas")
    if config is None and replicas is not None and replicas != "auto":
        return fields.build(Fixed, replicas=fields.count("num_replicas", 1))
    if config is not None and replicas not in (None, "auto"):
        message = (
            "conflicts with autoscaling_config, beside which Ray refuses a number; keep one of the two, or write auto"
        )
        fields.fault(message, "num_replicas")
    target = _default_target(deployment)
    if config is None:
        return Fixed(replicas=1) if replicas is None else RayServe(max=AUTO_MAX, target_ongoing_requests=target)
    return _autoscaler(deployment, config, target, auto=replicas == "auto")


def read_door(deployment: Deployment) -> Admission:
    """Admission: requests that a replica takes at a time, and that may wait for it."""
    fields = deployment.fields
    name = _named(deployment, fields, "max_ongoing_requests", "max_concurrent_queries")
    ongoing, queued = fields.count(name, 1), fields.quantity("max_queued_requests", -1)
    if queued is not None and queued >= 0:
        fields.reading.notes.append("max_queued_requests of each proxy: there is one gateway")
    usual = OLD_ONGOING if () < deployment.version < _DEFAULTS else ONGOING
    return Admission(
        max_ongoing=ongoing if ongoing is not None or deployment.llm is not None else usual,
        max_queued=None if queued is None or queued < 0 else int(queued),
    )


def read_gpus(deployment: Deployment) -> int | None:
    """Whole accelerators of a replica."""
    if deployment.llm is not None:
        engine = deployment.llm.child("engine_kwargs")
        sizes = [engine.count(f"{name}_parallel_size", 1) or 1 for name in ("tensor", "pipeline")] if engine else [1]
        return sizes[0] * sizes[-1] if len(sizes) > 1 else 1
    actor = deployment.fields.child("ray_actor_options")
    gpus = actor.quantity("num_gpus") if actor is not None else None
    if actor is not None and gpus is not None and gpus != int(gpus):
        actor.reading.notes.append(f"num_gpus {gpus:g}: a replica has whole accelerators")
        return None
    return None if gpus is None else int(gpus)


def _default_target(deployment: Deployment) -> float:
    if deployment.llm is not None:
        return LLM_TARGET
    return OLD_TARGET if () < deployment.version < _DEFAULTS else TARGET


def _named(deployment: Deployment, fields: Fields, name: str, older: str) -> str:
    """The name of two that the version of Ray reads; a fault where it passes over the one that is written."""
    version, shown = deployment.version, ".".join(map(str, deployment.version))
    if fields.has(name) and fields.has(older):
        fields.fault(f"appears together with {name}, its newer name; keep one of the two", older)
    elif fields.has(older) and not version:
        fields.fault(
            f"is the name up to Ray 2.32, which later versions pass over; write {name}, or the RayService with its "
            "rayVersion",
            older,
        )
    elif fields.has(older) and version > _DEFAULTS:
        fields.fault(f"is not known to Ray {shown}, which passes it over; write {name}", older)
    elif fields.has(older):
        return older
    elif fields.has(name) and () < version < _RENAMED:
        fields.fault(f"is not known to Ray {shown}, which passes it over; write {older}", name)
    return name


def _autoscaler(deployment: Deployment, config: Fields, target: float, *, auto: bool) -> RayServe | None:
    low, high = config.count("min_replicas"), config.count("max_replicas", 1)
    most, least = high if high is not None else AUTO_MAX if auto else 1, 1 if low is None else low
    if least > most:
        config.fault(f"{most} is below min_replicas ({least}); raise it", "max_replicas")
    initial = config.count("initial_replicas")
    if initial is not None and initial > most:
        config.fault(f"{initial} is above max_replicas ({most}); lower it or raise max_replicas", "initial_replicas")
    elif initial is not None and initial < least:
        config.fault(f"{initial} is below min_replicas ({least}); raise it or lower min_replicas", "initial_replicas")
    if config.has("policy"):
        config.passes("policy")
        config.fault("is Python code, which is not run; remove it to simulate the default policy", "policy")
    name = _named(deployment, config, "target_ongoing_requests", "target_num_ongoing_requests_per_replica")
    given = config.quantity(name, above=True)
    return config.build(
        RayServe,
        min=low,
        max=most,
        start=initial,
        target_ongoing_requests=target if given is None else given,
        look_back=config.seconds("look_back_period_s"),
        aggregation=config.choice("aggregation_function", ("mean", "max", "min")),
        upscale_delay=config.seconds("upscale_delay_s"),
        downscale_delay=config.seconds("downscale_delay_s"),
        downscale_to_zero_delay=config.seconds("downscale_to_zero_delay_s"),
        upscaling_factor=_factor(config, "up"),
        downscaling_factor=_factor(config, "down"),
        push=config.seconds("metrics_interval_s"),
    )


def _factor(config: Fields, way: str) -> float | None:
    """The first of its names, as Ray looks for them."""
    names = (f"{way}scaling_factor", f"{way}scale_smoothing_factor", "smoothing_factor")
    found = [config.quantity(name, above=True) for name in names]
    return next((one for one in found if one is not None), None)
