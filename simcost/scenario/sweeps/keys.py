"""Keys of the plans of a sweep: SHA-256 of all that their runs depend on, without resolving or simulating one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from functools import cache
from hashlib import sha256
from pathlib import Path

import simcost
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Scenario
from simcost.scenario.storage.engine_version import MADE_BY, fingerprint
from simcost.tables.digests import sha256_of

_OF_RESULTS = (*MADE_BY, "billing", "catalog", "compare", "slo")
"""Packages on which a figure of a run may depend: those of the engine, of money, and of service levels."""
_NOT_OF_RUNS = ("scenario", "question", "plans", "baseline", "choices", "vary", "sweep", "margin")
"""Fields of the scenario that no run depends on."""


@cache
def results_version() -> str:
    """Fingerprint of the code that makes a row of a sweep."""
    return fingerprint(Path(simcost.__file__).parent, _OF_RESULTS)


class PlanKeys:
    """Keys of plans: of their text, the scenario around it, the files that either names, the facts, and the code."""

    def __init__(self, loaded: LoadedScenario) -> None:
        self._folder, self._digests = loaded.folder, dict(loaded.calibrations)
        facts = loaded.catalog.facts
        written = [repr(tuple(getattr(facts, kind.name))) for kind in fields(facts)]
        self._same = [results_version(), _hashed(written), *loaded.calibrations.values()]

    def of_scenario(self, scenario: Scenario, seeds: int) -> str:
        """The key of a scenario and its number of replications."""
        said = {key: value for key, value in asdict(scenario).items() if key not in _NOT_OF_RUNS}
        digests = [self._digest(text) for text in _texts(said)]
        return _hashed([*self._same, repr(said), str(seeds), *digests])

    def of(self, plan: YamlNode, scenario_key: str) -> str:
        """The key of a plan under a scenario."""
        plain = plan.plain()
        said = {key: value for key, value in plain.items() if key != "name"} if isinstance(plain, dict) else {}
        digests = [self._digest(text) for text in _texts(said)]
        return _hashed([scenario_key, json.dumps(said, sort_keys=True), *digests])

    def inputs(self) -> dict[str, str]:
        """SHA-256 of the files that plans and scenarios name, by their names."""
        return {name: digest for name, digest in sorted(self._digests.items()) if digest}

    def _digest(self, text: str) -> str:
        """The SHA-256 of the file or folder that a text names; empty where it names none."""
        if text not in self._digests:
            path = self._folder / text
            try:
                there = bool(text) and path.exists()
            except (OSError, ValueError):  # too long, or no name of a file
                there = False
            self._digests[text] = sha256_of(path) if there else ""
        return self._digests[text]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _hashed(parts: list[str]) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
