"""`simcost clean`: free the disk that results take."""

import sys
from pathlib import Path
from typing import Any

from simcost.studies.argument_types import span
from simcost.studies.options import Arguments, show, verb


def add(verbs: Any) -> None:
    """The verb `clean`."""
    clean = verb(verbs, "clean", _clean, "remove stored runs that are of no use any more; results stay")
    clean.add_argument("folder", type=Path, help="folder of results, or of several")
    clean.add_argument(
        "--stale",
        action="store_true",
        help="also runs, and rows of sweeps in others/, that another version of the engine made",
    )
    clean.add_argument("--older-than", type=span, metavar="AGE", help="also stored runs written longer ago, as 30d")
    clean.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")


def _clean(arguments: Arguments) -> None:
    from simcost.studies.cleaning.study import CleanOptions, found, remove

    options = CleanOptions(stale=arguments.stale, older_than_s=arguments.older_than, dry=arguments.dry_run)
    result = found(arguments.folder, options)
    show(arguments, result, "cleaning.view")
    sys.stdout.flush()
    if not options.dry:
        remove(result.removals)
