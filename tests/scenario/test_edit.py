"""One value of a YAML text is changed: it reads as wanted, and all else stays as it was."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.scenario.files.edit import append, put, value_at

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "scenarios").glob("*.yaml"))}
PATHS = ("plans.0.scaling.replicas", "plans.0.buy.price", "plans.0.replica.precision", "seeds", "slo.ttft", "horizon")
VALUES = st.one_of(st.integers(-9, 2**40), st.floats(-1e9, 1e9), st.booleans(), st.text(max_size=20))


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


@given(name=st.sampled_from(sorted(TEXTS)), path=st.sampled_from(PATHS), value=VALUES)
def test_a_value_reads_as_it_was_put_and_comments_and_other_lines_stay(name: str, path: str, value: object) -> None:
    text = TEXTS[name]
    edited = put(text, path, value)  # type: ignore[arg-type]
    assert value_at(edited, path) == value
    before, after = text.splitlines(), edited.splitlines()
    assert len([line for line in before if line not in after]) <= 1
    if not isinstance(value, str):
        assert comments(edited) == comments(text)


@pytest.mark.parametrize("name", sorted(TEXTS))
@pytest.mark.parametrize("path", ["plans.0.scaling", "question", "seeds", "plans.0.new.key"])
def test_a_key_that_is_put_and_removed_is_gone(name: str, path: str) -> None:
    edited = put(put(TEXTS[name], path, 3), path, None)
    assert value_at(edited, path) is None
    assert value_at(edited, "scenario") == value_at(TEXTS[name], "scenario")


@pytest.mark.parametrize("path", ["plans.99.name", "plans.first.name", "scenario.0.x"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        put(TEXTS["quickstart.yaml"], path, 1)


@pytest.mark.parametrize("text", ["", "{", "- 1", "a: *b"])
def test_a_broken_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a scenario yet"):
        put(text, "seeds", 1)


def test_a_value_that_others_share_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be changed alone"):
        put("a: &one {x: 1}\nb: *one\n", "b.x", 2)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_an_item_that_is_appended_reads_as_it_was_and_all_other_lines_stay(name: str) -> None:
    text = TEXTS[name]
    if not isinstance(before := value_at(text, "plans"), list):
        pytest.skip("has no plans")
    plan = {"name": "found, of a search", "replica": {"accelerator": "l4"}, "scaling": {"kind": "fixed", "replicas": 2}}
    edited = append(text, "plans", plan)
    assert value_at(edited, "plans") == [*before, plan]
    lines = iter(edited.splitlines())
    assert all(line in lines for line in text.splitlines())
    assert comments(edited) == comments(text)


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("a: [1, 2] # two\n", "a: [1, 2, {x: 1}] # two\n"),
        ("a: []\n", "a: [{x: 1}]\n"),
        ("a:\n- 1", "a:\n- 1\n- x: 1\n"),
        ("a:\n  - 1  # one\nb: 2\n", "a:\n  - 1  # one\n  - x: 1\nb: 2\n"),
    ],
)
def test_an_item_is_written_as_those_before_it(text: str, edited: str) -> None:
    assert append(text, "a", {"x": 1}) == edited


@pytest.mark.parametrize("text", ["a: 1\n", "b: [1]\n", "c: &l [1]\na: *l\n"])
def test_an_item_has_no_place_but_in_a_list_of_its_own(text: str) -> None:
    with pytest.raises(InputError):
        append(text, "a", 2)


def test_another_kind_takes_the_place_of_one_that_is_written_alone() -> None:
    """Advice of another router could not be tried: the path `router.kind` led nowhere."""
    text = "plans:\n  - {name: a, router: round-robin}  # one\n"
    edited = put(text, "plans.0.router.kind", "power-of-two")
    assert edited == "plans:\n  - {name: a, router: power-of-two}  # one\n"
    picker = put(put(text, "plans.0.router.kind", "endpoint-picker"), "plans.0.router.scorers", [{"weight": 2}])
    assert value_at(picker, "plans.0.router") == {"kind": "endpoint-picker", "scorers": [{"weight": 2}]}


def test_what_is_not_there_is_removed_without_a_mapping_for_it() -> None:
    text = "plans:\n  - name: a\n"
    assert put(text, "plans.0.scaling.behavior.window", None) == text
