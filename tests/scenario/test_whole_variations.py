"""Whole plans of services that `vary` makes: what a service leaves to the plan, and what replaces it."""

from pathlib import Path

import pytest
from support.scenarios import SERVICES, write

from simcost.plan import Fixed
from simcost.plan.autoscaling.simple import TargetConcurrency
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.inputs.whole_variations import whole_variations
from simcost.scenario.schema.loaded_scenario import LoadedServices

TEXT = (
    (
        SERVICES.partition("  - name: two")[0]
        .replace(
            "  replica: {accelerator: l4}\n",
            "  replica: {accelerator: l4}\n  scaling: {kind: target-concurrency, target: 8}\n",
        )
        .replace("chat: {scaling: {kind: fixed, replicas: 1}}", "chat: {scaling: {max: 4}}")
    )
    + """\
vary:
  - path: services.chat.scaling
    values: [{kind: fixed, replicas: 2}, {max: 6}, {target: 4}]
"""
)


def test_a_kind_that_the_plan_names_is_replaced_with_all_its_fields(tmp_path: Path) -> None:
    loaded = load_with_services(write(tmp_path, text=TEXT))
    space = whole_variations(loaded)
    assert not space.excluded
    chats = []
    for plan in space.plans:
        assert isinstance(plan.loaded, LoadedServices)
        [chat] = plan.loaded.services["chat"].scenario.plans
        chats.append(chat.scaling)
    assert chats == [
        Fixed(replicas=2),
        TargetConcurrency(target=8.0, max=6),
        TargetConcurrency(target=4.0, max=4),
    ]


@pytest.mark.parametrize(
    ("dimension", "names"),
    [
        (
            "[{router: {kind: round-robin}}, {router: {kind: least-outstanding}}]",
            ["one, round-robin", "one, least-outstanding"],
        ),
        (
            "{path: services.chat.router, values: [{kind: round-robin}, {kind: least-outstanding}]}",
            ["one, chat router round-robin", "one, chat router least-outstanding"],
        ),
        (
            "{path: services.chat.scaling, values: [{kind: fixed, replicas: 2}, {kind: fixed, replicas: 3}]}",
            ["one, chat scaling replicas 2", "one, chat scaling replicas 3"],
        ),
    ],
)
def test_alternatives_are_named_by_their_policy_where_nothing_else_tells_them_apart(
    tmp_path: Path, dimension: str, names: list[str]
) -> None:
    loaded = load_with_services(
        write(tmp_path, text=f"{SERVICES.partition('  - name: two')[0]}vary:\n  - {dimension}\n")
    )
    assert [plan.name for plan in whole_variations(loaded).plans] == names
