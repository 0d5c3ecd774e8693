"""Parts as Markdown, fit for a comment on a pull request: the verdict, broken gates, tables; the rest folded."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simcost.present.format import in_full, printable, sentence_case
from simcost.present.html import escape
from simcost.present.parts import Part, Table

LARGEST = 60_000
"""Characters of a text that a comment on a pull request holds."""
BEST = " *"
"""The end of a cell in the row of the best plan."""
_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")


def summary(title: str, document: Mapping[str, Any], parts: Sequence[Part], broken: Sequence[str] = ()) -> str:
    """The summary.

    Args:
        title: of the comment.
        document: of the result; has the verdict.
        parts: of the view; charts are left out.
        broken: sentences of the gates that were broken.
    """
    gates = [f"**Gate broken:** {escaped(one)}" for one in broken]
    shown = [block for part in parts if not part.detail and not _is_long(part) for block in _blocks(part)]
    folded = [block for part in parts if part.detail or _is_long(part) for block in _folded(part)]
    blocks = [f"### {escaped(title)}", f"**{escaped(str(document['verdict']))}**", *gates, *shown, *folded]
    return "\n\n".join(blocks) + "\n"


def fitted(
    title: str,
    document: Mapping[str, Any],
    parts: Sequence[Part],
    broken: Sequence[str] = (),
    *,
    elsewhere: str,
    most: int = LARGEST,
) -> str:
    """The summary without its longest parts, folded ones first, where it is too long for a comment.

    Args:
        title: of the comment.
        document: of the result; has the verdict.
        parts: of the view.
        broken: sentences of the gates that were broken.
        elsewhere: what has all parts.
        most: characters.
    """
    text, kept = summary(title, document, parts, broken), list(parts)
    said = f"Parts were left out, since they are too long here: {elsewhere} has them."
    while len(text) > most and kept:
        kept.remove(max(kept, key=lambda part: (part.detail or _is_long(part), _size(part))))
        text = summary(title, document, [*kept, Part(said=[said], titled=False)], broken)
    return text


def _size(part: Part) -> int:
    return sum(len(in_full(cell)) for row in part.rows or () for cell in row.values()) + sum(map(len, part.said))


def escaped(text: str) -> str:
    r"""Text without a meaning in Markdown or HTML, on one line.

    >>> print(escaped("a|b <c> *d*"))
    a\|b \<c\> \*d\*
    """
    return _MARKS.sub(r"\\\1", printable(" ".join(text.split())))


def _is_long(part: Part) -> bool:
    """True if it is notes alone."""
    return not part.rows and part.titled


def _blocks(part: Part) -> Iterator[str]:
    if part.titled and (part.rows or part.said):
        yield f"#### {escaped(part.title)}"
    if part.rows:
        yield "\n".join(_table(part.rows, part.left))
    if part.said:
        yield "\n".join(f"- {escaped(line)}" for line in part.said)


def _folded(part: Part) -> Iterator[str]:
    if part.rows or part.said:
        _, *body = [*_blocks(part)] if part.titled else ["", *_blocks(part)]
        yield "\n\n".join([f"<details><summary>{escape(part.title)}</summary>", *body, "</details>"])


def _table(rows: Table, left: int) -> Iterator[str]:
    columns = list(rows[0])
    yield _line([*map(sentence_case, columns)])
    yield _line([":--" if i < left else "--:" for i in range(len(columns))], escape=False)
    yield from (_line(_cells(row), escape=False) for row in rows)


def _cells(row: Mapping[str, str]) -> list[str]:
    """The cells of a row in full; that of the best plan begins bold."""
    first, *others = (escaped(in_full(cell)) for cell in row.values())
    return [f"**{first}**" if any(cell.endswith(BEST) for cell in row.values()) else first, *others]


def _line(cells: Sequence[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(map(escaped, cells) if escape else cells)} |"
