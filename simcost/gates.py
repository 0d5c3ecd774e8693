"""Gates for CI: `--fail-on slo`, `--fail-on budget=USD` and others; each verb has its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal

from simcost.errors import InputError, did_you_mean
from simcost.units import SHARE, USD, format_usd

Amount = Literal["", "USD", "USD or %"]
"""Amount that a gate takes; empty = none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A condition that must not come true."""

    name: str
    amount: float = 0.0
    """USD, or a share."""
    share: bool = False

    def exceeded_by(self, usd: float, of_usd: float) -> bool:
        """True if an amount is more than that of the gate, a share of `of_usd` where it is one."""
        return usd > (self.amount * of_usd if self.share else self.amount)


def parse_gate(text: str, known: Mapping[str, Amount]) -> Gate:
    """A gate by its name, with its amount.

    Raises:
        InputError: it is none of those known, or its amount is none.
    """
    name, given, amount = text.partition("=")
    if name not in known or bool(given) != bool(known[name]):
        near = did_you_mean(name, list(known)) if name not in known else ""
        raise InputError(f"--fail-on {text!r} is not a gate{near}; write {described(known)}")
    return Gate(name=name) if not given else _with_amount(text, name, amount, known[name])


def over_budget(gate: Gate, usd: float) -> str:
    """Sentence of a `budget` that the cheapest plan exceeds with its cost a month; empty where it does not, and for
    other gates.
    """
    if gate.name != "budget" or usd <= gate.amount:
        return ""
    return f"budget of {format_usd(gate.amount)} a month exceeded: the cheapest plan costs {above(usd, gate.amount)}"


def above(usd: float, limit: float) -> str:
    """An amount above a limit; with the excess where both are written alike.

    >>> above(3042.0, 2000.0), above(2857.3, 2857.0)
    ('$3,042', '$2,857, $0.30 more')
    """
    text = format_usd(usd)
    return text if text != format_usd(limit) else f"{text}, {format_usd(usd - limit)} more"


def described(known: Mapping[str, Amount]) -> str:
    """`slo, quality or budget=USD`."""
    words = [f"{name}={amount.replace(' or ', '|')}" if amount else name for name, amount in known.items()]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _with_amount(text: str, name: str, amount: str, takes: Amount) -> Gate:
    share = takes == "USD or %" and amount.endswith("%")
    try:
        value = (SHARE if share else USD).parse(amount)
    except ValueError as error:
        raise InputError(f"--fail-on {text!r}: {error}") from error
    if not isinstance(value, float) or not 0 <= value < inf:
        raise InputError(f"--fail-on {text!r}: {name} must be a number of {takes}, at least 0; write e.g. {name}=5000")
    return Gate(name=name, amount=value, share=share)
