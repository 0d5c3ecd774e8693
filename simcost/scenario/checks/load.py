"""A scenario file to a scenario, or all that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from simcost.errors import Fault, FaultsError, InputError, TraceError
from simcost.scenario.checks.calibrations import with_calibrations
from simcost.scenario.checks.cpu_checks import shared_memory_faults
from simcost.scenario.checks.disaggregation_checks import link_faults
from simcost.scenario.checks.image_checks import forwarded_faults, image_faults
from simcost.scenario.checks.job_checks import fleet_faults
from simcost.scenario.checks.manifest_references import (
    manifest_faults,
    percentile_faults,
    slos_in_full,
    undated_fault,
    written_in_full,
)
from simcost.scenario.checks.owned_checks import owned_faults, owned_faults_of_services
from simcost.scenario.checks.plan_checks import find_catalog, plan_faults, scenario_faults
from simcost.scenario.checks.pool_checks import pool_faults
from simcost.scenario.checks.prefix_cache_checks import prefix_cache_faults
from simcost.scenario.checks.routing_checks import cache_faults
from simcost.scenario.files import yaml
from simcost.scenario.files.by_kind import adapter
from simcost.scenario.files.conform import Conform, spread
from simcost.scenario.files.faults import fault_at, shown, validate
from simcost.scenario.files.key_places import belongs
from simcost.scenario.files.nodes import YamlNode, items
from simcost.scenario.files.other_documents import known_document
from simcost.scenario.files.pools import as_written, pool_commitment_faults, pools_alone, with_pools
from simcost.scenario.files.services import by_service, has_services, without_services
from simcost.scenario.inputs.file_hashes import hashes
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario, LoadedServices
from simcost.scenario.schema.scenario import Plan, Scenario
from simcost.tables.digests import sha256_of
from simcost.tables.paths import inside


def load(path: Path, data_folder: Path | None = None) -> LoadedScenario:
    """Read a scenario file of one pool a plan.

    Args:
        path: the YAML file.
        data_folder: where traces are looked for; None = the folder of the file.

    Raises:
        FaultsError: all faults of the file, each with its place; or it is of several services.
    """
    return of_one_pool(load_with_services(path, data_folder))


def of_one_pool(loaded: AnyScenario) -> LoadedScenario:
    """A scenario of one pool a plan. Raises FaultsError for one of several services, or with plans of several pools."""
    if isinstance(loaded, LoadedServices):
        message = (
            f"has {len(loaded.services)} services, which `simcost run`, `check`, `optimize`, `sensitivity` and "
            "`advise` take; here, ask for each service in a scenario of its own"
        )
        raise FaultsError([fault_at(loaded.root.get("services") or loaded.root, message, str(loaded.path))])
    for plan, node in zip(loaded.scenario.plans, items(loaded.root.get("plans")), strict=True):
        if plan.pools:
            message = (
                f"of plan {plan.name!r} are several, which `simcost run`, `check`, `optimize`, `sensitivity` and "
                "`advise` take; here, write a plan of one pool"
            )
            raise FaultsError([fault_at(node.get("pools") or node, message, str(loaded.path))])
    return loaded


def load_with_services(path: Path, data_folder: Path | None = None) -> AnyScenario:
    """Read a scenario file of one pool a plan, or of several services; as `load`."""
    loaded, faults = _read(path, data_folder or path.parent)
    if loaded is None or faults:
        raise FaultsError(faults)
    return loaded


def load_as_run(result: Path, data_folder: Path | None = None) -> AnyScenario:
    """Read the scenario of a finished result, whose paths are relative to the file that it was run of.

    Args:
        result: the results folder.
        data_folder: where traces are looked for; None = where they were.

    Raises:
        FaultsError: all faults of the scenario, each with its place.
        InputError: no finished result, or the scenario that it was run of is not there.
    """
    from simcost.scenario.storage.results import folder_of_inputs, folder_of_scenario

    folder = data_folder or folder_of_inputs(result)
    loaded, faults = _read(result / "scenario.yaml", folder, home=folder_of_scenario(result) or folder)
    if loaded is None or faults:
        raise FaultsError(faults)
    return loaded


def load_text(text: str, path: Path, data_folder: Path | None = None) -> AnyScenario:
    """Read a scenario from YAML text.

    Args:
        text: the YAML.
        path: the file that it would stand in: faults name it, own facts lie beside it.
        data_folder: where traces are looked for; None = the folder of that file.

    Raises:
        FaultsError: all faults of the text, each with its place.
    """
    loaded, faults = _parsed(text, path, data_folder or path.parent, path.parent)
    if loaded is None or faults:
        raise FaultsError(faults)
    return loaded


def changed(loaded: LoadedScenario, root: YamlNode) -> LoadedScenario:
    """The scenario with another tree. Raises FaultsError for all that is wrong with it."""
    found, faults = _read_pool(root, loaded.text, loaded.path, loaded.folder, loaded.home)
    if found is None or faults:
        raise FaultsError(_in_order(faults))
    return replace(found, calibrations=loaded.calibrations)


def changed_services(loaded: LoadedServices, root: YamlNode) -> LoadedServices:
    """The services with another tree. Raises FaultsError for all that is wrong with it."""
    found, faults = _read_services(root, loaded.text, loaded.path, loaded.folder, loaded.home, [])
    if found is None:
        raise FaultsError(faults)
    return found


def find_faults(path: Path, data_folder: Path | None = None) -> list[Fault]:
    """All faults of a scenario file, in the order of their places."""
    return _read(path, data_folder or path.parent)[1]


def _read(path: Path, folder: Path, *, home: Path | None = None) -> tuple[AnyScenario | None, list[Fault]]:
    """A file and its faults; `home`: the folder of its own facts, where that is another than that of the file."""
    text, faults = yaml.read(path)
    if not faults and not folder.is_dir():
        faults = [Fault(file=str(folder), message="is not a folder; give --data the one in which the traces are")]
    return (None, faults) if faults else _parsed(text, path, folder, home or path.parent)


def _parsed(text: str, path: Path, folder: Path, home: Path) -> tuple[AnyScenario | None, list[Fault]]:
    file = str(path)
    root, faults = yaml.parse(text, file)
    if root is None:
        return None, faults
    if not isinstance(root.value, dict):
        return None, [*faults, fault_at(root, f"expected a scenario, not {shown(root.value)}", file)]
    if (other := known_document(root.value)) is not None:
        message = (
            f"is {other}, no scenario; give the YAML of a scenario, or the results folder that `simcost run` wrote"
        )
        return None, [*faults, fault_at(root, message, file)]
    root, found = spread(root, file)
    faults += [*found, *percentile_faults(root, file)]
    if has_services(root):
        return _read_services(root, text, path, folder, home, faults)
    root, found = without_services(root, file)
    loaded, wrong = _read_pool(root, text, path, folder, home)
    return loaded, _in_order([*faults, *found, *wrong])


def _read_services(
    root: YamlNode, text: str, path: Path, folder: Path, home: Path, faults: list[Fault]
) -> tuple[LoadedServices | None, list[Fault]]:
    """Each service as a scenario of its own; what is wrong in all of them is one fault."""
    trees, found = by_service(slos_in_full(root), str(path))
    faults = [*faults, *found]
    services: dict[str, LoadedScenario] = {}
    for name, tree in trees.scenarios.items():
        loaded, wrong = _read_pool(tree, text, path, folder, home, apart=True)
        faults += wrong
        if loaded is not None:
            services[name] = loaded
    jobs, wrong = (None, []) if trees.jobs is None else _read_pool(trees.jobs, text, path, folder, home, apart=True)
    faults += wrong
    if not faults:
        faults += forwarded_faults(services, trees.forwarding, str(path))
        for name, one in services.items():
            shared = {plan for plan, service in trees.sharing if service == name}
            faults += shared_memory_faults(one, shared, str(path))
    if not faults and jobs is not None:
        faults += fleet_faults(jobs.scenario, [one.scenario for one in services.values()], root, str(path))
    if faults:
        return None, _in_order(faults)
    loaded_services = LoadedServices(
        services=services,
        sharing=trees.sharing,
        forwarding=trees.forwarding,
        jobs=jobs,
        text=text,
        root=root,
        path=path,
        folder=folder,
        home=home,
    )
    if faults := list(owned_faults_of_services(loaded_services)):
        return None, _in_order(faults)
    return loaded_services, []


def _read_pool(
    root: YamlNode, text: str, path: Path, folder: Path, home: Path, *, apart: bool = False
) -> tuple[LoadedScenario | None, list[Fault]]:
    """A scenario of one pool a plan, its defaults spread; `apart`: it is a part of one of several services."""
    file, faults = str(path), list[Fault]()
    root = slos_in_full(root)
    faults += pool_commitment_faults(root, file)
    written, *_ = with_calibrations(written_in_full(root), folder, file)
    root, uncalibrated, calibrations = with_calibrations(written_in_full(with_pools(root)), folder, file)
    if uncalibrated:
        return None, uncalibrated
    faults += [*cache_faults(root, file), *link_faults(root, file)]
    root = Conform(file, faults, belongs).node(root, Scenario, also=("defaults", "services"))
    scenario, wrong = validate(adapter(Scenario), root, file)
    catalog, missing = find_catalog(root, path, home)
    faults += [*wrong, *missing, *scenario_faults(root, file, folder, apart=apart)]
    if catalog is not None:
        whole = scenario.plans if scenario else _sound_plans(root, file)
        faults += pool_faults(root, whole, catalog, file)
        by_pool, plans = pools_alone(root, whole)
        without = _without_prefixes(scenario, folder)
        faults += plan_faults(by_pool, plans, catalog, without, file)
        faults += manifest_faults(
            plans,
            items(by_pool.get("plans")),
            catalog,
            folder,
            file,
            with_prefixes=not without,
            undated=partial(undated_fault, scenario, folder),
        )
    if scenario is not None and catalog is not None and not faults:
        from simcost.scenario.checks.input_checks import input_faults

        root_of_pools, alone = pools_alone(root, scenario.plans)
        each = replace(scenario, plans=tuple(plan for plan in alone if plan is not None))
        faults += input_faults(each, root_of_pools, catalog, folder, file)
        if not faults and not apart:
            faults += owned_faults(items(root.get("plans")), scenario.plans, catalog, folder, file)
    if scenario is not None and not faults:
        faults += [*prefix_cache_faults(scenario, root, folder, file), *image_faults(scenario, root, file)]
    if scenario is None or catalog is None:
        return None, faults
    loaded = LoadedScenario(
        scenario=scenario,
        text=text,
        root=root,
        written=as_written(root, written),
        path=path,
        folder=folder,
        home=home,
        catalog=catalog,
        facts={path: sha256_of(path) for path in _own_facts(scenario, home)},
        calibrations=hashes(folder, calibrations),
    )
    return loaded, faults


def _own_facts(scenario: Scenario, folder: Path) -> list[Path]:
    """The fact files that a scenario brings along."""
    return sorted(inside(folder, scenario.catalog).glob("*.csv")) if scenario.catalog else []


def _without_prefixes(scenario: Scenario | None, folder: Path) -> str:
    """Reason why requests carry no prefixes; empty where they do, or other faults come first."""
    from simcost.scenario.checks.routing_checks import may_read_prefixes, prefix_block_tokens

    if scenario is None or not any(may_read_prefixes(plan) for plan in scenario.plans):
        return ""
    try:
        if prefix_block_tokens(scenario.open_workloads(), folder) is not None:
            return ""
    except TraceError:
        return ""  # said where the trace is named
    except InputError as error:
        return str(error)
    return (
        "needs requests that carry their prefixes: a recorded workload with prefix_hashes, which `simcost trace "
        "import` reads and `simcost trace synthesize` writes of conversations; or take it out"
    )


def _in_order(faults: Sequence[Fault]) -> list[Fault]:
    """By place; of several faults of one value the first, which the others follow from."""
    first: dict[tuple[object, ...], Fault] = {}
    for fault in faults:
        first.setdefault((fault.file, fault.line, fault.column, fault.path), fault)
    return sorted(first.values(), key=lambda fault: (fault.line, fault.column))


def _sound_plans(root: YamlNode, file: str) -> list[Plan | None]:
    """The plans of a scenario with faults, None for those that have some."""
    plans = root.get("plans")
    nodes = plans.value if plans is not None and isinstance(plans.value, list) else []
    return [validate(adapter(Plan), node, file)[0] for node in nodes]
