"""Files that a scenario names must lie in its folder."""

from pathlib import Path

from simcost.errors import InputError


def inside(folder: Path, relative: str) -> Path:
    """The file that `relative` names in `folder`, symbolic links followed.

    Raises:
        InputError: it lies outside the folder, whether by `..`, an absolute path or a symbolic link.
    """
    root = folder.resolve()
    path = (root / relative).resolve()
    if not path.is_relative_to(root):
        raise InputError(f"{relative}: lies outside {root}; copy the file there and name it relative to it")
    return path
