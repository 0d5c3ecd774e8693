"""Ray Serve config: one deployment of its applications."""

from __future__ import annotations

from simcost.plan import Admission
from simcost.plan.autoscaling import Fixed, RayServe
from simcost.scenario.manifests.fields import Fields

AUTO_MAX = 100
"""Most replicas of `num_replicas: auto`."""
ONGOING = 5
"""Requests that a replica has at a time, unless the deployment says otherwise."""


def deployments(root: Fields) -> list[Fields]:
    """All deployments of the file."""
    applications = root.items("applications") if root.has("applications") else [root]
    for one in applications:
        one.passes("name")
    return [deployment for one in applications for deployment in one.items("deployments")]


def read_ray(deployment: Fields) -> RayServe | Fixed | None:
    """The autoscaler of a deployment, or its fixed replicas."""
    config = deployment.child("autoscaling_config")
    replicas = deployment.text("num_replicas")
    if config is None and replicas is not None and replicas != "auto":
        return deployment.build(Fixed, replicas=deployment.count("num_replicas", 1))
    if config is None:
        return Fixed(replicas=1) if replicas is None else RayServe(max=AUTO_MAX)
    return _autoscaler(config, auto=replicas == "auto")


def read_door(deployment: Fields) -> Admission:
    """What a replica takes at a time, and what may wait for it."""
    ongoing, queued = (
        deployment.count("max_ongoing_requests", 1),
        deployment.quantity("max_queued_requests", -1),
    )
    if queued is not None and queued >= 0:
        deployment.reading.notes.append("max_queued_requests of each proxy: there is one gateway")
    return Admission(
        max_ongoing=ONGOING if ongoing is None else ongoing,
        max_queued=None if queued is None or queued < 0 else int(queued),
    )


def read_gpus(deployment: Fields) -> int | None:
    """Whole accelerators of a replica."""
    actor = deployment.child("ray_actor_options")
    gpus = actor.quantity("num_gpus") if actor is not None else None
    if actor is not None and gpus is not None and gpus != int(gpus):
        actor.reading.notes.append(f"num_gpus {gpus:g}: a replica has whole accelerators")
        return None
    return None if gpus is None else int(gpus)


def _autoscaler(config: Fields, *, auto: bool) -> RayServe | None:
    low, high = config.count("min_replicas"), config.count("max_replicas", 1)
    most = high if high is not None else AUTO_MAX if auto else 1
    if (1 if low is None else low) > most:
        config.fault(f"{most} is below min_replicas ({1 if low is None else low}); raise it", "max_replicas")
    if config.has("policy"):
        config.passes("policy")
        config.fault("is Python code, which is not run; remove it to simulate the default policy", "policy")
    smoothing = config.quantity("smoothing_factor", above=True)
    up, down = (config.quantity(key, above=True) for key in ("upscaling_factor", "downscaling_factor"))
    return config.build(
        RayServe, min=low, max=most, start=config.count("initial_replicas"),
        target_ongoing_requests=config.quantity("target_ongoing_requests", above=True),
        look_back=config.seconds("look_back_period_s"),
        aggregation=config.choice("aggregation_function", ("mean", "max", "min")),
        upscale_delay=config.seconds("upscale_delay_s"), downscale_delay=config.seconds("downscale_delay_s"),
        downscale_to_zero_delay=config.seconds("downscale_to_zero_delay_s"),
        upscaling_factor=smoothing if up is None else up, downscaling_factor=smoothing if down is None else down,
        push=config.seconds("metrics_interval_s"),
    )  # fmt: skip
