"""Images: what requests ask for against what the replicas of a plan make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simcost.errors import Fault, InputError
from simcost.perf.images import image_seconds
from simcost.plan import Batching
from simcost.scenario.files.faults import fault_at
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan, Scenario
from simcost.scenario.schema.services import Forwarding
from simcost.trace.workload.lengths import Images
from simcost.trace.workload.spec import RecordedWorkload

_NEEDED = "is required: requests ask for images; write `image_table`, or `images`, with the time of each size"
_NO_EFFECT = "has no effect: requests ask for tokens; write `lengths: {kind: images, mix: [...]}`, or replay a trace"


def image_faults(scenario: Scenario, root: YamlNode, file: str) -> Iterator[Fault]:
    """Faults of the plans of a sound scenario whose requests ask for images, or whose replicas make some."""
    drawn = [one.lengths for one in scenario.workload if not isinstance(one, RecordedWorkload)]
    mixes = [lengths for lengths in drawn if isinstance(lengths, Images)]
    for plan, node in zip(scenario.plans, items(root.get("plans")), strict=True):
        replica = node.get("replica")
        if plan.replica is None or replica is None:
            continue
        if not plan.replica.images:
            if mixes:
                yield fault_at(replica, _NEEDED, file, "images")
            continue
        place = replica.get("images") or replica
        if len(mixes) < len(drawn):
            yield fault_at(place, _NO_EFFECT, file)
        yield from _unknown_sizes(plan, place, mixes, file)
        yield from _combined(plan, node, file)


def _unknown_sizes(plan: Plan, place: YamlNode, mixes: Sequence[Images], file: str) -> Iterator[Fault]:
    import numpy as np

    for mix in mixes:
        pixels, steps = mix.kinds()
        try:
            image_seconds(plan.replica.images if plan.replica else (), np.array(pixels), np.array(steps))
        except InputError as error:
            yield fault_at(place, str(error), file)


def _combined(plan: Plan, node: YamlNode, file: str) -> Iterator[Fault]:
    """Parts of a plan that know tokens alone."""
    keys = {
        "prefix_cache": bool(plan.prefix_cache),
        "disaggregation": plan.disaggregation is not None,
        "pools": bool(plan.pools),
        "overflow": plan.overflow is not None,
    }
    for key, there in keys.items():
        if there:
            yield fault_at(node.get(key) or node, "is of tokens, and the replica makes images; leave it out", file)
    if plan.batching not in (Batching(), Batching(max_batch=1)):
        message = "is of tokens, and a replica makes images one at a time; leave it out"
        yield fault_at(node.get("batching") or node, message, file)


def forwarded_faults(
    services: Mapping[str, LoadedScenario], forwarding: Mapping[tuple[str, str], Forwarding], file: str
) -> Iterator[Fault]:
    """Services that send requests on, or get some, where one of the two makes images: the other knows tokens."""
    for (name, service), rule in forwarding.items():
        for one in (service, *rule.targets()):
            scenario, root = services[one].scenario, services[one].root
            for plan, node in zip(scenario.plans, items(root.get("plans")), strict=True):
                if plan.name == name and plan.replica is not None and plan.replica.images:
                    message = f"makes images, and requests of service {service!r} are sent on; leave out one of the two"
                    yield fault_at(node.get("replica") or node, message, file)
