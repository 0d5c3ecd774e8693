"""Multiples in the name of a quantity: values that are written in thousands, millions or billions."""

import re

_WORD = r"k|thousands?|'000s?|000s|millions?|mio|mln|mn|billions?|bn|(?-i:M)"
_FORMS = (
    rf"(?P<quantity>.*?)(?:^|[\s_]+)[(\[]?(?:in[\s_]+)?(?P<word>{_WORD})[)\]]?",
    r"(?P<quantity>.*?)[\s_]*[(\[](?P<word>m)[)\]]",
    rf"(?P<word>{_WORD})(?:[\s_]+of)?[\s_]+(?P<quantity>.+)",
)
"""After the quantity, in brackets or not; and before it. A bare small m may be minutes."""
_FACTORS = {"k": 1e3, "t": 1e3, "'": 1e3, "0": 1e3, "m": 1e6, "b": 1e9}
"""By the first letter."""


def without_multiple(quantity: str) -> tuple[str, float]:
    """The quantity itself, and the factor that its name states.

    >>> without_multiple("requests_k"), without_multiple("requests (in thousands)"), without_multiple("millions")
    (('requests', 1000.0), ('requests', 1000.0), ('value', 1000000.0))
    >>> without_multiple("Tokens (M)"), without_multiple("thousand requests"), without_multiple("tokens_M")
    (('Tokens', 1000000.0), ('requests', 1000.0), ('tokens', 1000000.0))
    >>> [without_multiple(name)[1] for name in ("requests", "requests_per_s", "desk", "gpu_m", "k8s pods")]
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    for form in _FORMS:
        if match := re.fullmatch(form, quantity.strip(), re.IGNORECASE):
            return match["quantity"] or "value", _FACTORS[match["word"][0].lower()]
    return quantity, 1.0
