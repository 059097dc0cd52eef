"""Words inside SQL statements: values as literals, names as identifiers."""

from __future__ import annotations


def text(value: str) -> str:
    """A value as a string literal."""
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as an identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
