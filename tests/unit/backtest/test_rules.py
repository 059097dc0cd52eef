"""The rules are found by their files, and told quickly."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import gex_backtest.rules as registry
from gex_backtest.history import History
from gex_backtest.rules import RULES, named
from gex_backtest.study import Rule
from gex_pipeline.errors import UsageError
from tests.unit.backtest.drifts import RULES as SMALL

HEAVY = ("arch", "duckdb", "matplotlib", "pandas", "pyarrow", "statsmodels")
FOLDER = Path(registry.__file__).parent
TABLES = {field.name for field in fields(History)} - {"underlying", "bars"}


def test_every_file_is_a_rule_of_its_name() -> None:
    assert list(RULES) == sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_what_it_claims_and_takes_its_defaults(rule: Rule) -> None:
    assert rule.hypothesis.endswith(".")
    assert is_dataclass(rule.parameters) and rule.parameters() == rule.parameters()
    assert set(rule.needs) <= TABLES


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("drift", "; nearest is 'drifts'"),
        ("DRIFTS", "; nearest is 'drifts'"),
        ("xyz", ": there are drifts, vols"),
        ("", ": there are drifts, vols"),
    ],
)
def test_an_unknown_rule_is_told_with_one_that_is_near_else_with_all(name: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        named(name, SMALL)
    assert str(caught.value) == f"unknown rule {name!r}{told}"


def test_listing_loads_no_statistics_and_reads_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from gex_pipeline import cli; status = cli.main(['backtest', '--list']);"
        f"print(status, [m for m in {HEAVY} if m in sys.modules])"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(FOLDER.parents[1])}
    )
    assert done.stdout.splitlines()[-1] == "0 []"
    assert done.stderr == ""
