"""Tables of what backtests find: one file of each per run. They are made by `gex backtest`, not by `gex build`."""

from gex_pipeline.schema.common import UNDERLYING, price
from gex_pipeline.schema.model import Column, Table

_RUN_ID = Column(
    "run_id", "category", "", "Coin, and hash of configuration, inputs and code: the same run has the same."
)
_UNTIL = Column("until_at", "timestamp", "UTC", "Close of the last bar of the run.")
#: What each row of every table but that of the runs is of.
_CASE = (
    _RUN_ID,
    Column("rule", "category", "", "Name of the rule; `gex backtest --list` says what it claims."),
    Column("variant", "int", "", "Variant of the rule's parameters, from 1.", minimum=1),
)


def _text(name: str, description: str) -> Column:
    return Column(name, "string", "", description)


def _number(name: str, description: str) -> Column:
    return Column(name, "float", "see unit", description, is_nullable=True)


def _probability(name: str, description: str) -> Column:
    return Column(name, "float", "1", description, is_nullable=True, minimum=0, maximum=1)


def _count(name: str, description: str, minimum: int = 0) -> Column:
    return Column(name, "int", "", description, minimum=minimum)


def _fraction(name: str, description: str) -> Column:
    return Column(name, "float", "1", description)


BACKTEST_RUNS = Table(
    name="backtest_runs",
    description="Runs of `gex backtest`: what was asked, of which data, by which code.",
    columns=(
        _RUN_ID,
        UNDERLYING,
        Column("from_at", "timestamp", "UTC", "Open of the first bar."),
        _UNTIL,
        Column("venue", "category", "", "Venue of the bars; where they are stitched, of the chosen ones."),
        Column("market", "category", "", "Kind of price of the bars."),
        Column("symbol", "category", "", "Symbol of the bars."),
        Column("interval", "category", "", "Length of a bar."),
        _count("bars", "Bars, each a decision at its close.", minimum=1),
        _count("missing_bars", "Bars that are missing between the first and the last."),
        _count("snapshots", "Snapshots of the levels."),
        Column(
            "level_share",
            "float",
            "1",
            "Share of decisions at which a snapshot was known that was not stale.",
            minimum=0,
            maximum=1,
        ),
        _count("rules", "Rules that were asked for.", minimum=1),
        _count("variants", "Variants of all rules: as many trials.", minimum=1),
        _text("configuration_sha256", "Hash of the configuration's canonical text."),
        _text("code_version", "Hash of the source that reads, studies and simulates."),
        _text("document", "All of it as JSON: configuration, hashes of the inputs, coverage, estimates, metrics."),
    ),
    key=("run_id",),
    hive=("run_id",),
    period="year",
    period_column="until_at",
    sort=("until_at",),
)

BACKTEST_STATS = Table(
    name="backtest_stats",
    description="Estimates of every rule and variant and, where it trades, the metrics of its simulation.",
    columns=(
        *_CASE,
        _count("place", "Order within the variant; 1 = the headline estimate.", minimum=1),
        _UNTIL,
        _text("parameters", "Parameters of the variant, as JSON."),
        Column("kind", "category", "", "What the number is.", choices=("estimate", "metric")),
        Column("name", "category", "", "What is estimated, or the metric."),
        Column("sample", "category", "", "Which events it is of."),
        Column("unit", "category", "", "Unit of value, standard_error, low, high and detectable."),
        Column("n", "int", "", "Observations; of a metric the trades or the days.", minimum=0),
        _number("value", "The number; null where there is too little data."),
        _number("standard_error", "Its standard error; metrics have none."),
        _number("low", "Lower end of the 95 % interval; metrics have none."),
        _number("high", "Upper end of the 95 % interval; metrics have none."),
        _probability("p_value", "Two-sided, of 0; null for no test."),
        _probability("q_value", "Expected share of chance among tests of its name with at most this."),
        _number("detectable", "Smallest true size that four such tests of five find; null for no test."),
        _text("method", "How error and interval were found."),
        _text("status", "ok, or why there is no number."),
    ),
    key=("run_id", "rule", "variant", "place"),
    hive=("run_id",),
    period="year",
    period_column="until_at",
    sort=("rule", "variant", "place"),
    version=2,
)

BACKTEST_EVENTS = Table(
    name="backtest_events",
    description="Events that the estimates rest on: one row an event and outcome.",
    columns=(
        *_CASE,
        _count("event", "Number within the variant.", minimum=1),
        Column("decided_at", "timestamp", "UTC", "When the event was decided on: all that was known then counts."),
        Column("ends_at", "timestamp", "UTC", "When the outcome was known; null where never.", is_nullable=True),
        Column("kind", "category", "", "Sort of event: the real one or a control."),
        Column("subject", "category", "", "Level, line or strike it is about."),
        price("level_usd", "Where that was.", is_nullable=True),
        price("spot_usd", "Spot at the decision.", is_nullable=True),
        Column("outcome", "category", "", "What was measured."),
        Column("unit", "category", "", "Unit of value."),
        _number("value", "The outcome; null where it never came."),
    ),
    key=("run_id", "rule", "variant", "event"),
    hive=("run_id",),
    period="year",
    period_column="decided_at",
    sort=("rule", "variant", "event"),
)

BACKTEST_TRADES = Table(
    name="backtest_trades",
    description="Trades of the simulated trading forms.",
    columns=(
        *_CASE,
        _count("trade", "Number within the variant.", minimum=1),
        Column("entered_at", "timestamp", "UTC", "Open of the bar of the fill."),
        Column("exited_at", "timestamp", "UTC", "Open of the bar of the exit; of a stop or take its close."),
        Column("side", "category", "", "Position held.", choices=("long", "short")),
        _fraction("weight", "Target as a multiple of equity, signed."),
        Column("coins", "float", "coin", "Coins held per 1 USD of starting equity, signed."),
        price("entry_usd", "Price of the fill, before half-spread and slippage."),
        price("exit_usd", "Price of the exit, before half-spread and slippage."),
        _fraction("pnl", "Profit after all costs, over the equity before the trade."),
        _fraction("costs", "Fee, half-spread and slippage, over the same."),
        _fraction("funding", "Funding paid, over the same."),
        Column("exit_reason", "category", "", "Why it ended.", choices=("target", "stop", "take", "end", "ruin")),
    ),
    key=("run_id", "rule", "variant", "trade"),
    hive=("run_id",),
    period="year",
    period_column="entered_at",
    sort=("rule", "variant", "trade"),
)

BACKTEST_EQUITY = Table(
    name="backtest_equity",
    description="Equity of the simulated trading forms at the last bar of each day, UTC.",
    columns=(
        *_CASE,
        Column("close_at", "timestamp", "UTC", "Close of the bar."),
        Column("equity", "float", "1", "Equity after all costs, in units of that at the start.", minimum=0),
    ),
    key=("run_id", "rule", "variant", "close_at"),
    hive=("run_id",),
    period="year",
    period_column="close_at",
    sort=("rule", "variant", "close_at"),
)
