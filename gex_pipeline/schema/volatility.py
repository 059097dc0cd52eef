"""Views of volatility: realised, implied beside realised, and what the premium turned out to be.

They need candles and earlier snapshots, so they are computed when read; docs/regimes.md says what was chosen and why.
"""

from gex_pipeline.schema.common import KNOWLEDGE_TIME, SNAPSHOT_AT, UNDERLYING
from gex_pipeline.schema.market import INTERVALS
from gex_pipeline.schema.model import Column, Table

#: Whether there is a premium, else what it lacks.
VRP_STATUSES = ("ok", "no_iv", "no_candles", "neither")

#: Days of the trailing windows of realised volatility.
RV_DAYS = (1, 7, 30)
#: Bars of which realised volatility is made, finest first.
RV_INTERVALS = INTERVALS[INTERVALS.index("5m") : INTERVALS.index("1h") + 1]


def _vol(name: str, description: str) -> Column:
    return Column(name, "float", "1", f"{description}, annual, a fraction.", is_nullable=True, minimum=0)


def _points(name: str, description: str) -> Column:
    return Column(name, "float", "vol points", description, is_nullable=True)


def _rv(days: int) -> Column:
    return _vol(f"rv{days}", f"Close-to-close volatility of the last {days} x 24 hours")


def _interval(days: int) -> Column:
    description = f"Bars that rv{days} is of: the finest of which 95 % of the window is there."
    return Column(f"rv{days}_interval", "category", "", description, is_nullable=True, choices=RV_INTERVALS)


def _made_of(days: int) -> tuple[Column, ...]:
    return (
        _interval(days),
        Column(
            f"rv{days}_instrument", "string", "", f"Venue, market and symbol that rv{days} is of.", is_nullable=True
        ),
        Column(f"rv{days}_returns", "int", "", f"Returns in rv{days}, one a bar.", is_nullable=True, minimum=0),
    )


_OF_A_MONTH = (
    _vol("downside30", "sqrt(2) x semi-volatility of the negative returns of rv30"),
    _vol("upside30", "sqrt(2) x semi-volatility of the positive returns of rv30"),
    _vol("parkinson30", "Parkinson volatility of the last 30 days, of hourly bars"),
    _vol("garman_klass30", "Garman-Klass volatility of the last 30 days, of hourly bars"),
    _vol("yang_zhang30", "Yang-Zhang volatility of the last 30 whole days of UTC, of daily bars"),
)
_IV = (
    _vol("iv7", "At-the-money IV at 7 days"),
    _vol("iv30", "At-the-money IV at 30 days"),
    _vol("iv90", "At-the-money IV at 90 days"),
    _vol("iv180", "At-the-money IV at 180 days"),
)

REALISED_VOL = Table(
    name="realised_vol",
    description="Trailing realised volatility at every full hour at which a candle closes.",
    columns=(
        UNDERLYING,
        Column("hour_at", "timestamp", "UTC", "The full hour at which the windows end: what follows is known then."),
        *map(_rv, RV_DAYS),
        *_OF_A_MONTH,
        *(column for days in RV_DAYS for column in _made_of(days)),
        Column(
            "status",
            "category",
            "",
            "ok = all windows are covered; partial = rv1, rv7 or rv30 is null; empty = all three are.",
            choices=("ok", "partial", "empty"),
        ),
    ),
    key=("underlying", "hour_at"),
)

VOLATILITY = Table(
    name="volatility",
    description="Implied beside realised volatility at each snapshot, all venues together, and the premium.",
    columns=(
        SNAPSHOT_AT,
        KNOWLEDGE_TIME,
        UNDERLYING,
        *_IV,
        _points("skew30_vol_pts", "25-delta put IV minus 25-delta call IV at 30 days."),
        _points("term_7_30_vol_pts", "iv30 minus iv7."),
        _points("term_30_90_vol_pts", "iv90 minus iv30."),
        _points("dvol_pts", "Last close of `dvol` by the snapshot, at most two of its bars old."),
        Column("rv_at", "timestamp", "UTC", "Hour of `realised_vol` used, less than two hours old.", is_nullable=True),
        *map(_rv, RV_DAYS),
        *_OF_A_MONTH,
        _interval(30),
        _points("vrp_vol_pts", "Volatility premium: iv30 minus rv30."),
        Column("vrp_variance", "float", "1", "iv30 squared minus rv30 squared.", is_nullable=True),
        Column("vrp_z", "float", "1", "(vrp_vol_pts - mean) / standard deviation of the last 365 days.", True),
        Column(
            "vrp_percentile",
            "float",
            "%",
            "Snapshots of the last 365 days with a premium up to this one.",
            True,
            0,
            maximum=100,
        ),
        Column(
            "vrp_count", "int", "", "Snapshots in vrp_z, this one among them; null where there is no premium.", True, 1
        ),
        _points("vrp7_vol_pts", "The premium of a week: iv7 minus rv7."),
        _points("vrp_put_vol_pts", "25-delta put IV at 30 days minus downside30."),
        _points("vrp_call_vol_pts", "25-delta call IV at 30 days minus upside30."),
        Column(
            "status",
            "category",
            "",
            "ok = there is a premium; no_iv = iv30 is null; no_candles = rv30 is; neither = both are. "
            "vrp_z and vrp_percentile are null until 30 days have a premium.",
            choices=VRP_STATUSES,
        ),
    ),
    key=("snapshot_at", "underlying"),
)

VRP_EX_POST = Table(
    name="vrp_ex_post",
    description="What the premium turned out to be: implied volatility minus that realised over the 30 days after.",
    columns=(
        SNAPSHOT_AT,
        Column("knowledge_time", "timestamp", "UTC", "The end of the 30 days: nothing of it was known before."),
        UNDERLYING,
        _vol("iv30", "At-the-money IV at 30 days"),
        _vol("rv30_after", "Close-to-close volatility of the 30 days that begin at the next full hour"),
        _interval(30),
        _points("vrp_ex_post_vol_pts", "iv30 minus rv30_after."),
        Column(
            "status",
            "category",
            "",
            "ok = there is a premium; no_iv = iv30 is null; no_candles = rv30_after is, also as the days are not over; "
            "neither = both are.",
            choices=VRP_STATUSES,
        ),
    ),
    key=("snapshot_at", "underlying"),
)
