"""The command `gex`: names, help and examples of the commands, global options, errors -> exit status.

Belongs here: what `gex --help` needs, and nothing slow: the bodies are in ``commands/`` and imported on use.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from gex_pipeline import __version__, settings
from gex_pipeline.commands import interrupts
from gex_pipeline.commands.arguments import Context, folder
from gex_pipeline.commands.output import say_all
from gex_pipeline.errors import GexError, UsageError, printable

#: An option with nothing after its sign.
_EMPTY = re.compile(r"--[a-z-]+=")
_GLOBAL = Group("Global options", sort_key=98)
_OTHER = Group("Other", sort_key=99)

#: Name -> (body, one line of help, examples). Grouped as `gex --help` lists them.
_COMMANDS: dict[str, dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "Fill": {
        "snapshot": (
            "live:snapshot",
            "Take the option chains of the venues as they are now.",
            ("gex snapshot", "gex snapshot --venue deribit --underlying BTC,ETH", "gex snapshot && gex build"),
        ),
        "candles": (
            "around:candles",
            "Fetch price bars from the venues: what is missing.",
            (
                "gex candles",
                "gex candles --venue bybit --underlying BTC --interval 5m --from 2026-11-01",
                "gex candles --market index --interval 1d --from 2024-01-01",
            ),
        ),
        "market": (
            "around:market",
            "Fetch perpetuals, funding, settlements, DVOL and trades.",
            ("gex market", "gex market --venue deribit --underlying BTC --from 2026-11-01 --to 2026-11-08"),
        ),
        "demo": (
            "demo:demo",
            "The whole job on the built-in synthetic market.",
            ("gex demo", "gex demo --out /srv/demo"),
        ),
        "import": (
            "fill:import_",
            "Read archive files into the warehouse.",
            (
                "gex import tardis-options-chain 'tardis/deribit/*.csv.gz' --every 1h",
                "gex import binance-eoh archive/ --underlying BTC",
                "gex import deribit-book-summary responses/ --instruments instruments.json",
                "gex import chain surface.csv --mapping surface.toml --every 1h",
                "gex import binance-klines BTCUSDT-1h-2026-03.zip --market perp",
                "gex import archives data/archives.toml",
            ),
        ),
        "build": (
            "fill:build",
            "Compute the derived tables: what is missing or stale.",
            ("gex build", "gex build --underlying BTC --from 2026-03-01 --to 2026-03-31", "gex build --force"),
        ),
    },
    "Ask": {
        "levels": (
            "ask:levels",
            "Key levels of an underlying as of a time.",
            (
                "gex levels BTC",
                "gex levels BTC --at 2026-03-17T16:00Z --venue deribit",
                "gex levels ETH --include max_pain,expected_move --json",
                "gex levels BTC --plot profile.png",
            ),
        ),
        "profile": (
            "ask:profile",
            "Exposure per strike.",
            ("gex profile BTC", "gex profile BTC --expiry odte --json", "gex profile BTC --plot strikes.png"),
        ),
        "heatmap": (
            "ask:heatmap",
            "Exposure by strike and expiry.",
            ("gex heatmap BTC --spot-window-pct 15", "gex heatmap ETH --plot heatmap.png"),
        ),
        "bundle": (
            "ask:bundle",
            "Levels of several underlyings in one call.",
            ("gex bundle BTC ETH SOL", "gex bundle BTCUSDT ETHUSDT --json"),
        ),
        "scan": (
            "ask:scan",
            "The morning table: a line per coin, with reasons.",
            ("gex scan", "gex scan BTC ETH --at 2026-03-17T16:00Z", "gex scan --json"),
        ),
        "sql": (
            "look:sql",
            "Run a query on the tables and views of the warehouse.",
            (
                'gex sql "SELECT underlying, count(*) FROM chain GROUP BY ALL"',
                "gex sql \"FROM levels WHERE underlying = 'BTC' AND level = 'zero_gamma'\" --format json",
                'gex sql "FROM chain" --out chain.parquet',
            ),
        ),
    },
    "Confront": {
        "backtest": (
            "backtest:backtest",
            "Test claims about gamma exposure on the stored history.",
            (
                "gex backtest --list",
                "gex backtest",
                "gex backtest wall_bounce --underlying ETH --from 2026-01-01",
                "gex backtest --config claims.toml --out results",
            ),
        ),
        "calibrate": (
            "calibrate:calibrate",
            "Measure the backtests themselves, on made-up markets.",
            (
                "gex calibrate",
                "gex calibrate --markets 100",
                "gex calibrate --markets 1000 --power 200 --out calibration.parquet",
            ),
        ),
    },
    "Look after": {
        "status": (
            "look:status",
            "Per venue and underlying: last snapshot, age, rows, gaps.",
            ("gex status", "gex status --check && echo fresh", "gex status --gaps"),
        ),
        "verify": (
            "look:verify",
            "Check every file against its manifest.",
            ("gex verify", "gex verify --warehouse /srv/gex"),
        ),
    },
}


def _examples(lines: Sequence[str]) -> str:
    return "Examples:\n\n" + "\n".join(f"    {line}" for line in lines)


def _environment() -> str:
    rows = (
        f"    {name} (default {default or 'none'}): {meaning}"
        for name, (default, meaning) in settings.VARIABLES.items()
    )
    return "Environment:\n\n" + "\n".join(rows)


def _new_app() -> App:
    app = App(
        name="gex",
        help="The open GEX warehouse: option chains in, dealer gamma exposure and its levels out.",
        version=__version__,
        help_format="plaintext",
        help_epilogue=f"{_examples(('gex demo', 'gex levels BTC', 'gex levels --help'))}\n\n{_environment()}",
        default_parameter=Parameter(negative=(), show_default=lambda value: value or None),
        group_commands=_OTHER,
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for order, (title, commands) in enumerate(_COMMANDS.items()):
        group = Group(title, sort_key=order)
        for place, (name, (body, help_line, examples)) in enumerate(commands.items()):
            app.command(
                f"gex_pipeline.commands.{body}",
                name=name,
                help=help_line,
                help_epilogue=_examples(examples),
                group=group,
                sort_key=place,
            )
    app.meta.default(_launch)
    app.meta.suppress_keyboard_interrupt = False  # `main` says so and gives status 130
    return app


def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    warehouse: Annotated[
        Path | None, Parameter(group=_GLOBAL, metavar="DIR", help="Folder of the warehouse. Default: $GEX_WAREHOUSE.")
    ] = None,
    verbose: Annotated[
        bool, Parameter(name=("--verbose", "-v"), group=_GLOBAL, help="Show the traceback of a failure.")
    ] = False,
) -> Any:
    """Read the global options wherever they stand, then run the command with them."""
    command, bound, ignored = app.parse_args(tokens)
    if ignored:  # what shows help or the version takes no context
        say_all(settings.misspelt())
    context = Context(folder("the warehouse", warehouse or settings.warehouse()), verbose)
    return command(*bound.args, **bound.kwargs, **dict.fromkeys(ignored, context))


app = _new_app()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status (0 done, 1 failed, 2 usage, 3 partial, 130 or 143 interrupted)."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    is_verbose = "-v" in tokens or "--verbose" in tokens
    try:
        _require_sane(tokens)
        status = app.meta(tokens)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except KeyboardInterrupt:
        return _interrupted()
    except (BrokenPipeError, SystemExit) as error:
        return _exit_status(error)
    except CycloptsError as error:
        return _fail(f"{error} {_hint(error)}", 2)
    except GexError as error:
        if is_verbose:
            _print_traceback()
        return _fail(str(error), error.exit_status)
    except OSError as error:
        # A full disk, a folder that may not be read: the machine's answer is the reason.
        if is_verbose:
            _print_traceback()
        _abandon_stdout()
        return _fail(_reason(error), 1)
    except Exception as error:
        # The one place that catches everything: a defect must not bury the person under a traceback unasked.
        return _defect(error, is_verbose)


def _defect(error: Exception, is_verbose: bool) -> int:
    """One line, or the traceback when it was asked for."""
    if interrupts.is_heard():  # a library that was interrupted in the middle of something calls it an error of its own
        return _interrupted()
    if is_verbose:
        raise error
    if isinstance(error, MemoryError):
        return _fail("there is not enough memory: free some and run again", 1)
    return _fail(f"internal error: {type(error).__name__}: {error}; run with -v", 1)


def _interrupted() -> int:
    return _fail("interrupted", interrupts.status())


def _reason(error: OSError) -> str:
    """Whatever else is full is told with its name."""
    is_nameless = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and error.filename is None
    return f"cannot write standard output: {error.strerror}" if is_nameless else str(error)


def _require_sane(tokens: Sequence[str]) -> None:
    """Refuse what would be taken for something else: `''` for the current folder, a closed output for a defect."""
    if sys.stdout is None:
        raise GexError("standard output is closed")
    empty = next((token for token in tokens if not token or _EMPTY.fullmatch(token)), None)
    if empty is not None:
        raise UsageError(f"{empty.rstrip('=') or 'an argument'} is empty; is a variable of your script not set?")


def _exit_status(error: BrokenPipeError | SystemExit) -> int:
    """0 when the reader went away (`gex sql ... | head`), which rich turns into SystemExit; else what it asks for."""
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
        _abandon_stdout()
        return 0
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    return _fail(str(error.code), 1)


def _abandon_stdout() -> None:
    """Send what is still in the buffer nowhere: Python would complain again when it closes standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"gex: {printable(message)}\n")
    return status


def _hint(error: CycloptsError) -> str:
    return f"See {' '.join(['gex', *(error.command_chain or ()), '--help'])}"


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _require_stderr() -> None:
    """Closed (`2>&-`), messages go nowhere. No other file may have its number: libraries and workers write to it."""
    if sys.stderr is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.set_inheritable(2, True)
        sys.stderr = os.fdopen(2, "w", closefd=False)


def run() -> None:
    """The process `gex`. Interrupted, it ends at once: threads of the libraries may still work on what nobody wants."""
    _require_stderr()
    interrupts.hear_sigterm()
    # the kernels use no matrix products worth a thread, and starting theirs takes a third of a second
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    status = main()
    if status > 128:
        os._exit(status)  # every open file was closed and every lock freed on the way here
    sys.exit(status)


if __name__ == "__main__":
    run()
