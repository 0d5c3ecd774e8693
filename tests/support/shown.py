"""What the terminal shows of a document."""

from collections.abc import Callable
from typing import Any

from simcost.present.parts import Part
from simcost.present.terminal import text


def on_terminal(parts: Callable[[Any], list[Part]]) -> Callable[[Any], str]:
    """From a document to its text, by the parts of a study."""
    return lambda document: text(document, parts(document))
