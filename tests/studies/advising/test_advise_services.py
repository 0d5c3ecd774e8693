"""`simcost advise` of several services: the advice of each, together; services that depend on each other."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import call, refused
from support.scenarios import SERVICES, alone, write

pytestmark = pytest.mark.slow

LARGE = SERVICES.partition("  - name: two")[0].replace(
    "chat: {scaling: {kind: fixed, replicas: 1}}", "chat: {scaling: {kind: fixed, replicas: 3}}"
)


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("services")
    file = write(folder, text=LARGE)
    said = call("advise", file, "--json", "--quiet", "--jobs", 1, "--out", folder / "out")
    assert said.code == 0, said.err
    return file, said.document()


def test_the_advice_of_all_is_that_of_each(answer: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _, document = answer
    chat, search = document["services"]
    assert document["usd_per_month"] == chat["usd_per_month"] + search["usd_per_month"]
    total = chat["total_saving_usd_per_month"] + search["total_saving_usd_per_month"]
    then = [action["then_usd_per_month"] for action in document["actions"] if action["then_usd_per_month"] is not None]
    assert document["total_saving_usd_per_month"] == total == pytest.approx(sum(then))
    assert then == sorted(then, reverse=True)
    own = alone("chat").replace("one, scaling: {kind: fixed, replicas: 1}", "one, scaling: {kind: fixed, replicas: 3}")
    seed = document["provenance"]["service_seeds"]["chat"]
    words = ("--seed", seed, "--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out")
    said = call("advise", write(tmp_path, text=own), *words).document()
    mine = [action for action in document["actions"] if action["service"] == "chat"]
    for key in ("kind", "saving_usd_per_month", "then_usd_per_month", "slo_risk"):
        assert [action[key] for action in said["actions"]] == [one[key] for one in mine]


def test_the_plan_with_its_actions_can_be_run(answer: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file, document = answer
    text = yaml.safe_load(file.read_text())
    [sized] = [
        action
        for action in document["actions"]
        if (action["service"], action["kind"]) == ("chat", "number of replicas")
    ]
    assert sized["changes"] == [{"path": "services.chat.scaling.replicas", "before": 3, "after": 1}]
    text["plans"][0]["services"]["chat"]["scaling"]["replicas"] = 1
    words = ("--seed", document["provenance"]["confirmation_seed"], "--json", "--quiet", "--out", tmp_path / "out")
    [plan] = call("run", write(tmp_path, text=yaml.safe_dump(text)), *words).document()["plans"]
    assert plan["slo"]["met"]
    expected = document["usd_per_month"] - sized["saving_usd_per_month"]["mean"]
    assert plan["cost_usd"]["per_month"] == pytest.approx(expected, rel=1e-9)


def test_what_is_shown_names_the_services(answer: tuple[Path, dict[str, Any]]) -> None:
    file, document = answer
    said = call("advise", file, "--quiet", "--jobs", 1, "--out", file.parent / "out", "--fail-on", "saving=1")
    assert said.code == 1
    assert said.out.replace("\n", " ").startswith(document["verdict"])
    assert "chat: number of replicas" in said.out
    assert max(map(len, said.out.splitlines())) <= 100


def test_a_service_that_misses_its_slo_comes_first(tmp_path: Path) -> None:
    file = write(tmp_path, ("rate: 0.3/s", "rate: 40/s"), text=LARGE)
    document = call("advise", file, "--json", "--quiet", "--jobs", 1, "--out", tmp_path / "out").document()
    assert "does not meet the SLO of search" in document["verdict"]
    assert document["actions"][0]["service"] == "search"


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no plan 'on'; did you mean 'one'" in refused("advise", write(tmp_path, text=LARGE), "--plan", "on")
