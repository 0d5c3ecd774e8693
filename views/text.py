"""Text for a page of Streamlit."""

import re
from collections.abc import Mapping

import streamlit as st

NO_FIELDS: Mapping[str, str] = {}
RENAME = r"call the column \g<ours> in the file"
"""Words of a page without a field for names of columns in the place of `--map`."""
_MAP = re.compile(
    r"(?:(?:pass|write|did you mean) )?'?--map (?P<quoted>')?(?P<ours>\w+)="
    r"(?P<theirs>(?(quoted)[^']+|[^\s;,?')]+))'?\??"
)
_METRIC = re.compile(r"(?:pass )?--metric (\w+=\w+)")
_OPTION = re.compile(r"(?:\bargument )?(pass )?(--[a-z][a-z-]+)( [A-Z]{2,}\b(?:=[\w.]+)?)?( [.,;](?=\s|$))?")
_FIELDS = {
    "--budget": "Budget",
    "--decimal": "Decimal mark",
    "--delimiter": "Delimiter",
    "--freq": "Step",
    "--growth": "Growth",
    "--horizon": "Horizon",
    "--json": "answer.json",
    "--map": "Columns of other names",
    "--name": "Object of the manifest",
    "--price": "Price of a GPU-hour",
    "--quota": "Quota",
    "--scale": "Demands",
    "--seeds": "Replications",
    "--start": "Replicas at the start",
    "--thousands": "Thousands mark",
    "--time-format": "Time format",
    "--time-unit": "Time unit",
    "--timezone": "Time zone",
    "--unit-cost": "Price of one",
    "--vary": "Value",
    "--where": "'Rows with'",
}
"""Fields of the pages, by the options of the command line that mean the same."""


def plain(text: str) -> str:
    """Text that Markdown shows as it is: money is not a formula, an underscore no emphasis."""
    return re.sub(r"([\\`*_\[\]<>#~$:|])", r"\\\1", text)


def on_page(message: str, columns: str = RENAME, fields: Mapping[str, str] = NO_FIELDS) -> str:
    r"""A message of the command line for a page: fields in the place of options, commands in backticks as they are.

    Args:
        message: with options, as `pass --freq 1h`.
        columns: what the page says for `--map`, with the groups `ours`, our name, and `theirs`, that of the file.
        fields: those that this page alone has, by their options.

    >>> on_page("no time; pass --map timestamp=COLUMN, or --by A as in `simcost forecast --by A`")
    'no time; call the column timestamp in the file, or --by (on the command line) A as in `simcost forecast --by A`'
    >>> on_page("pass --map 'status=HTTP Status'", r"write \g<ours>=\g<theirs> below")
    'write status=HTTP Status below'
    >>> on_page("pass --map gpus=COLUMN (or --map idle_gpus=COLUMN)", r"write \g<ours>=\g<theirs> below")
    'write gpus=COLUMN below (or write idle_gpus=COLUMN below)'
    >>> on_page("pass --thousands and --decimal, e.g. --decimal , --thousands .")
    "set Thousands mark and Decimal mark, e.g. Decimal mark ',' Thousands mark '.'"
    """

    def field(found: re.Match[str]) -> str:
        if name := fields.get(found[2]) or _FIELDS.get(found[2]):
            value = f" '{found[4].strip()}'" if found[4] else found[3] or ""
            return f"set {name}{value}" if found[1] else f"{name}{value}"
        return f"{found[1] or ''}{found[2]}{found[3] or ''} (on the command line){found[4] or ''}"

    def told(text: str) -> str:
        return _OPTION.sub(field, _METRIC.sub(r"write \1 under Names", _MAP.sub(columns, text)))

    return "`".join(part if i % 2 else told(part) for i, part in enumerate(message.split("`")))


def headline(verdict: str) -> None:
    """The first sentence of a verdict as a heading, the others below it."""
    first, _, rest = on_page(verdict).partition(". ")
    st.header(plain(f"{first}." if rest else first))
    if rest:
        st.markdown(plain(rest))


def same_command(command: str) -> None:
    """The command that answers the same question."""
    st.caption("The same on the command line")
    st.code(command, language=None, wrap_lines=True)  # coloured words are too light
