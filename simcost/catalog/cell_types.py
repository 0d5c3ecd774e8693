"""Types of cells in files of facts: forms of texts, limits of numbers."""

from typing import Annotated, NamedTuple

from annotated_types import Ge, Gt


class Matching(NamedTuple):
    """A text of a certain form."""

    pattern: str
    example: str


class InLowerCase(NamedTuple):
    """A text that is read in lower case."""


MONTH, DAY = r"\d{4}-(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
Date = Annotated[str, Matching(rf"unknown|\d{{4}}|{MONTH}(-{DAY})?", "2026-07-20, 2026-07, 2026 or unknown")]
Day = Annotated[str, Matching(rf"{MONTH}-{DAY}", "2026-07-20")]
ProviderName = Annotated[str, InLowerCase()]
Positive = Annotated[float, Gt(0)]
Amount = Annotated[float, Ge(0)]
