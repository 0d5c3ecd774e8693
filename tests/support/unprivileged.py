"""Commands for which permissions hold, even where the tests run as root."""

import os
from shutil import which

import pytest


def unprivileged() -> list[str]:
    """Words before such a command."""
    if os.geteuid() != 0:
        return []
    if (setpriv := which("setpriv")) is None:
        pytest.skip("root ignores permissions, and there is no setpriv")
    return [setpriv, "--inh-caps=-all", "--bounding-set=-all"]
