"""Stored answers: the same question has one; what it depends on makes another; a damaged one is computed again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import TINY

from simcost.scenario.checks.load import load_text
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.storage import answers
from simcost.scenario.storage.answers import stored_answer

NAMED = TINY + "catalog: facts\nquestion: 'is it cheap, ../or not? \\0'\n"


class Asked:
    """A question of one scenario, whose answers are numbered."""

    def __init__(self, folder: Path) -> None:
        self.made, self.text, self.options, self._folder = 0, NAMED, {"seed": 1.0}, folder
        (folder / "facts").mkdir()
        self.fact("")

    def fact(self, text: str) -> None:
        """Write a file in the folder that the scenario names."""
        (self._folder / "facts" / "offers.csv").write_text(text, encoding="utf-8")

    def __call__(self) -> int:
        loaded = load_text(TINY, self._folder / "tiny.yaml")
        assert isinstance(loaded, LoadedScenario)

        def make() -> dict[str, int]:
            self.made += 1
            return {"made": self.made}

        answer: int = stored_answer(replace(loaded, text=self.text), self._folder / "answers", make, **self.options)[
            "made"
        ]
        return answer


@pytest.mark.parametrize(
    "change",
    [
        lambda asked, _: setattr(asked, "text", NAMED + "# another\n"),
        lambda asked, _: asked.options.update(seed=2.0),
        lambda asked, _: asked.fact("a,b"),
        lambda _, monkeypatch: monkeypatch.setattr(answers, "_code", lambda _: "other"),
        lambda _, monkeypatch: monkeypatch.setattr(answers, "version", lambda _: "0"),
    ],
    ids=["text", "options", "a file that it names", "code", "libraries"],
)
def test_an_answer_is_that_of_its_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Asked, pytest.MonkeyPatch], None]
) -> None:
    asked = Asked(tmp_path)
    assert [asked(), asked()] == [1, 1]
    change(asked, monkeypatch)
    assert [asked(), asked()] == [2, 2]


def test_a_damaged_answer_is_made_again(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    asked()
    [file] = (tmp_path / "answers").rglob("answer.json")
    file.write_text('{"made": 7}', encoding="utf-8")
    assert asked() == 2
    file.unlink()
    assert asked() == 3
    assert asked() == 3
