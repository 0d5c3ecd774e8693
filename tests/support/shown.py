"""What the terminal shows of a result."""

from collections.abc import Callable
from typing import Any

from simcost.documents import to_document
from simcost.present.parts import Part
from simcost.present.terminal import text


def on_terminal(parts: Callable[[Any], list[Part]]) -> Callable[[Any], str]:
    """From a result to its text, by the parts of a study."""
    return lambda result: text(to_document(result), parts(result))
