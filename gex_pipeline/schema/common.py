"""Columns that several tables share, written once so that their wording and rules cannot drift apart."""

import re

from gex_pipeline.schema.model import Column

#: What the value of a hive column may be, as it names a folder: it needs no escapes, hides no separators and is not
#: Hive's word for null.
FOLDER_NAME = re.compile(r"(?!__HIVE_DEFAULT_PARTITION__$)\w[\w.-]*", re.ASCII)
FOLDER_NAME_RULE = "letters, digits, '_', '.' and '-', the first a letter, a digit or '_'"

SCOPES = ("all_expiry", "odte")
SIGN_MODELS = ("naive", "short_all", "unsigned", "taker")

SNAPSHOT_AT = Column("snapshot_at", "timestamp", "UTC", "The instant the row describes.")
KNOWLEDGE_TIME = Column(
    "knowledge_time", "timestamp", "UTC", "First moment the row could have been used; never before snapshot_at."
)
UNDERLYING = Column("underlying", "category", "", "Coin of the underlying: BTC, ETH, SOL, HYPE, ...")
VENUE = Column("venue", "category", "", "Exchange: deribit, bybit, okx, binance.")
VENUES = Column(
    "venues",
    "category",
    "",
    "all = every venue of the snapshot together, else the venue the row is from; in macros also several, with commas.",
)
SCOPE = Column(
    "scope", "category", "", "all_expiry, or odte = contracts with at most 24 hours to expiry.", choices=SCOPES
)
SIGN_MODEL = Column(
    "sign_model",
    "category",
    "",
    "Assumption on what dealers hold: naive = long calls, short puts; short_all = short both; unsigned = no view; "
    "taker = from trades.",
    choices=SIGN_MODELS,
)
IS_RECONSTRUCTED = Column(
    "is_reconstructed",
    "bool",
    "",
    "By the sign model taker: true where a contract with open interest is older than the stored trades, or of a venue "
    "without any; null by the others.",
    is_nullable=True,
)
EXPIRY_AT = Column("expiry_at", "timestamp", "UTC", "Expiry instant of the contracts.")
SPOT_USD = Column(
    "spot_usd",
    "float",
    "USD per coin",
    "Spot S: median over the venues of the set of each venue's median index.",
    minimum=0,
    is_minimum_open=True,
)
#: (prefix, unit, what it is) of the exposures that come as call, put and net.
SIDED = (
    ("gex_usd", "USD per 1 % move", "dealer gamma exposure"),
    ("dex_usd", "USD", "dealers' dollar delta of the options alone, without hedges, above 0 = long"),
    ("vex_usd", "USD per vol point", "change of dealers' dollar delta for +1 vol point (above 0: they then sell)"),
    ("chex_usd", "USD per day", "first-order change of dealers' dollar delta over one day (above 0: they sell)"),
    ("chex_to_expiry_usd", "USD", "exact change of dealers' dollar delta to the next 08:00 UTC"),
    ("dex_pa_usd", "USD", "dollar delta; of coin-settled (inverse) rows less the option's value in coin"),
    ("vex_pa_usd", "USD per vol point", "vanna exposure, of the same delta"),
    ("chex_pa_usd", "USD per day", "charm exposure, of the same delta"),
)

#: What tables of venue sets begin with, and those by scope and sign model too.
SET = (SNAPSHOT_AT, KNOWLEDGE_TIME, UNDERLYING, VENUES)
SCOPED = (*SET, SCOPE, SIGN_MODEL)


def usd(name: str, description: str, *, is_nullable: bool = False) -> Column:
    """A signed amount of US dollars."""
    return Column(name, "float", "USD", description, is_nullable=is_nullable)


def gex(name: str, description: str, *, is_nullable: bool = False) -> Column:
    """A dealer gamma exposure."""
    return Column(name, "float", "USD per 1 % move", description, is_nullable=is_nullable)


def price(name: str, description: str, *, is_nullable: bool = False, minimum: float | None = 0) -> Column:
    """A price in US dollars per coin, above ``minimum`` where one is given."""
    return Column(name, "float", "USD per coin", description, is_nullable, minimum, is_minimum_open=minimum is not None)
