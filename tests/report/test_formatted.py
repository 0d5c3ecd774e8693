"""Numbers as text for people keep their value."""

import copy
import json
import pickle

import pytest

from simcost.units import Formatted, format_bytes, format_count, format_seconds, format_share, format_usd


@pytest.mark.parametrize(
    ("shown", "text", "value"),
    [
        (format_usd(-1234.5), "-$1,234", -1234.5),
        (format_share(0.9999), "99.9+ %", 0.9999),
        (format_seconds(0.25), "250 ms", 0.25),
        (format_count(44e6), "44.0M", 44e6),
        (format_bytes(2**31), "2 GiB", 2**31),
    ],
)
def test_a_formatted_number_is_its_text_and_knows_its_value(shown: Formatted, text: str, value: float) -> None:
    assert (shown, shown.value) == (text, value)
    assert json.dumps({"shown": shown}, ensure_ascii=False) == f'{{"shown": "{text}"}}'
    for again in (copy.deepcopy(shown), pickle.loads(pickle.dumps(shown))):
        assert (again, again.value) == (text, value)
