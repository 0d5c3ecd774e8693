"""Calibrations of another model, or of an engine with other settings, than those of a plan."""

from collections.abc import Iterator

from simcost.catalog import Model
from simcost.scenario.files import yaml
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.inputs.trace_models import is_same_model
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.tables.paths import inside

_SETTINGS = ("max_num_seqs", "max_num_batched_tokens")


def other_calibrations(plan: Plan, model: Model, loaded: LoadedScenario) -> Iterator[str]:
    """Sentences for the step times of a plan where the file that they are from names another model, or other limits of
    a batch, which the plan has of its own.
    """
    step = None if plan.replica is None else plan.replica.step
    for name in loaded.calibrations if step is not None else ():
        root, _ = yaml.parse(yaml.read(inside(loaded.folder, name))[0], name)
        if step is not None and root is not None and _value(root, "replica", "step", "source") == step.source:
            yield from _of_model(_value(root, "calibration", "model"), model, name)
            yield from _of_settings(root, plan, name)


def _of_model(measured: object, model: Model, name: str) -> Iterator[str]:
    names = [one for one in (model.name, model.shape) if one]
    if isinstance(measured, str) and measured and not any(is_same_model(one, measured) for one in names):
        yield (
            f"{name} was calibrated on {measured}, which says nothing of the step times of {model.name}; calibrate an "
            "engine that serves it."
        )


def _of_settings(root: YamlNode, plan: Plan, name: str) -> Iterator[str]:
    batching = plan.batching.of_sequences
    own = {setting: getattr(batching, setting) for setting in _SETTINGS}
    fitted = {setting: value for setting in _SETTINGS if isinstance(value := _value(root, "batching", setting), int)}
    others = [setting for setting, value in fitted.items() if value != own[setting]]
    if others:
        had = " and ".join(f"{setting} {fitted[setting]:,}" for setting in others)
        has = " and ".join(f"{own[setting]:,}" for setting in others)
        wanted = ", ".join(f"{setting}: {value}" for setting, value in fitted.items())
        yield (
            f"{name} was calibrated with {had}, and the plan has {has}; write `batching: {{{wanted}}}` where its "
            "engines are those of the calibration."
        )


def _value(node: YamlNode | None, *path: str) -> object:
    """The value at a path below a node; None where there is none."""
    for key in path:
        node = None if node is None else node.get(key)
    return None if node is None else node.value
