"""Records as tests know them."""

from dataclasses import FrozenInstanceError, fields

import pytest


def assert_record(cls: type) -> None:
    """Assert that a class is a record, or a frozen, slotted, keyword-only dataclass."""
    made = object.__new__(cls)
    assert not hasattr(made, "__dict__"), cls
    for field in fields(cls):  # type: ignore[arg-type]  # of a dataclass
        assert field.kw_only, (cls, field.name)
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, 0)
