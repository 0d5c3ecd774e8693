"""How the words of `simcost forecast` are read."""

import pytest
from support.commands import refused

from simcost.cli.main import command_line, main


@pytest.mark.parametrize(
    ("text", "hours"), [("28d", 672), ("1mo", 730.5), ("12mo", 8766), ("2y", 2 * 8766), ("90min", 1.5)]
)
def test_a_horizon_may_be_months_or_years(text: str, hours: float) -> None:
    assert command_line().parse_args(["forecast", "x.csv", "--horizon", text]).horizon == 3600 * hours


@pytest.mark.parametrize(
    "words",
    [
        ("--horizon", "-1d"),
        ("--horizon", "soon"),
        ("--horizon", "mo"),
        ("--levels", "0"),
        ("--levels", "80,100"),
        ("--levels", "abc"),
        ("--levels", ""),
        ("--paths", "0"),
        ("--adapt", "-1"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", "x.csv", f"{words[0]}={words[1]}"]) == 2
    assert f"argument {words[0]}" in capsys.readouterr().err


def test_a_model_that_there_is_not_is_told_with_its_option() -> None:
    assert "no --model 'nosuch'; there are: auto, " in refused("forecast", "demand.csv", "--model", "nosuch")
