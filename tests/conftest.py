"""What all tests share."""

import os
import sys
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command line does

import pytest
from hypothesis import settings

sys.dont_write_bytecode = False  # rewriting all asserts takes longer than most tests: once is enough

# No deadline: the first call compiles. CI tries the same examples each time; elsewhere fewer, but new ones each time,
# and many of them with `--hypothesis-profile=search`.
settings.register_profile("project", deadline=None, max_examples=20)
settings.register_profile("ci-project", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("ci-project" if "CI" in os.environ else "project")

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real traces and measurements that lies beside a development checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference data at {SHARED}")
    return SHARED
