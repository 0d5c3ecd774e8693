"""A scenario as it was run, written in full: no defaults left to look up."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import yaml

from simcost.scenario.files.yaml import scalar
from simcost.scenario.runs.resolve import Question

_OF_JOBS = ("name", "buy", "training", "training_buy")
"""Fields of a plan that serves no requests."""


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.2 would read as something else, and line breaks of any sort."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    try:
        quoted = not (isinstance(scalar(value), str) and value.isprintable())
    except ValueError:
        quoted = True
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(tuple, yaml.SafeDumper.represent_list)


def resolved_text(question: Question) -> str:
    """The YAML of the scenario with all defaults, in SI units; it reads back to the same scenario, and to itself."""
    scenario = question.loaded.scenario
    horizon = question.horizon_s if scenario.demand is None else None
    scenario = replace(scenario, seed=question.seed, seeds=question.seeds, horizon=horizon)
    head = f"# {question.loaded.path.name} as it was run, all defaults written out; paths are relative to that file.\n"
    said = asdict(scenario)
    if question.source is None:
        said["plans"] = [{key: plan[key] for key in _OF_JOBS} for plan in said["plans"]]
    text, written = dump(said), question.loaded.text
    return written if written.partition("\n")[2] == text else head + text


def dump(value: Any) -> str:
    """Plain data as YAML 1.2."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
