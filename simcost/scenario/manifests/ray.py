"""Ray Serve config: one deployment of its applications."""

from __future__ import annotations

from simcost.plan.autoscaling import Fixed, RayServe
from simcost.scenario.manifests.fields import Fields
from simcost.scenario.manifests.manifest import ReplicaLimits

AUTO_MAX = 100
"""Most replicas of `num_replicas: auto`."""


def deployments(root: Fields) -> list[Fields]:
    """All deployments of the file."""
    applications = root.items("applications") if root.has("applications") else [root]
    for one in applications:
        one.passes("name")
    return [deployment for one in applications for deployment in one.items("deployments")]


def read_ray(deployment: Fields) -> tuple[RayServe | Fixed | None, ReplicaLimits]:
    """The autoscaler of a deployment, or its fixed replicas, and what a replica takes."""
    queued = deployment.quantity("max_queued_requests", -1)
    actor = deployment.child("ray_actor_options")
    ongoing = deployment.count("max_ongoing_requests", 1)
    limits = ReplicaLimits(
        max_ongoing_requests=5 if ongoing is None else ongoing,
        max_queued_requests=None if queued is None or queued < 0 else int(queued),
        gpus=actor.quantity("num_gpus") if actor is not None else None,
    )
    config = deployment.child("autoscaling_config")
    replicas = deployment.text("num_replicas")
    if config is None and replicas is not None and replicas != "auto":
        return deployment.build(Fixed, replicas=deployment.count("num_replicas", 1)), limits
    if config is None and replicas is None:
        return Fixed(replicas=1), limits
    if config is None:
        return RayServe(max=AUTO_MAX), limits
    return _autoscaler(config, auto=replicas == "auto"), limits


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
