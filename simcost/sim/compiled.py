"""Compilation of loops, and the names that compiled code shares."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from hashlib import sha256
from inspect import signature
from logging import getLogger
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit, typeof, types
from numba.extending import overload

from simcost.sim.inner_functions import EntryFunction, InnerFunction

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
F = TypeVar("F", bound=Callable[..., object])

FAR = 1 << 60
"""Later than any event."""
NIL = -1
_INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": InnerFunction}
"""Of functions that Python never calls: they are optimized once, as part of the entries that call them."""


def entry(function: F) -> F:
    """Compile a function that Python calls; the machine code is kept on disk."""
    decorated: F = _kept(function, nogil=True, error_model="numpy")
    return decorated


def code_for(entry: F, *arguments: object) -> F:
    """Machine code of an entry for arguments of the types of these, compiled or read where it is not there yet.

    It takes no others, those after a star as one tuple; and it is called in half the time of the entry, which looks at
    the types of all each time.
    """
    compiled: Any = entry
    kinds = tuple(map(typeof, arguments))
    known = compiled.overloads.get(kinds)
    code: F = compiled.compile(kinds) if known is None else known.entry_point
    return code


def helper(function: F) -> F:
    """Compile a function that compiled functions call."""
    decorated: F = _inner(function)
    return decorated


def lean_entry(function: F) -> F:
    """`entry`, of a function that allocates nothing: without reference counting it compiles in half the time."""
    decorated: F = _kept(function, nogil=True, error_model="numpy", _nrt=False, pipeline_class=EntryFunction)
    return decorated


def lean(function: F) -> F:
    """`helper`, of a function that allocates nothing."""
    decorated: F = _inner(function, _nrt=False)
    return decorated


def inlined(function: F) -> F:
    """`lean`, of a function that is always compiled into its callers: a small one, or one with a single caller."""
    decorated: F = _inner(function, _nrt=False, forceinline=True)
    return decorated


def written_in(function: F) -> F:
    """`lean`, of a function that stands in its callers as if written there: it may take functions as arguments."""
    decorated: F = njit(function, nogil=True, error_model="numpy", _nrt=False, inline="always", **_INNER)
    return decorated


def in_two_forms(one: F, other: F, dimensions: int) -> F:
    """`inlined`, of a function in two forms with the same arguments: `one` where the first of them is an array of so
    many dimensions, else `other`. A caller is compiled with the form that it needs, and pays for no other.
    """

    def chosen(*arguments: object) -> object:
        raise NotImplementedError

    @overload(chosen, jit_options={"error_model": "numpy", "_nrt": False, "forceinline": True, **_INNER})  # type: ignore[untyped-decorator]
    @wraps(one)
    def _form(*arguments: Any) -> F:
        return one if arguments[0].ndim == dimensions else other

    return cast("F", chosen)


def by_state(usual: F, state: type, other: Callable[..., object]) -> F:
    """The compiled function `usual`, or `other` where the first argument is a `state`; both take the same arguments."""

    def either(s: Any, *rest: Any) -> object:
        return (other if isinstance(s, state) else usual)(s, *rest)

    def chosen(s: Any, *_rest: Any) -> Any:
        return getattr(other if getattr(s, "instance_class", None) is state else usual, "py_func", None)

    signed: Any = chosen
    signed.__signature__ = signature(usual)
    options = {"nogil": True, "error_model": "numpy", "_nrt": False, **_INNER}
    overload(either, jit_options=options, strict=False)(signed)
    compiled: Any = either
    dispatched: F = compiled
    return dispatched


def _inner(function: Callable[..., object], **options: Any) -> Any:
    """Compile a function that compiled functions call: once for arguments of the same types, not for each constant."""
    inner: Any = njit(function, nogil=True, error_model="numpy", **_INNER, **options)
    template = inner.get_call_template

    def of_types(arguments: Any, named: Any) -> Any:
        return template([*map(types.unliteral, arguments)], {name: types.unliteral(one) for name, one in named.items()})

    inner.get_call_template = of_types
    return inner


def _kept(function: Callable[..., object], **options: Any) -> Any:
    """Compile a function and keep its code on disk; where no folder can be written, in memory alone.

    Code on disk is out of date when any file of the simulator has changed: numba watches that of the function alone,
    but constants, functions and classes of the others are compiled in. The fingerprint is part of the version, which
    numba compares before it reads the rest. Where it keeps its version elsewhere one day, it watches one file.
    """
    try:
        entry: Any = njit(function, cache=True, **options)
    except RuntimeError:  # no folder can be written: neither that of the code, nor one of the user's
        _log_not_kept()
        return njit(function, **options)
    kept: Any = entry._cache  # noqa: SLF001 - numba has no public version of its files
    files: Any = getattr(kept, "_cache_file", None)
    if hasattr(files, "_version"):
        files._version = f"{files._version} {_stamp(Path(entry.py_func.__code__.co_filename).parent)}"  # noqa: SLF001 - as above
    compiles, saves = entry.compile, kept.save_overload

    def compiled_once(signature: Any) -> Any:
        with _alone(Path(kept.cache_path) / f"{entry.__qualname__}.lock"), _without_collector():
            return compiles(signature)

    def saved_if_possible(signature: Any, code: Any) -> None:
        try:
            saves(signature, code)
        except OSError:  # a full disk, say
            _log_not_kept()

    entry.compile, kept.save_overload = compiled_once, saved_if_possible
    return entry


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python's collector waits: a compilation makes millions of objects, most of which stay to its end."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@cache
def _log_not_kept() -> None:
    """Once in a process."""
    getLogger(__name__).warning(
        "no folder can be written to keep compiled code in: each command compiles it again, which takes some 10 s; "
        "set NUMBA_CACHE_DIR to a folder that can be written"
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While other processes that want the same wait, to find then what this one has kept; where files can be locked."""
    try:
        import fcntl

        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except (ImportError, OSError):
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def _stamp(folder: Path) -> str:
    """Fingerprint of the simulator's code, and of the folder's where that is elsewhere."""
    package = Path(__file__).parent
    found = sha256()
    for place in [package] if folder.is_relative_to(package) else [package, folder]:
        for path in sorted(place.rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()
