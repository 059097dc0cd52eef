"""The demo's report: levels now and over time, and the market's truth beside what the naive signs make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from gex_pipeline.present import history_plots, plots, text
from gex_pipeline.present.answer import Answer
from gex_pipeline.present.main_levels import HEADINGS, main_levels
from gex_pipeline.present.page import code, heading, link, page, paragraph, picture, table

#: The page of the backtest, beside this one.
BACKTEST = "backtest.html"
_FIFTHS = ("lowest fifth", "second", "third", "fourth", "highest fifth")


def report(
    answers: Mapping[str, Answer],
    histories: Mapping[str, pl.DataFrame],
    verdicts: Sequence[Sequence[str]],
    story: str,
    commands: Sequence[str],
) -> str:
    """The page. ``histories``: per coin, rows by hour as :func:`history_plots.levels_over_time` wants them.

    Those of the first coin have the truth, too: ``gamma_usd`` of the dealers and ``realised`` volatility of the hour
    (annual, a fraction). ``verdicts``: what a backtest says, the names of its columns first.
    """
    parts = [paragraph(story), *_now(answers), *_over_time(histories), *_truth(histories), *_confronted(verdicts)]
    return page("Gamma exposure of a made-up market", [*parts, heading("Try next"), code(commands)], is_synthetic=True)


def _now(answers: Mapping[str, Answer]) -> list[str]:
    coin, shown = next(iter(answers.items()))
    return [
        heading(f"Levels at {text.instant(shown.snapshot_at)}"),
        levels_now(answers),
        picture(plots.strike_profile(shown), f"{coin}: dealer gamma by strike"),
        picture(plots.gamma_profile(shown), f"{coin}: dealer gamma by price"),
        picture(plots.heatmap(shown), f"{coin}: dealer gamma by strike and expiry"),
    ]


def _over_time(histories: Mapping[str, pl.DataFrame]) -> list[str]:
    draw = history_plots.levels_over_time
    figures = {coin: draw(f"{coin}  spot and levels", h, is_synthetic=True) for coin, h in histories.items()}
    return [heading("Over time"), *(picture(f, f"{coin}: spot and levels by hour") for coin, f in figures.items())]


def _truth(histories: Mapping[str, pl.DataFrame]) -> list[str]:
    coin, hours = next(iter(histories.items()))
    return [
        heading("What nobody sees in a real market"),
        paragraph(
            "Here it is known what dealers hold. The price feels their hedging: when they are long gamma it moves "
            "less, when they are short it moves more. The naive signs (dealers long calls, short puts) are a guess."
        ),
        picture(history_plots.truth(coin, hours), f"{coin}: true dealer gamma and net GEX by hour"),
        by_fifths(hours),
        paragraph(
            "Realised volatility of an hour (annual) by fifths of the gamma at its begin. Volatility has seasons and "
            "memory, and open interest follows spot: part of such a pattern would be there without any hedging, which "
            "is why a backtest needs a null hypothesis."
        ),
    ]


def _confronted(verdicts: Sequence[Sequence[str]]) -> list[str]:
    columns, *rows = verdicts
    return [
        heading("Claims about gamma exposure, confronted"),
        table(columns, rows, [len(columns) - 1]),
        link("How each was confronted, in pictures and numbers", BACKTEST),
    ]


def levels_now(answers: Mapping[str, Answer]) -> str:
    """A row per coin: spot, net GEX, flip and walls with their distance from spot."""
    rows = [_row(coin, answer) for coin, answer in answers.items()]
    return table(["", "spot", "net GEX per 1 %", *HEADINGS, "venues"], rows)


def _row(coin: str, answer: Answer) -> list[str]:
    spot, net, levels = main_levels(answer)
    cells = [f"{cell.value} ({cell.away})" if cell.away else cell.value for cell in levels]
    return [coin, spot, net, *cells, str(len(answer.venues))]


def by_fifths(hours: pl.DataFrame) -> str:
    """Realised volatility by fifths of true gamma, and of what the naive signs make of it."""
    columns = {"true dealer gamma": "gamma_usd", "net GEX, naive signs": "net_gex_usd"}
    found = [_by_fifth(hours, name) for name in columns.values()]
    rows = [[words, *(f"{value[i]:.0%}" for value in found)] for i, words in enumerate(_FIFTHS)]
    return table(["", *columns], rows)


def _by_fifth(hours: pl.DataFrame, column: str) -> list[float]:
    whole = hours.drop_nulls([column, "realised"]).sort(column)
    fifth = (pl.int_range(pl.len()) * len(_FIFTHS)) // pl.len()
    means = whole.group_by(fifth.alias("fifth")).agg((pl.col("realised") ** 2).mean().sqrt()).sort("fifth")
    return means["realised"].to_list()
