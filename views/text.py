"""Text for a page of Streamlit."""

import re


def plain(text: str) -> str:
    """Text that Markdown shows as it is: money is not a formula, an underscore no emphasis."""
    return re.sub(r"([\\`*_\[\]<>#~$:|])", r"\\\1", text)
