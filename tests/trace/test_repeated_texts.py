"""Texts that are there before."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from simcost.trace.jobs.nodes import repeated


@given(texts=st.lists(st.text(max_size=2), max_size=30))
def test_a_text_is_repeated_where_it_is_among_those_before(texts: list[str]) -> None:
    expected = [text in texts[:row] for row, text in enumerate(texts)]
    assert repeated(pa.array(texts, pa.string())).tolist() == expected
