"""Scenarios to run, to optimize, to vary."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from simcost.api.answers import Answer
from simcost.api.changes import put, yaml_text
from simcost.api.inputs import local_path, path_of
from simcost.api.results import Result, read
from simcost.api.values import (
    Progress,
    engine_options,
    number,
    numbers_of,
    pairs_of,
    plain,
    progress_of,
    ranges,
    text,
    usd,
    whole_numbers,
    words,
)
from simcost.api.wording import in_python
from simcost.documents import to_document
from simcost.errors import InputError
from simcost.execution.options import EngineName
from simcost.outputs import check_folder
from simcost.scenario.checks import load as checks
from simcost.scenario.checks.added_once import add_plan_once
from simcost.scenario.schema.loaded_scenario import AnyScenario

CORES = os.cpu_count() or 1
_CHANGED = " with changes"
"""After the name of a file whose scenario was changed: faults and provenance are of the changed text."""


@dataclass(frozen=True, slots=True, repr=False)
class CheckedScenario:
    """A checked scenario."""

    loaded: AnyScenario

    def __repr__(self) -> str:
        """Name and plans: what a console shows."""
        return f"<CheckedScenario {self.name}: {', '.join(map(repr, self.plans))}>"

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return self.loaded.first.scenario.scenario

    @property
    def question(self) -> str:
        """Question that it asks."""
        return self.loaded.first.scenario.question

    @property
    def plans(self) -> tuple[str, ...]:
        """Names of the plans."""
        return tuple(plan.name for plan in self.loaded.first.scenario.plans)

    @property
    def text(self) -> str:
        """The YAML, as it is written."""
        return self.loaded.text

    def with_changes(self, changes: Mapping[str, Any]) -> CheckedScenario:
        """A scenario with other values: `{"plans.0.scaling.replicas": 3, "slo.ttft": "2s"}`; None removes a key.

        Raises:
            InputError: a path that leads nowhere.
            FaultsError: the values make no sound scenario.
        """
        if not isinstance(changes, Mapping):
            raise InputError(f'changes: {changes!r} is not a mapping of paths to values, as {{"slo.ttft": "2s"}}')
        root: Any = deepcopy(self.loaded.written.plain())
        for field, value in changes.items():
            put(root, str(field), plain(value))
        return CheckedScenario(checks.load_text(yaml_text(root), self._changed_path(), self.loaded.folder))

    def _changed_path(self) -> Path:
        return self.loaded.path.with_name(f"{self.loaded.path.name.removesuffix(_CHANGED)}{_CHANGED}")

    def with_plan(self, plan: Mapping[str, Any] | Answer) -> CheckedScenario:
        """A scenario with one plan more; one that is there under another name is not added again.

        Args:
            plan: its fields, as a scenario has them, or the answer of `optimize`, whose best plan is added.

        Raises:
            InputError: the search found no plan, or the plan cannot be added.
            FaultsError: the plan makes no sound scenario.
        """
        if isinstance(plan, Answer) and not isinstance(plan, Result):
            best = plan.document.get("best")
            if not isinstance(best, Mapping) or not isinstance(best.get("plan"), Mapping):
                raise InputError(f"nothing to add, since no plan was found: {plan.verdict or plan.title}")
            return self.with_plan(best["plan"])
        if not isinstance(plan, Mapping):
            raise InputError(f"a plan is a mapping of its fields or the answer of optimize, not {type(plan).__name__}")
        text, _ = add_plan_once(self.text, plain(plan), self.loaded.folder / self.loaded.path.name)
        return CheckedScenario(checks.load_text(text, self._changed_path(), self.loaded.folder))

    @in_python()
    def run(
        self,
        out: str | Path | None = None,
        *,
        seeds: int | None = None,
        seed: int | None = None,
        jobs: int = CORES,
        engine: EngineName = "local",
        address: str | None = None,
        time_limit: str | float | None = None,
        fresh: bool = False,
        progress: Progress | None = None,
    ) -> Result:
        """Simulate the plans and compare them, as `simcost run` does.

        Args:
            out: results folder; None = `results/NAME`. Runs that it holds are not simulated again. Of the URI of an
                object store, such as `s3://BUCKET/PREFIX`, that folder is copied there.
            seeds: replications; None = as the scenario says.
            seed: start of the random numbers; None = as the scenario says.
            jobs: simulations at a time; the result does not depend on it.
            engine: what executes simulations: `local` processes, or a cluster of `dask` or `ray`.
            address: of a running cluster; None = one on this machine, for as long as the call takes.
            time_limit: longest time of one simulation, `"10min"` or seconds; None = any.
            fresh: simulate again what is stored.
            progress: called with the share done and what is done.

        Raises:
            InputError: a folder that is not a results folder, or that another run writes to at the same time; a trace
                that cannot be read, counts that cannot be.
            RunError: a simulation that could not go on.
        """
        from simcost.scenario.runs.run import run
        from simcost.scenario.storage.folders import SUMS
        from simcost.studies.plans.sections import write_html
        from simcost.tables.object_stores import upload, uri_of

        options: dict[str, Any] = whole_numbers(seeds=seeds, seed=seed, jobs=jobs)
        options["engine"] = engine_options(engine, address, time_limit)
        uri = "" if out is None else uri_of(path_of(out, "out"))
        folder = self._folder(None if uri else out)
        document = run(self.loaded, folder, fresh=fresh, progress=progress_of(progress), **options)
        report = write_html(folder)
        result = read(folder)
        if result.document != json.loads(json.dumps(to_document(document))):
            raise InputError(f"{folder}: another run wrote there meanwhile; give each a folder of its own, as `out`")
        if uri:
            upload(folder, uri, SUMS)
        files = [*document["files"], os.path.relpath(report)]
        return replace(result, document={**result.document, "files": files})

    @in_python()
    def optimize(
        self,
        out: str | Path | None = None,
        *,
        seeds: int | None = None,
        seed: int | None = None,
        jobs: int = CORES,
        engine: EngineName = "local",
        address: str | None = None,
        time_limit: str | float | None = None,
        mixes: bool = False,
        options: str | Path | None = None,
        step_factor: float = 1.0,
        objectives: Sequence[str] = (),
        front: int = 0,
        budget: str | float | None = None,
        quota: Mapping[str, int] = MappingProxyType({}),
        available: Mapping[str, int] = MappingProxyType({}),
        progress: Progress | None = None,
    ) -> Answer:
        """The cheapest plan that meets the SLO, as `simcost optimize` finds it; its table is the Pareto front.

        Args:
            out: folder that keeps the runs; None = `results/NAME`.
            seeds: as for `run`.
            seed: as for `run`.
            jobs: as for `run`.
            engine: as for `run`.
            address: as for `run`.
            time_limit: as for `run`.
            mixes: propose fixed fleets of several kinds of replicas too.
            options: file of a purchasing plan whose commitments may be bought, each up to its amount.
            step_factor: the plan meets the SLO even if each step takes so many times as long.
            objectives: those of the front beside cost: attainment, latency, jobs, carbon, risk, quality; none = all
                that are known.
            front: plans that are simulated for the front alone, at most, those with the least possible cost first.
            budget: most USD that a month of the plan may cost, as `2500` or `"$2,500"`; None = whatever it does.
            quota: most accelerators that the plan may take at a time, by their name; of others any number.
            available: most instances that it may take at a time, by `OFFER` or `OFFER@REGION`; of others any number.
            progress: as for `run`.

        Raises:
            InputError: a space that cannot be searched, an unknown objective, or a limit of what the catalog has not.
        """
        from simcost.studies.optimizing.settings import SearchSettings
        from simcost.studies.optimizing.study import optimize
        from simcost.studies.optimizing.view import parts

        settings = SearchSettings(
            engine=engine_options(engine, address, time_limit),
            mixes=mixes,
            options=None if options is None else path_of(options, "options"),
            step_factor=number("step_factor", step_factor, from_0=True),
            objectives=words("objectives", objectives),
            budget_usd=usd("budget", budget),
            quota=numbers_of("quota", quota),
            available=numbers_of("available", available),
            **whole_numbers(seeds=seeds, seed=seed, jobs=jobs, front=front),
        )
        document = optimize(self.loaded, self._folder(out) / "runs", settings, progress_of(progress))
        return Answer(f"optimize {self.name}", document, document["frontier"], parts(document))

    @in_python()
    def sweep(
        self,
        out: str | Path | None = None,
        *,
        seeds: int | None = None,
        seed: int | None = None,
        jobs: int = CORES,
        engine: EngineName = "local",
        address: str | None = None,
        time_limit: str | float | None = None,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """All plans of the `sweep` of the scenario, as `simcost sweep` makes them; its table has a row for each plan.

        Args:
            out: folder of the rows; None = `results/NAME-sweep`. Runs that it holds are not made again.
            seeds: as for `run`.
            seed: as for `run`.
            jobs: as for `run`.
            engine: as for `run`.
            address: as for `run`.
            time_limit: as for `run`.
            limit: new runs, at most; None = all.
            progress: as for `run`.

        Raises:
            FaultsError: a `sweep` that cannot be read.
            InputError: a folder that holds something else.
        """
        from simcost.api.studies import results
        from simcost.scenario.sweeps.sweep import SweepOptions
        from simcost.studies.sweeps.study import SweepSettings, answer
        from simcost.studies.sweeps.view import parts

        folder = Path("results") / f"{self.name}-sweep" if out is None else local_path(out, "out")
        cluster = engine_options(engine, address, time_limit)
        options = SweepOptions(engine=cluster, progress=progress_of(progress), **whole_numbers(jobs=jobs, limit=limit))
        settings = SweepSettings(consent=True, **whole_numbers(seeds=seeds, seed=seed))
        result = answer(checks.of_one_pool(self.loaded), folder, settings, options)
        rows = results(folder, sort="cost_usd_per_month").rows
        return Answer(f"sweep {self.name}", to_document(result), rows, parts(result))

    @in_python()
    def sensitivity(
        self,
        vary: Mapping[str, tuple[float, float]],
        out: str | Path | None = None,
        *,
        grids: Sequence[tuple[str, str]] = (),
        sobol: bool = False,
        seeds: int | None = None,
        seed: int | None = None,
        jobs: int = CORES,
        engine: EngineName = "local",
        address: str | None = None,
        time_limit: str | float | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """Values that would change the decision, as `simcost sensitivity` finds it; its table is the tornado.

        Args:
            vary: range by path: `{"demand": (0.8, 1.5), "price.aws/p5.4xlarge": (3, 7)}`.
            out: folder that keeps the runs; None = `results/NAME`.
            grids: pairs of these paths, which vary at once.
            sobol: ask for the share of the variance of the cost that each value causes.
            seeds: as for `run`.
            seed: as for `run`.
            jobs: as for `run`.
            engine: as for `run`.
            address: as for `run`.
            time_limit: as for `run`.
            progress: as for `run`.

        Raises:
            InputError: no such value, a range that does not hold its base, or more than may vary together.
        """
        from simcost.studies.sensitivity.simulated import SensitivitySettings
        from simcost.studies.sensitivity.states import VariedRange
        from simcost.studies.sensitivity.study import sensitivity
        from simcost.studies.sensitivity.view import parts

        settings = SensitivitySettings(
            runs=self._folder(out) / "runs",
            engine=engine_options(engine, address, time_limit),
            grids=pairs_of("grids", grids),
            variance=sobol,
            **whole_numbers(seeds=seeds, seed=seed, jobs=jobs),
        )
        varied = [VariedRange(path=path, lo=lo, hi=hi) for path, lo, hi in ranges(vary)]
        document = sensitivity(self.loaded, varied, settings, progress_of(progress))
        return Answer(f"sensitivity {self.name}", document, document["tornado"], parts(document))

    @in_python()
    def advise(
        self,
        plan: str | None = None,
        out: str | Path | None = None,
        *,
        seeds: int | None = None,
        seed: int | None = None,
        jobs: int = CORES,
        engine: EngineName = "local",
        address: str | None = None,
        time_limit: str | float | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """Actions that right-size a plan, as `simcost advise` proves them; its table has a row for each.

        Args:
            plan: None = the baseline.
            out: folder that keeps the runs; None = `results/NAME`.
            seeds: as for `run`.
            seed: as for `run`.
            jobs: as for `run`.
            engine: as for `run`.
            address: as for `run`.
            time_limit: as for `run`.
            progress: as for `run`.

        Raises:
            InputError: no such plan, or a scenario that cannot be advised on.
        """
        from simcost.studies.advising.settings import AdviceSettings
        from simcost.studies.advising.study import advise
        from simcost.studies.advising.view import parts

        cluster = engine_options(engine, address, time_limit)
        settings = AdviceSettings(
            plan=text("plan", plan), engine=cluster, **whole_numbers(seeds=seeds, seed=seed, jobs=jobs)
        )
        advice = advise(self.loaded, self._folder(out) / "runs", settings, progress_of(progress))
        document = to_document(advice)
        return Answer(f"advise {self.name}", document, document["actions"], parts(advice))

    def _folder(self, out: str | Path | None) -> Path:
        folder = Path("results") / self.name if out is None else local_path(out, "out")
        check_folder(folder)
        return folder
