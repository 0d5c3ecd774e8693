"""Calibrations of another model than the one that a plan serves."""

from collections.abc import Iterator

from simcost.catalog import Model
from simcost.scenario.files import yaml
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.inputs.trace_models import is_same_model
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.tables.paths import inside


def other_calibrations(plan: Plan, model: Model, loaded: LoadedScenario) -> Iterator[str]:
    """A sentence for the step times of a plan where the file that they are from names another model."""
    step = None if plan.replica is None else plan.replica.step
    for name in loaded.calibrations if step is not None else ():
        root, _ = yaml.parse(yaml.read(inside(loaded.folder, name))[0], name)
        source, measured = (_text(root, *path) for path in (("replica", "step", "source"), ("calibration", "model")))
        names = [one for one in (model.name, model.shape) if one]
        if step is None or source != step.source or not measured or any(is_same_model(one, measured) for one in names):
            continue
        yield (
            f"{name} was calibrated on {measured}, which says nothing of the step times of {model.name}; calibrate an "
            "engine that serves it."
        )


def _text(node: YamlNode | None, *path: str) -> str:
    """The text at a path below a node; empty where there is none."""
    for key in path:
        node = None if node is None else node.get(key)
    return node.value if node is not None and isinstance(node.value, str) else ""
