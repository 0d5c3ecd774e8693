"""The frame of the HTML report: its style, inline, for light and dark screens and for paper."""

import html
import re
from collections.abc import Sequence

from simcost.present.format import in_full, printable, sentence_case

STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #5a5a5a; --line: #d9d9d9; --paper: #fff; --band: #f5f7fa;
  --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e4e4; --soft: #a8a8a8; --line: #3c3f44; --paper: #16181c;
  --band: #1f2329; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Liberation Sans", Arial, sans-serif; overflow-wrap: anywhere; }
header { border-left: 5px solid var(--accent); padding-left: 1rem; }
header p { margin: 0; color: var(--soft); }
h1 { font-size: 1.4rem; line-height: 1.3; margin: .2rem 0 .4rem; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-bottom: 1.2rem; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: right; white-space: nowrap; padding: .4rem .5rem;
  border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; background: var(--band); }
th:first-child, td:first-child, .word, .left th, .left td { text-align: left; }
th, td:first-child, .word, .left td { white-space: normal; }
th, .word { overflow-wrap: break-word; }
th:first-child { min-width: 9rem; }
figure { margin: 2.2rem 0 0; }
figure svg { width: 100%; height: auto; max-width: 56rem; display: block; }
figure svg text { fill: var(--ink); }
figure svg path[fill="#333333"] { fill: var(--ink); }
figure svg text[fill="white"] { fill: #fff; }
figure svg text[fill="#222222"] { fill: #222; }
figure svg text[fill="#B00020"] { fill: light-dark(#b00020, #ff7a8a); }
figure svg [stroke="#333333"] { stroke: var(--ink); }
figure svg [stroke="#B00020"] { stroke: light-dark(#b00020, #ff7a8a); }
@media screen and (max-width: 42rem) { figure { overflow-x: auto; } figure svg { min-width: 42rem; } }
figure + .wide { margin-top: 1.5rem; }
details { margin: 1.2rem 0; }
li { margin: .2rem 0; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --band: #eee; }
  body { max-width: none; padding: 0; font-size: 10pt; } section, figure, tr { break-inside: avoid; }
  h1 { font-size: 13pt; } h2 { font-size: 11pt; margin: 5mm 0 2mm; break-after: avoid; } .wide { overflow: visible; }
  table { font-size: 8pt; } th, td { padding: 1mm; } .word, .left td, th, td:first-child { white-space: normal; }
  figure { margin: 4mm 0 0; } @page { margin: 15mm; } }
"""


def escape(text: str) -> str:
    """Text as it stands in HTML, without control characters."""
    return html.escape(printable(text))


def frame(title: str, headline: str, question: str, body: str, style: str = "") -> str:
    """A whole HTML document; `body` is HTML and `style` further CSS, the other texts are escaped here."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>simcost: {escape(title)}</title>
<style>{STYLE}{style}</style>
</head>
<body>
<header><p>simcost &middot; {escape(title)}</p>
<h1>{escape(headline)}</h1>
<p>{escape(question)}</p></header>
{body}
</body>
</html>
"""


def table(rows: list[dict[str, str]], *, left: bool = False, words: int = 1, marked: str = "") -> str:
    """Rows as an HTML table.

    Args:
        rows: cells by the titles of their columns.
        left: all columns are text.
        words: leading columns of text.
        marked: first cell of the row to stand out; empty = none does.
    """
    if not rows:
        return ""
    names = [
        f'<th scope="col"{_aligned(i, words)}>{escape(sentence_case(name))}</th>' for i, name in enumerate(rows[0])
    ]
    body = "\n".join(_row(row, words, marked) for row in rows)
    kind = ' class="left"' if left else ""
    head = "".join(names)
    return f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n'


def _row(row: dict[str, str], words: int, marked: str) -> str:
    cells = [f"<td{_aligned(i, words)}>{escape(in_full(cell))}</td>" for i, cell in enumerate(row.values())]
    kind = ' class="best"' if marked and next(iter(row.values())) == marked else ""
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _aligned(column: int, words: int) -> str:
    """The class of a column of text after the first, which is one always."""
    return ' class="word"' if 0 < column < words else ""


def bullets(items: Sequence[str]) -> str:
    """Sentences as an HTML list."""
    return "<ul>" + "".join(f"<li>{_coded(escape(item))}</li>" for item in items) + "</ul>\n" if items else ""


def _coded(text: str) -> str:
    """Escaped text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def section(title: str, *parts: str) -> str:
    """A part of the page under its heading; empty where there is nothing to say."""
    body = "".join(parts)
    return f"<section><h2>{escape(title)}</h2>\n{body}</section>\n" if body else ""
