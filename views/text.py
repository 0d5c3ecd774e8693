"""Text for a page of Streamlit."""

import re

import streamlit as st


def plain(text: str) -> str:
    """Text that Markdown shows as it is: money is not a formula, an underscore no emphasis."""
    return re.sub(r"([\\`*_\[\]<>#~$:|])", r"\\\1", text)


def headline(verdict: str) -> None:
    """The first sentence of a verdict as a heading, the others below it."""
    first, _, rest = verdict.partition(". ")
    st.header(plain(f"{first}." if rest else first))
    if rest:
        st.markdown(plain(rest))


def same_command(command: str) -> None:
    """The command that answers the same question."""
    st.caption("The same on the command line")
    st.code(command, language=None, wrap_lines=True)  # coloured words are too light
