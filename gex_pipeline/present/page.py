"""One HTML file that opens offline: headings, tables, pictures and code, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Sequence
from html import escape
from typing import TYPE_CHECKING

from gex_pipeline.present.plot_style import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A picture's white becomes the dark ground; turning the hues by half brings its colours back.
_CSS = """
:root { color-scheme: light dark; --ink: #222; --faint: #666; --line: #ddd; --mark: #7b3fa0; --ground: #fff;
  --link: #1a56b0 }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --faint: #999; --line: #444; --ground: #161616; --link: #8ab4f8 }
  img { filter: invert(.914) hue-rotate(180deg) } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0 auto;
  max-width: 68rem; padding: 1rem; overflow-wrap: break-word }
h1 { font-size: 1.6rem; margin: 0 0 .3rem } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem } a { color: var(--link) }
nav { margin: 1rem 0 } nav a { margin-right: 1rem }
p { max-width: 46rem } .mark { background: var(--mark); color: #fff; padding: .1rem .5rem; border-radius: .3rem;
  font-weight: 600; font-size: .9rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
thead th { color: var(--faint); font-weight: 500 } tbody th { font-weight: 600 }
th:first-child, td:first-child, .words { text-align: left } th:first-child, td:first-child { padding-left: 0 }
.cards { font-size: .9rem; width: 100% }
.cards th, .cards td { padding: .4rem .7rem .4rem 0; vertical-align: top; white-space: normal }
.cards .words, .cards tbody th { min-width: 6rem } .cards td:last-child { font-weight: 600 }
img { width: 100%; min-width: 44rem; height: auto; display: block; margin: .5rem 0; background: #fff }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: .3rem; padding: .7rem; font-size: .85rem }
details { margin: .5rem 0 } summary { cursor: pointer; color: var(--link) }
@media screen and (max-width: 48rem) {
  .cards thead { display: none }
  .cards, .cards tbody { display: block }
  .cards tr { display: block; border: 1px solid var(--line); border-radius: .3rem; padding: .5rem .7rem;
    margin: .6rem 0 }
  .cards th, .cards td { display: flex; gap: 1rem; justify-content: space-between; border: 0; padding: .1rem 0;
    white-space: normal; text-align: right }
  .cards tbody th { text-align: left; justify-content: flex-start } .cards .words { text-align: right }
  .cards td::before { content: attr(data-column); color: var(--faint); text-align: left; flex: none }
  .cards td:empty { display: none } }
@media print {
  @page { margin: 12mm } body { max-width: none; padding: 0; font-size: 10pt } nav { display: none }
  .wide { overflow: visible } img { min-width: 0; max-height: 90vh; break-inside: avoid }
  table, .cards { font-size: 7pt } th, td, .cards th, .cards td { padding: .15rem .3rem; white-space: normal }
  .cards .words, .cards tbody th { min-width: 0 } tr { break-inside: avoid }
  h2, h3, h2 + p { break-after: avoid } pre { white-space: pre-wrap } }
"""


def page(title: str, parts: Sequence[str], *, is_synthetic: bool) -> str:
    """A whole page; ``parts`` are HTML, as the functions below make it."""
    mark = '<p><span class="mark">SYNTHETIC DATA</span> made up by the project: no market\'s prices.</p>'
    width = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{_closed()}{width}{_icon()}'
    body = "\n".join([f"<h1>{escape(title)}</h1>", *([mark] if is_synthetic else []), *parts])
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<title>{escape(title)}</title>\n'
        f"<style>{_CSS}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _closed() -> str:
    """What a browser refuses, whatever is in the page: scripts, and requests of any kind."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def _icon() -> str:
    """None: a browser would ask for one."""
    return '<link rel="icon" href="data:,">'


def heading(words: str, name: str | None = None) -> str:
    """A section begins; ``name`` is where :func:`contents` leads."""
    return f"<h2>{escape(words)}</h2>" if name is None else f'<h2 id="{_place(name)}">{escape(words)}</h2>'


def subheading(words: str) -> str:
    """A part of a section begins."""
    return f"<h3>{escape(words)}</h3>"


def contents(names: Sequence[str]) -> str:
    """Links to the sections of these names."""
    links = " ".join(f'<a href="#{_place(name)}">{escape(name)}</a>' for name in names)
    return f'<nav aria-label="Sections">{links}</nav>'


def _place(name: str) -> str:
    """A name as the address of a section."""
    return re.sub(r"\W+", "-", name)


def paragraph(words: str) -> str:
    """Plain text."""
    return f"<p>{escape(words)}</p>"


def link(words: str, to: str) -> str:
    """A way to a file beside the page."""
    return f'<p><a href="{escape(to)}">{escape(words)}</a></p>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[int] = ()) -> str:
    """Cells are text; all columns but the first, and those whose places are in ``words``, are numbers."""
    whole = f"<table>{_head(columns, words)}<tbody>{_body(rows, words)}</tbody></table>"
    return f'<div class="wide" tabindex="0">{whole}</div>'


def cards(columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[int] = ()) -> str:
    """As :func:`table`, for a few rows with long words: these wrap, and on a narrow screen each row is a card."""
    body = "".join(f"<tr>{_card(columns, row, words)}</tr>" for row in rows)
    whole = f'<table class="cards">{_head(columns, words)}<tbody>{body}</tbody></table>'
    return f'<div class="wide" tabindex="0">{whole}</div>'


def _card(columns: Sequence[str], row: Sequence[str], words: Collection[int]) -> str:
    cells = [
        f'<td{_kind(i, words)} data-column="{escape(columns[i])}">{escape(row[i])}</td>' for i in range(1, len(columns))
    ]
    return "".join([f'<th scope="row">{escape(row[0])}</th>', *cells])


def _head(columns: Sequence[str], words: Collection[int]) -> str:
    cells = "".join(f'<th scope="col"{_kind(i, words)}>{escape(column)}</th>' for i, column in enumerate(columns))
    return f"<thead><tr>{cells}</tr></thead>"


def _body(rows: Sequence[Sequence[str]], words: Collection[int]) -> str:
    lines = ["".join(f"<td{_kind(i, words)}>{escape(cell)}</td>" for i, cell in enumerate(row)) for row in rows]
    return "".join(f"<tr>{line}</tr>" for line in lines)


def _kind(place: int, words: Collection[int]) -> str:
    return ' class="words"' if place in words else ""


def picture(figure: Figure, words: str) -> str:
    """A figure inside the page; ``words`` say what it shows to those who do not see it."""
    return image(png(figure), words)


def image(content: bytes, words: str) -> str:
    """A PNG file inside the page, as :func:`picture`."""
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<div class="wide" tabindex="0"><img alt="{escape(words)}" src="{source}"></div>'


def folded(words: str, part: str) -> str:
    """A part that is shown to those who ask for it; ``words`` say what it is."""
    return f"<details><summary>{escape(words)}</summary>{part}</details>"


def code(lines: Sequence[str]) -> str:
    """Commands to copy."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
