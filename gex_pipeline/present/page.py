"""One HTML file that opens offline: headings, tables, pictures and code, nothing loaded from anywhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from gex_pipeline.present.plot_style import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CSS = """
:root { color-scheme: light dark; --ink: #222; --faint: #666; --line: #ddd; --mark: #7b3fa0; --ground: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --faint: #999; --line: #444; --ground: #161616 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0 auto;
  max-width: 68rem; padding: 1rem }
h1 { font-size: 1.6rem; margin: 0 0 .3rem } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem }
p { max-width: 46rem } .mark { background: var(--mark); color: #fff; padding: .1rem .5rem; border-radius: .3rem;
  font-weight: 600; font-size: .9rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--faint); font-weight: 500 } th:first-child, td:first-child { text-align: left; padding-left: 0 }
img { width: 100%; min-width: 40rem; height: auto; display: block; margin: .5rem 0; background: #fff }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: .3rem; padding: .7rem; font-size: .85rem }
"""


def page(title: str, parts: Sequence[str], *, is_synthetic: bool) -> str:
    """A whole page; ``parts`` are HTML, as the functions below make it."""
    mark = '<p><span class="mark">SYNTHETIC DATA</span> made up by the project: no market\'s prices.</p>'
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{_icon()}'
    body = "\n".join([f"<h1>{escape(title)}</h1>", *([mark] if is_synthetic else []), *parts])
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<title>{escape(title)}</title>\n'
        f"<style>{_CSS}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _icon() -> str:
    """None: a browser would ask for one."""
    return '<link rel="icon" href="data:,">'


def heading(words: str) -> str:
    """A section begins."""
    return f"<h2>{escape(words)}</h2>"


def paragraph(words: str) -> str:
    """Plain text."""
    return f"<p>{escape(words)}</p>"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are text; all columns but the first are numbers."""
    head = "".join(f"<th>{escape(c)}</th>" for c in columns)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def picture(figure: Figure, words: str) -> str:
    """A figure inside the page; ``words`` say what it shows to those who do not see it."""
    source = f"data:image/png;base64,{base64.b64encode(png(figure)).decode()}"
    return f'<div class="wide"><img alt="{escape(words)}" src="{source}"></div>'


def code(lines: Sequence[str]) -> str:
    """Commands to copy."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
