"""Policies as the command line names them: `KIND`, or `KIND:FIELD=VALUE,FIELD=VALUE`."""

import re
from typing import Any, get_args

from simcost.errors import InputError, did_you_mean
from simcost.studies.options import pair

_COMMA = re.compile(r",(?![^\[]*\])")
"""Between two fields, not within a list as [1,2]."""
SYNTAX = "KIND or KIND:FIELD=VALUE,..., e.g. easy-backfill:shadow_ties=all"


def scheduler(text: str) -> Any:
    """The scheduling policy. Raises InputError."""
    from simcost.plan.scheduling import Scheduler

    return _policy(text, Scheduler, "--policy")


def placement(text: str) -> Any:
    """The placement on nodes. Raises InputError."""
    from simcost.plan.placement import Placement

    return _policy(text, Placement, "--placement")


def _policy(text: str, union: Any, option: str) -> Any:
    """The member of the union of this kind, its fields as said or at their defaults."""
    kind, _, said = text.partition(":")
    known = {cls().kind: cls for cls in get_args(union)}
    if kind not in known:
        raise InputError(
            f"{option} {kind!r} is none{did_you_mean(kind, list(known))}; there are {', '.join(known)}"
        )
    return with_words(known[kind], said, f"{option} {kind}")


def with_words(cls: Any, said: str, option: str) -> Any:
    """An object of a class from `FIELD=VALUE,FIELD=VALUE`, the others at their defaults. Raises InputError."""
    if not said:
        return cls()
    from argparse import ArgumentTypeError

    from simcost.scenario.files.parts import with_fields

    try:
        return with_fields(cls, dict(map(pair, _COMMA.split(said))))
    except (InputError, ArgumentTypeError) as error:
        raise InputError(f"{option}: {said}: {error}") from error
