"""Manifests that a team already runs, as plans: autoscalers, node pools and routers, with every field accounted for."""

from simcost.scenario.manifests.manifest import Manifest, Unmapped
from simcost.scenario.manifests.reader import read_manifest

__all__ = ["Manifest", "Unmapped", "read_manifest"]
