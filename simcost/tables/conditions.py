"""Conditions on the rows of a table, as users write them: `cost_usd < 100 and attainment >= 0.99`.

    condition  = and-list {"or" and-list}
    and-list   = negation {"and" negation}
    negation   = "not" negation | "(" condition ")" | comparison
    comparison = COLUMN [OPERATOR value | ["not"] "in" "(" value {"," value} ")" | "is" ["not"] "null"]
    value      = NUMBER | TEXT | "true" | "false" | COLUMN

Words are those of SQL, and so is what is unknown: a comparison with a cell that has no value is neither true nor false,
and the row is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, NoReturn

from simcost.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
      | (?P<text>'[^']*'|"[^"]*")
      | (?P<column>[A-Za-z_]\w*(?:\.\w+)*)
      | (?P<sign><=|>=|==|!=|<>|<|>|=|\(|\)|,)
    )""",
    re.VERBOSE,
)
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "=": eq,
    "==": eq,
    "!=": ne,
    "<>": ne,
}
_WITH_UNIT = re.compile(r"\s*(?:%|[$€]\s*\d|[\d.]+[A-Za-z])")
_UNIT = "a number with a unit cannot be read; write shares as 0.99, times in seconds, money in USD, and no unit"
_WHOLE = 2**63
"""Whole numbers of a column are below it."""
_WORDS = ("and", "or", "not", "in", "is", "null", "true", "false")


def condition(text: str, schema: pa.Schema) -> Any:
    """The expression of a condition, for `pyarrow.Table.filter`.

    Args:
        text: the condition.
        schema: columns that it may name.

    Raises:
        InputError: it cannot be read, names no column, or compares unlike values; the message quotes the place.
    """
    parser = _Parser(text, schema)
    result = parser.condition()
    if parser.kind != "end":
        parser.fail("expected and, or, or the end")
    return result


class _Parser:
    """One token ahead: `kind` and `token` are those of the next one."""

    def __init__(self, text: str, schema: pa.Schema) -> None:
        self._text, self._schema, self._end = text, schema, 0
        self._advance()

    def _advance(self) -> str:
        """Go to the next token; returns the last."""
        last = getattr(self, "token", "")
        self._begin = self._end
        rest = self._text[self._end :]
        self.kind, self.token = "end", ""
        if rest.strip():
            match = _TOKEN.match(rest)
            if match is None:
                self.fail(_UNIT if _WITH_UNIT.match(rest) else "cannot be read")
            self.kind, self.token = str(match.lastgroup), match.group(str(match.lastgroup))
            self._end += match.end()
            if self.kind == "column" and self.token.lower() in _WORDS:
                self.kind = self.token = self.token.lower()
        return last

    def fail(self, why: str) -> NoReturn:
        """Raise InputError at the next token."""
        at = self._text[self._begin :].strip() or "its end"
        raise InputError(f"--where {self._text!r}: {why}, at {at!r}; write e.g. \"cost_usd < 100 and base = 'L40S'\"")

    def _take(self, token: str) -> bool:
        """True if the next token is this sign or word, which is then behind."""
        if self.token != token or self.kind == "text":
            return False
        self._advance()
        return True

    def _need(self, token: str) -> None:
        if not self._take(token):
            self.fail(f"expected {token}")

    def condition(self) -> Any:
        """An or-list."""
        result = self._all()
        while self._take("or"):
            result = result | self._all()
        return result

    def _all(self) -> Any:
        result = self._negation()
        while self._take("and"):
            result = result & self._negation()
        return result

    def _negation(self) -> Any:
        if self._take("not"):
            return ~self._negation()
        if self._take("("):
            result = self.condition()
            self._need(")")
            return result
        return self._comparison()

    def _comparison(self) -> Any:
        import pyarrow.compute as pc

        name = self._column()
        field, kind = pc.field((name,)), self._kind_of(name)
        if self.token in _OPERATORS and self.kind == "sign":
            return _OPERATORS[self._advance()](field, self._value(kind))
        if self._take("is"):
            negated = self._take("not")
            self._need("null")
            return field.is_valid() if negated else field.is_null()
        negated = self._take("not")
        if self._take("in"):
            condition = self._in(field, kind)
            return ~condition if negated else condition
        if kind != "true or false" or negated:
            self.fail(f"expected a comparison of {name}")
        return field == pc.scalar(True)  # noqa: FBT003

    def _in(self, field: Any, kind: str) -> Any:
        """True if the field is one of the values."""
        self._need("(")
        result = field == self._value(kind)
        while self._take(","):
            result = result | (field == self._value(kind))
        self._need(")")
        return result

    def _column(self) -> str:
        if self.kind != "column":
            self.fail("expected a column")
        if self.token not in self._schema.names:
            near = did_you_mean(self.token, self._schema.names)
            self.fail(f"no column {self.token!r}{near or ': ' + ', '.join(self._schema.names)}")
        return self._advance()

    def _value(self, kind: str) -> Any:
        """A literal or a column of a kind."""
        import pyarrow.compute as pc

        if self.kind == "column" and self.token in self._schema.names:
            kind_here, value = self._kind_of(self.token), pc.field((self.token,))
        elif self.kind == "number":
            whole = self.token.lstrip("+-").isdecimal() and abs(int(self.token)) < _WHOLE
            kind_here, value = "number", pc.scalar(int(self.token) if whole else float(self.token))
        elif self.kind == "text":
            kind_here, value = "text", pc.scalar(self.token[1:-1])
        elif self.kind in ("true", "false"):
            kind_here, value = "true or false", pc.scalar(self.kind == "true")
        else:
            self.fail("expected a number, true, false, a column, or a text in quotes")
        if kind_here != kind:
            self.fail(f"is a {kind_here}, the column holds {kind}" if kind_here != "true or false" else f"not a {kind}")
        self._advance()
        return value

    def _kind_of(self, name: str) -> str:
        import pyarrow.types as types

        kind = self._schema.field(name).type
        if types.is_boolean(kind):
            return "true or false"
        return "number" if types.is_integer(kind) or types.is_floating(kind) else "text"
