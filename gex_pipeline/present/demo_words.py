"""What the demo tells: how its rows came, where they are, what to try next."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gex_pipeline.present.summaries import count

if TYPE_CHECKING:
    from gex_pipeline.engine.demo import Demo

QUERIES = (
    """SELECT snapshot_at, zero_gamma, spot_usd FROM levels_wide
  WHERE underlying = 'BTC' AND venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive'
  ORDER BY 1 DESC LIMIT 5""",
    """SELECT venue, count(*) AS contracts, sum(open_interest_coin) AS coins FROM chain
  WHERE underlying = 'ETH' AND snapshot_at = (SELECT max(snapshot_at) FROM chain) GROUP BY 1 ORDER BY 1""",
    """SELECT underlying, round(avg((net_gex_usd < 0)::int), 2) AS share_below_zero FROM levels_wide
  WHERE venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive' GROUP BY 1 ORDER BY 1""",
)


def story(demo: Demo) -> str:
    """How the rows came."""
    requests = ", ".join(f"{venue} {n:,}" for venue, n in demo.requests.items())
    return (
        f"{demo.built.rows['chain']:,} rows of hourly option chains: {count(demo.files, 'archive file')} imported, "
        f"then {count(demo.snapshots, 'snapshot')} of four venues on this machine ({requests} requests)."
    )


def lines(demo: Demo, report: Path, backtest: Path) -> list[str]:
    """What the demo is, where it is, and what to try next."""
    return [
        "SYNTHETIC data: made up by the project, no market's prices.",
        story(demo),
        f"report     {report}",
        f"backtest   {backtest}",
        f"warehouse  {demo.warehouse}",
        "",
        "Try next:",
        *commands(demo),
    ]


def commands(demo: Demo) -> list[str]:
    """Levels, three queries, then Dagster where it is at hand; to be pasted into a shell as they are."""
    gex = f"gex --warehouse {shlex.quote(str(demo.warehouse))}"
    queries = [f'{gex} sql "{query}"' for query in QUERIES]
    return [f"{gex} levels BTC --at {demo.at:%Y-%m-%dT%H:%MZ}", *queries, *_dagster(demo.warehouse)]


def _dagster(warehouse: Path) -> list[str]:
    """`make ui` shows the demo of a copy of the project, in its own place, and installs what it needs."""
    if warehouse == Path("data/demo/warehouse") and Path("Makefile").is_file() and Path("workspace.yaml").is_file():
        return ["make ui"]
    if find_spec("dagster") is None:
        return []
    places = {"GEX_WAREHOUSE": warehouse, "GEX_ARCHIVES": warehouse.with_name("archives.toml")}
    words = [f"{name}={shlex.quote(str(path.absolute()))}" for name, path in places.items()]
    return [f"{' '.join(words)} dagster dev -m gex_pipeline.definitions"]
