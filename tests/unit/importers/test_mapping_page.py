"""The page on mapping files has the words that there are, and its examples give what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gex_pipeline import cli
from gex_pipeline.core.instruments import VENUES
from gex_pipeline.importers import load_mapping
from gex_pipeline.importers.read import FORMATS
from gex_pipeline.importers.times import FORMATS as TIME_FORMATS
from gex_pipeline.importers.vocabulary import FIELD_KEYS, FROM_NAME, KEYS, TARGETS, TOP
from tests.pages import ROOT, commands, is_as_shown

PAGE = "gex_pipeline/docs/mappings.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
#: Files of the page's examples, each block under its name.
FILES = dict(re.findall(r"^`(\S+)`[^\n]*:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


def rows(title: str) -> list[list[str]]:
    """Cells of the first table of a section, without its head and code marks."""
    section = TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("target", TARGETS)
def test_every_column_is_told_with_its_kind_and_units(target: str) -> None:
    told = [(name, kind, units, needed) for name, kind, units, needed, _ in rows(f"`[{target}]`")]
    assert told == [
        (name, word.kind, ", ".join(word.units), "yes" if word.is_required else "")
        for name, word in TARGETS[target].items()
    ]
    assert all(len(row[-1]) > 3 for row in rows(f"`[{target}]`"))


def test_every_key_is_told_with_the_kinds_that_take_it() -> None:
    assert [name for name, _ in rows("At the top")] == list(TOP)
    assert [(name, of) for name, of, _ in rows("A column")] == [
        (name, ", ".join(kind for kind, keys in KEYS.items() if name in ("column", "columns", *keys)))
        for name in FIELD_KEYS
    ]


def test_every_word_of_a_key_is_told() -> None:
    meanings = {row[0]: row[-1] for title in ("At the top", "A column") for row in rows(title)}
    for key, words in {
        "venue": VENUES,
        "format": TIME_FORMATS,
        "grammar": (*VENUES, *FROM_NAME),
    }.items():
        assert set(words) <= set(re.findall(r"\w+", meanings[key])), key
    assert set(FORMATS) <= set(re.findall(r"\w+", dict(rows("At the top"))["format"]))
    units = {unit for words in TARGETS.values() for word in words.values() for unit in word.units}
    explained = TEXT.split("\nThe units: ")[1].split("\n\n")[0]
    assert units <= set(re.findall(r"`(\w+)`", explained))


def test_the_examples_give_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    shown = commands(TEXT, PAGE)
    assert len(shown) == 6
    for command in shown:
        _, *words = shlex.split(command.text)
        status = cli.main(words)
        printed = capsys.readouterr()
        assert status == 0, printed.err
        assert command.shown and is_as_shown(command.shown, printed.out, is_number_compared=True), printed.out


def test_the_examples_use_most_words() -> None:
    """Each of another kind: what a page does not show is looked for in vain."""
    mappings = [content for name, content in FILES.items() if name.endswith(".toml")]
    assert len(mappings) == 3
    keys = {key for content in mappings for key in re.findall(r"\w+(?= = )", content)}
    assert set(FIELD_KEYS) <= keys
    used = {path for content in mappings for path in re.findall(r"^\[(\w+)\]", content, re.MULTILINE)}
    assert used == {"chain", "candles"}


def test_the_examples_are_mappings(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        if name.endswith(".toml"):
            assert load_mapping(tmp_path / name).fields
