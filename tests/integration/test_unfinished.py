"""A backtest that is stopped: what it found so far is not worked out again, and the end is as if it had not been."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gex_backtest import made_up, stored, suite
from gex_backtest.config import Configuration, configure
from gex_backtest.identity import Origin
from gex_backtest.panel import Panel
from gex_backtest.results import Record
from gex_backtest.rules import RULES
from gex_backtest.study import Rule, Study
from gex_backtest.unfinished import unfinished
from gex_pipeline.store.layout import UNFINISHED
from gex_pipeline.store.objects import LocalObjects
from gex_pipeline.store.verify import verify
from tests.integration.two_days import fill
from tests.unit.backtest.drifts import DRIFTS, VOLS
from tests.unit.backtest.made_up_history import START
from tests.unit.store.build import data_files

INSTRUMENT = {"venue": "okx", "market": "perp", "symbol": "X", "interval": "5m", "bars": 1}


def counted(rule: Rule, calls: list[str], fails_at: int = 10**9) -> Rule:
    """The rule, its studies counted; that of a number is stopped."""

    def study(panel: Panel, parameters: Any) -> Study:
        calls.append(rule.name)
        if len(calls) == fails_at:
            raise KeyboardInterrupt
        return rule.study(panel, parameters)

    return replace(rule, study=study)


def asked(tmp_path: Path, change: Callable[[Rule], Rule]) -> Configuration:
    file = tmp_path / "variants.toml"
    file.write_text("[rules.drifts]\nhours = [1, 2, 3]\n[rules.vols]\n")
    return configure((), file, rules={rule.name: change(rule) for rule in (DRIFTS, VOLS)})


def files(root: Path) -> dict[str, str]:
    return {path: digest for path, digest in data_files(root).items() if path.startswith("backtest_")}


def test_a_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    calls: list[str] = []
    root = fill(tmp_path / "warehouse")
    history, instruments = stored.read(root, asked(tmp_path, lambda rule: rule))
    whole = stored.confront(root, asked(tmp_path, lambda rule: rule), history, instruments)
    expected = files(root)
    for path in root.glob("backtest_*"):
        shutil.rmtree(path)
    with pytest.raises(KeyboardInterrupt):
        stored.confront(root, asked(tmp_path, lambda rule: counted(rule, calls, 3)), history, instruments)
    assert not files(root) and len(LocalObjects(root).list(UNFINISHED)) == 2 and not verify(root)
    again = stored.confront(root, asked(tmp_path, lambda rule: counted(rule, calls)), history, instruments)
    assert calls == ["drifts"] * 4, "two of three variants are known"
    assert again.run_id == whole.run_id and files(root) == expected
    assert not LocalObjects(root).list(UNFINISHED)


def test_another_run_of_the_coin_begins_anew_and_leaves_those_of_other_coins(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    for name in ("BTC-1/a-1.msgpack", "BTC-2/a-1.msgpack", "BTC-X-1/a-1.msgpack"):
        objects.write(f"{UNFINISHED}/{name}", b"x")
    with unfinished(tmp_path, "BTC-2"):
        assert objects.list(UNFINISHED) == [
            f"{UNFINISHED}/{name}" for name in ("BTC-2/a-1.msgpack", "BTC-X-1/a-1.msgpack")
        ]
    assert objects.list(UNFINISHED) == [f"{UNFINISHED}/BTC-X-1/a-1.msgpack"]


@pytest.mark.parametrize("damage", [lambda _: b"", lambda b: b[:-9], lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:]])
def test_what_is_damaged_is_worked_out_again(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    calls: list[str] = []
    root = fill(tmp_path / "warehouse")
    history, instruments = stored.read(root, asked(tmp_path, lambda rule: rule))
    with pytest.raises(KeyboardInterrupt):
        stored.confront(root, asked(tmp_path, lambda rule: counted(rule, calls, 3)), history, instruments)
    first, _ = LocalObjects(root).list(UNFINISHED)
    (root / first).write_bytes(damage((root / first).read_bytes()))
    stored.confront(root, asked(tmp_path, lambda rule: counted(rule, calls)), history, instruments)
    assert calls == ["drifts"] * (3 + 2)


def test_every_rule_is_read_again_as_it_was(tmp_path: Path) -> None:
    """All tables, to the last bit: of a market with events for every rule, and funding and DVOL for none."""
    history, question = made_up.drawn("BTC", START, 40, 7, 1.0, range(24)), configure()
    origin = Origin.of(question, history, [INSTRUMENT])
    with unfinished(tmp_path, origin.run_id) as kept:
        written, read = (Record(suite.run(history, question, outcome=kept.outcome), origin) for _ in range(2))
        assert len(LocalObjects(tmp_path).list(UNFINISHED)) == len(RULES)
    for name, frame in written.frames.items():
        assert read.frames[name].equals(frame), name
    assert read.document == written.document
