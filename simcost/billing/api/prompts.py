"""Input that is charged, of prompts that are counted whole: tokens that a cache served or took are charged as such."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from simcost.errors import InputError
from simcost.tables.faults import Faults
from simcost.trace.usage.usage import KEY, PROMPT, TOKENS, Floats, UsageRows, months_of_starts

_UNIT = KEY - 1
_INPUT, _READ, _WRITE, _, _WRITE_1H = TOKENS[:5]
_CACHED = (_READ, _WRITE, _WRITE_1H)


def uncached(usage: UsageRows) -> tuple[UsageRows, tuple[str, ...]]:
    """The usage with whole prompts as uncached input, and a note on what was taken off.

    Whole prompts and cached tokens of the same provider, model, region, zone, account and tags belong together.

    Raises:
        FaultsError: more cached tokens than prompts, cached tokens without prompts, or prompts and uncached input of
            the same usage, each with its first row.
    """
    units = {key[_UNIT] for key in usage.keys}
    if PROMPT not in units:
        return usage, ()
    total: Floats = np.bincount(usage.line, usage.quantity, minlength=len(usage.keys)).astype(np.float64)
    place = {key: i for i, key in enumerate(usage.keys)}
    faults = _faults(usage, place, total)
    if faults:
        _raise(usage, faults)
    quantity, keys, notes = usage.quantity.copy(), list(usage.keys), []
    for i, key in enumerate(usage.keys):
        if key[_UNIT] != PROMPT:
            continue
        beside = [place[one] for one in _beside(key, *_CACHED) if one in place]
        cached = sum(total[one] for one in beside)
        quantity[usage.line == i] *= 1 - _cached_shares(usage, i, beside)
        keys[i] = _with_unit(key, _INPUT)
        if cached:
            notes.append(
                f"{key[0]}/{key[1]}: {cached:,.0f} cached tokens were taken off the {total[i]:,.0f} input tokens, "
                "which count whole prompts; write `uncached_input_tokens` where yours do not"
            )
    return replace(usage, quantity=quantity, keys=tuple(keys)), tuple(dict.fromkeys(notes))


def _cached_shares(usage: UsageRows, line: int, cached: list[int]) -> Floats:
    """[row of the line] Share of the prompts that was cached: in its month, or of all where months do not fit."""
    month = months_of_starts(usage.start_s)
    for group in (month, np.zeros_like(month)):
        number = np.unique(group, return_inverse=True)[1].reshape(-1)
        size = int(number.max()) + 1
        of_line, of_cached = usage.line == line, np.isin(usage.line, cached)
        whole, part = (np.bincount(number[rows], usage.quantity[rows], minlength=size) for rows in (of_line, of_cached))
        share = np.divide(part, whole, out=np.zeros(size), where=whole > 0)
        if (part <= whole * (1 + 1e-9)).all():
            break
    result: Floats = share[number[of_line]]
    return result


def _faults(usage: UsageRows, place: Mapping[tuple[str, ...], int], total: Floats) -> dict[int, str]:
    """Line -> its fault."""
    whole = {key[:2] for key in usage.keys if key[_UNIT] == PROMPT}
    found: dict[int, str] = {}
    for i, key in enumerate(usage.keys):
        with_prompts = _with_unit(key, PROMPT) in place
        with_input = with_prompts or _with_unit(key, _INPUT) in place
        if key[_UNIT] == PROMPT:
            cached = sum(total[place[one]] for one in _beside(key, *_CACHED) if one in place)
            if cached > total[i] * (1 + 1e-9):
                found[i] = (
                    f"{cached:,.0f} cached tokens of {total[i]:,.0f} input tokens; if these leave cached ones out, "
                    "call them `uncached_input_tokens`"
                )
        elif key[_UNIT] == _INPUT and with_prompts:
            found[i] = "both whole prompts and uncached input of the same usage; give one of them"
        elif key[_UNIT] in _CACHED and key[:2] in whole and total[i] and not with_input:
            found[i] = (
                "cached tokens, but no input tokens with the same region, account and tags; whole prompts count cached "
                "tokens, too, and it is unknown off which to take these"
            )
    return {i: f"{usage.keys[i][0]}/{usage.keys[i][1]}: {message}" for i, message in found.items()}


def _raise(usage: UsageRows, found: Mapping[int, str]) -> None:
    if usage.path is None or usage.place is None:
        raise InputError("; ".join(found.values()))
    faults = Faults(usage.path)
    for i, message in found.items():
        faults.add(usage.place(int(np.flatnonzero(usage.line == i)[0])), message)
    faults.check()


def _beside(key: tuple[str, ...], *units: str) -> list[tuple[str, ...]]:
    return [_with_unit(key, unit) for unit in units]


def _with_unit(key: tuple[str, ...], unit: str) -> tuple[str, ...]:
    return (*key[:_UNIT], unit, *key[KEY:])
