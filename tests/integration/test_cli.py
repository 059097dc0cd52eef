"""The command `gex`: exit status, what goes to which stream, how long help takes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import gex_pipeline
from gex_pipeline import cli
from gex_pipeline.commands import fill
from gex_pipeline.engine.build import BuildSummary
from gex_pipeline.engine.imports import ImportSummary
from gex_pipeline.errors import GexError, ImportFileError
from gex_pipeline.importers import READERS, Options
from gex_pipeline.importers.base import check_options
from tests.integration.live import Run

COMMANDS = ("demo", "import", "build", "levels", "profile", "heatmap", "bundle", "sql", "status", "verify", "backtest")
#: Every example that a help page shows.
EXAMPLES = [
    line.strip()
    for page in (cli.app, *(cli.app[name] for name in COMMANDS))
    for line in page.help_epilogue.splitlines()
    if line.startswith("    gex ")
]
ROOT = Path(gex_pipeline.__file__).parents[1]


def gex(*words: str) -> subprocess.CompletedProcess[str]:
    """`gex` as a process."""
    command = [sys.executable, "-m", "gex_pipeline.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `gex` in this process, in an empty folder; exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "")

    def run(*words: str) -> tuple[int, str, str]:
        status = cli.main(words)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def is_one_line(message: str) -> bool:
    return message.startswith("gex: ") and message.count("\n") == 1


def test_help_lists_commands_variables_and_examples():
    result = gex("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for word in (*COMMANDS, "GEX_WAREHOUSE", "--warehouse", "--verbose -v", "--version", "Examples:"):
        assert word in result.stdout
    assert gex().stdout == result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command, inside):
    status, out, err = inside(command, "--help")
    assert (status, err) == (0, "")
    assert f"Usage: gex {command}" in out
    assert f"    gex {command}" in out
    assert "--warehouse" in out
    assert max(map(len, out.splitlines())) <= 80


def test_import_help_names_the_sources_there_are(inside, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    described = inside("import", "--help")[1].split("[required]")[0]
    assert all(source in described for source in READERS)
    assert set(re.findall(r"[a-z]+(?:-[a-z]+)+", described)) <= set(READERS)


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_parses_and_names_a_source_there_is(line, inside):
    """What the commands other than `import` name is there too: they run in test_cli_warehouse."""
    _, command, *words = shlex.split(line.split("&&")[0])
    if "--help" in words:
        assert inside(command, *words)[0] == 0
        return
    if "--warehouse" in words:  # an option of all commands
        at = words.index("--warehouse")
        del words[at : at + 2]
    _, bound, _ = cli.app.parse_args([command, *words])
    if command == "import":
        source, reading = bound.args[0], bound.kwargs.get("reading", fill.AS_IT_IS)
        if source == "archives":  # the list says how each of its archives is read
            return
        assert source in READERS
        if reading.mapping is None:
            check_options(source, Options(None, reading.underlying, reading.every, reading.max_age, reading.market))


def test_version():
    assert gex("--version").stdout == f"{gex_pipeline.__version__}\n"


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; from gex_pipeline import cli; cli.main(['--help']);"
        "print([m for m in ('polars', 'duckdb', 'numpy', 'pyarrow', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["levls", "BTC"], 'Did you mean "levels"?'),
        (["levels"], "requires an argument. See gex levels --help"),
        (["levels", "BTC", "ETH"], "ETH"),
        (["levels", "BTC", "--jsn"], "Did you mean --json?"),
        (["levels", "B/C"], "type it like BTC or BTCUSDT"),
        (["levels", "BTC", "--venue", "derbit"], "unknown venue 'derbit': did you mean 'deribit'?"),
        (["levels", "BTC", "--sign-model", "nave"], "did you mean 'naive'?"),
        (["levels", "BTC", "--include", "spot,candels"], "unknown section 'candels': did you mean 'candles'?"),
        (["levels", "BTC", "--at", "yesterday"], "'yesterday' is not a time"),
        (["levels", "BTC", "--at", "9999-12-31T23:59:59-05:00"], "is not a time"),
        (["levels", "BTC", "--at", "0001-01-01T00:00+05:00"], "is not a time"),
        (["levels", "BTC", "--at", "1969-12-31"], "is before any market"),
        (["build", "--from", "0001-01-01"], "is before any market"),
        (["levels", "BTC", "--moneyness-min", "x"], "--moneyness-min"),
        (["levels", "BTC", "--moneyness-min", "0"], "must be a positive number"),
        (["levels", "BTC", "--moneyness-min", "1.2", "--moneyness-max", "0.8"], "is above --moneyness-max"),
        (["heatmap", "BTC", "--spot-window-pct", "nan"], "must be a positive number"),
        (["profile", "BTC", "--expiry", "friday"], "type all, odte or a date"),
        (["bundle"], "at least one underlying"),
        (["import"], "requires an argument. See gex import --help"),
        (["import", "binance-eho", "x.csv"], "unknown source 'binance-eho': did you mean 'binance-eoh'?"),
        (["import", "binance-eoh"], "at least one file"),
        (["import", "binance-eoh", "x.csv", "--every", "often"], "'often'"),
        (["import", "binance-klines", "x.csv", "--market", "sport"], "did you mean 'spot'?"),
        (["import", "binance-klines", "x.csv"], "needs --market"),
        (["build", "--from", "2026-02-01", "--to", "2026-01-01"], "is after --to"),
        (["build", "--workers", "0"], "at least 1"),
        (["sql", "SELECT 1", "--format", "jsn"], "unknown format 'jsn': did you mean 'json'?"),
        (["status", "--chek"], "Did you mean --check?"),
        (["--warehouse"], "--warehouse requires an argument"),
        (["status", "--warehouse="], "--warehouse is empty; is a variable of your script not set?"),
        (["sql", "SELECT 1", "--out="], "--out is empty; is a variable of your script not set?"),
        (["status", "--warehouse", ""], "an argument is empty; is a variable of your script not set?"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(words, reason, inside):
    status, out, err = inside(*words)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    assert reason in err


@pytest.mark.parametrize("words", [["levels", "BTC"], ["sql", "SELECT 1"]])
def test_a_folder_that_is_no_warehouse_is_said_in_one_line(words, inside):
    for status, out, err in (inside(*words, "--warehouse", "none"), inside(*words)):
        assert (status, out) == (1, "")
        assert is_one_line(err)
        assert "internal error" not in err


@pytest.mark.parametrize("words", [("status",), ("status", "--help"), ("--help",), ("--version",)])
def test_a_misspelt_setting_is_said_once_by_what_could_have_used_it(words, inside, monkeypatch):
    monkeypatch.setenv("GEX_UNDERLYING", "BTC")
    status, _, err = inside(*words)
    line = "gex: GEX_UNDERLYING in the environment is no setting; nearest is 'GEX_UNDERLYINGS'"
    assert (status, err.count(line)) == ((1, 1) if words == ("status",) else (0, 0))


def test_a_setting_that_is_like_none_has_no_nearest(inside, monkeypatch):
    monkeypatch.setenv("GEX_FOO", "1")
    assert "gex: GEX_FOO in the environment is no setting\n" in inside("status")[2]


def test_the_environment_names_the_warehouse_and_the_option_wins(tmp_path, inside, monkeypatch):
    monkeypatch.setenv("GEX_WAREHOUSE", str(tmp_path / "env"))
    assert str(tmp_path / "env") in inside("levels", "BTC")[2]
    assert str(tmp_path / "opt") in inside("--warehouse", str(tmp_path / "opt"), "levels", "BTC")[2]


def test_verbose_adds_the_traceback(inside):
    status, _, err = inside("levels", "BTC", "-v", "--warehouse", "none")
    assert status == 1
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("gex: ")


@pytest.mark.parametrize("word", ["--help", "--version"])  # the one is written by rich, the other by print
def test_a_reader_that_goes_away_is_no_failure(word):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gex_pipeline.cli", word]
    with os.fdopen(writing, "wb") as stdout:
        result = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_a_full_disk_is_one_line():
    with Path("/dev/full").open("wb") as stdout:
        command = [sys.executable, "-m", "gex_pipeline.cli", "--version"]
        result = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert result.returncode == 1
    assert is_one_line(result.stderr)
    assert result.stderr == "gex: cannot write standard output: No space left on device\n"


@pytest.mark.parametrize(("word", "status"), [("--version", 0), ("nonsense", 2)])
def test_closed_standard_error_is_no_failure(word, status):
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-m", "gex_pipeline.cli", word]
    assert subprocess.run(shell, stdout=subprocess.DEVNULL, cwd=ROOT, check=False).returncode == status


def raising(error: BaseException) -> SimpleNamespace:
    def meta(tokens: list[str]) -> None:
        raise error

    return SimpleNamespace(meta=meta)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (GexError("no chain for\n BTC"), 1, "gex: no chain for BTC\n"),
        (ImportFileError("x.csv: empty"), 3, "gex: x.csv: empty\n"),
        (SystemExit("no room"), 1, "gex: no room\n"),
        (SystemExit(5), 5, ""),
        (SystemExit(), 0, ""),
        (MemoryError(), 1, "gex: there is not enough memory: free some and run again\n"),
        (ZeroDivisionError("by zero"), 1, "gex: internal error: ZeroDivisionError: by zero; run with -v\n"),
    ],
)
def test_errors_become_one_line_and_a_status(monkeypatch, capsys, error, status, line):
    monkeypatch.setattr(cli, "app", raising(error))
    assert cli.main(["levels", "BTC"]) == status
    assert capsys.readouterr().err == line


def test_a_defect_keeps_its_traceback_under_v(monkeypatch):
    monkeypatch.setattr(cli, "app", raising(ZeroDivisionError("by zero")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["levels", "BTC", "-v"])


def test_the_market_of_klines_has_no_default(monkeypatch, tmp_path):
    asked: list[str | None] = []

    def import_files(root: Path, source: str, paths: list[Path], options: Options, **_: object) -> ImportSummary:
        asked.append(options.market)
        return ImportSummary(files=1)

    monkeypatch.setattr("gex_pipeline.engine.imports.import_files", import_files)
    words = ["import", "binance-klines", "x.zip", "--warehouse", str(tmp_path)]
    assert cli.main(words) == cli.main([*words, "--market", "Spot"]) == 0
    assert asked == [None, "spot"]


@pytest.mark.parametrize(
    ("built", "fresh", "failures", "status"),
    [(0, 0, ["a", "b"], 1), (1, 0, ["a"], 3), (0, 1, ["a"], 3), (2, 0, [], 0), (0, 0, [], 0)],
)
def test_a_build_of_which_nothing_worked_failed(monkeypatch, capsys, tmp_path, built, fresh, failures, status):
    summary = BuildSummary(built=built, fresh=fresh, failures=failures)
    monkeypatch.setattr("gex_pipeline.engine.build.build", lambda *_, **__: summary)
    assert cli.main(["build", "--warehouse", str(tmp_path)]) == status
    assert capsys.readouterr().err == "".join(f"gex: {line}\n" for line in failures)


def test_main_gives_the_status_of_the_command(monkeypatch):
    monkeypatch.setattr(cli, "app", SimpleNamespace(meta=lambda tokens: 3))
    assert cli.main(["import"]) == 3
