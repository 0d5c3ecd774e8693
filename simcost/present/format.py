"""Number and text formats: one way to write each."""


def amount(value: float) -> str:
    """A demand in three digits.

    >>> [amount(value) for value in (5_123_456, 14_234, 99.96, 0.0351, 0)]
    ['5.12M', '14,200', '100', '0.0351', '0']
    """
    for factor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= 0.9995 * factor:
            return f"{value / factor:#.3g}".removesuffix(".") + unit
    short = float(f"{value:.3g}")
    return f"{short:,.0f}" if abs(short) >= 100 else f"{short:g}"


def signed(value: float) -> str:
    """An amount with its sign."""
    return f"+{amount(value)}" if value > 0 else amount(value)


def printable(text: str) -> str:
    """Text without control characters, which could move a terminal's cursor."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
