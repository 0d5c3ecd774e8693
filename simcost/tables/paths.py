"""Files that a scenario names must lie in its folder."""

from pathlib import Path

from simcost.errors import InputError


def inside(folder: Path, relative: str) -> Path:
    """The file that `relative` names in `folder`, symbolic links followed.

    Raises:
        InputError: it lies outside the folder, whether by `..`, an absolute path or a symbolic link; or it is not the
            name of any file.
    """
    root = folder.resolve()
    try:
        path = (root / relative).resolve()
    except (ValueError, OSError, RuntimeError) as error:  # a NUL, a loop of links
        raise InputError(f"{relative!r}: cannot be the name of a file ({error})") from error
    if not path.is_relative_to(root):
        raise InputError(f"{relative}: lies outside {root}; copy the file there and name it relative to it")
    return path
