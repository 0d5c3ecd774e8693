"""Contrast of the colours of the explorer by the formula of WCAG 2.1: 4.5 for text, 3 for marks."""

import re
import tomllib
from typing import Any

import pytest
from support.home import APP

from simcost.present.chart_style import OKABE_ITO

LIGHT_GROUND, LIGHT_TEXT, DARK_TEXT = "#FFFFFF", "#31333F", "#FAFAFA"
"""Of Streamlit, where the theme names none."""
INK, TARGET = "#7C7C7C", "#D4526E"
"""Of rules and limits of charts, on both grounds."""


@pytest.fixture(scope="module")
def themes() -> dict[str, dict[str, str]]:
    config = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    light: dict[str, Any] = {"backgroundColor": LIGHT_GROUND, "textColor": LIGHT_TEXT, **config["light"]}
    return {"light": light, "dark": {"textColor": DARK_TEXT, **config["dark"]}}


def contrast(one: str, other: str) -> float:
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_the_formula_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)
    assert contrast("#0072B2", "#FFFFFF") == pytest.approx(5.19, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_and_links_are_readable(themes: dict[str, dict[str, str]], theme: str) -> None:
    ground = themes[theme]["backgroundColor"]
    for name in ("textColor", "codeTextColor", "primaryColor"):
        assert contrast(themes[theme][name], ground) >= 4.5, name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_on_the_accent_colour_are_readable(themes: dict[str, dict[str, str]], theme: str) -> None:
    said = re.search(r"primary\]:enabled p \{ color: light-dark\((#\w+), (#\w+)\)", APP.read_text(encoding="utf-8"))
    assert said
    ink = said[1 if theme == "light" else 2]
    assert contrast(ink, themes[theme]["primaryColor"]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_of_charts_are_seen(themes: dict[str, dict[str, str]], theme: str) -> None:
    ground = themes[theme]["backgroundColor"]
    assert min(contrast(colour, ground) for colour in OKABE_ITO[:4]) >= 3  # more plans differ in dash and shape too
    assert contrast(INK, ground) >= 4
    assert contrast(TARGET, ground) >= 3.9
