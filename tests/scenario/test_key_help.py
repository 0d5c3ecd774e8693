"""Help on the keys of the scenario file: each can be asked for, by its path, its end or its kind."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import call

from simcost.errors import InputError
from simcost.scenario.files.conform import by_name, classes, hints, item
from simcost.scenario.files.json_schema import json_schema, meanings, parts, summary
from simcost.scenario.files.key_help import help_on


def plain(text: str) -> str:
    return text.replace("`", "")


def test_every_key_is_explained_under_its_path_as_in_the_reference() -> None:
    firsts = {part.cls: part for part in reversed([*parts()]) if part.path}
    for part in firsts.values():
        for field in {*hints(part.cls)} - {"kind"}:
            found = help_on(f"{part.path}.{field}")
            hint, meaning = hints(part.cls)[field], meanings(part.cls).get(field, "")
            inside = [plain(summary(cls)) for cls in classes(item(hint) or by_name(hint) or hint)]
            rows = [(row.field, row.meaning) for place in found.places for row in place.keys]
            assert {*inside} <= {place.meaning for place in found.places}
            assert inside or (field, plain(meaning)) in rows, (part.path, field)


def test_every_mapping_is_explained_under_its_path_and_its_kind() -> None:
    for part in parts():
        names = [part.path, *([f"{part.path}.{part.kind}"] if part.kind else [])] if part.path else []
        for name in names:
            assert plain(summary(part.cls)) in [place.meaning for place in help_on(name).places], name


def test_a_place_has_its_meaning_and_all_its_keys() -> None:
    found = help_on("plans[0].scaling.fixed")
    assert [place.place for place in found.places] == ["plans[].scaling, kind: fixed"]
    assert [row.field for row in found.places[0].keys] == ["replicas"]
    assert found.places[0].keys[0].default == "required"
    assert help_on("plans.scaling").verdict.startswith("plans.scaling: Number of replicas over time")
    assert help_on("defaults.scaling").places == help_on("plans.services.chat.scaling").places


@given(st.text(alphabet="abcdefgilnprst._[]0", max_size=12))
def test_any_words_are_answered_or_refused_in_words(key: str) -> None:
    said = call("schema", "--", key)
    assert said.code in (0, 2)
    assert said.out or said.err.startswith("simcost: no key ")


def test_the_command_shows_one_key_and_a_near_one() -> None:
    assert call("schema", "slo.ttft").out.startswith("slo.ttft: Longest time from arrival to first token")
    assert call("schema", "slo.ttft", "--json").document()["places"][0]["keys"][0]["field"] == "ttft"
    many = call("schema", "plans.scaling").out
    assert all(f"kind: {kind}" in many for kind in ("fixed", "hpa", "keda", "kpa"))
    refused = call("schema", "scalling")
    assert refused.code == 2
    assert "did you mean 'scaling'" in refused.err


@pytest.mark.parametrize("key", ["", ".", "[]", "0", "plans.nothing"])
def test_no_key_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="simcost schema plans"):
        help_on(key)


def test_examples_in_python_are_no_help_on_a_key() -> None:
    assert ">>>" not in call("schema", "plans.buy.commitments").out
    assert not any(">>>" in summary(part.cls) for part in parts())


def test_keys_of_mappings_with_names_of_ones_own_are_explained() -> None:
    """`nominal` of a queue was in no reference, and its schema was a name that the JSON Schema did not have."""
    assert call("schema", "plans.training.scheduler.queues.nominal").out.startswith(
        "plans.training.scheduler.queues.nominal: GPUs that are its own"
    )
    schema = json_schema()
    assert set(re.findall(r"#/\$defs/(\w+)", json.dumps(schema))) <= set(schema["$defs"])
