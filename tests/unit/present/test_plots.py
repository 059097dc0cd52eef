"""Pictures: what is marked stands at the right place, files are whole and repeatable."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from gex_pipeline.errors import GexError
from gex_pipeline.present import plot_style, plots


def vertical_lines(figure) -> dict[str, float]:
    """gid -> x of every marked price."""
    lines = {line.get_gid(): line.get_xdata() for line in figure.axes[0].lines if line.get_gid()}
    return {name: float(x[0]) for name, x in lines.items() if len(x) == 2 and x[0] == x[1]}


def points(figure, gid: str) -> dict[float, float]:
    """x -> y of the line of that name."""
    line = next(line for line in figure.axes[0].lines if line.get_gid() == gid)
    return dict(zip(line.get_xdata(), line.get_ydata(), strict=True))


def words(figure) -> str:
    return " ".join(t.get_text() for t in (*figure.texts, *figure.axes[0].texts))


def test_strike_profile_marks_spot_flip_and_walls(make_answer):
    figure = plots.strike_profile(make_answer())
    assert vertical_lines(figure) == {"spot": 100.0, "zero_gamma": 97.5, "call_resistance": 110.0, "put_support": 90.0}


def test_strike_profile_draws_calls_up_puts_down_and_net(make_answer):
    figure = plots.strike_profile(make_answer())
    calls, puts = figure.axes[0].containers
    centres = [bar.get_x() + bar.get_width() / 2 for bar in calls]
    assert centres == pytest.approx([80.0, 90.0, 100.0, 110.0])  # 200 is outside the window
    assert [bar.get_height() for bar in calls] == [0.0, 3.0, 30.0, 90.0]
    assert [bar.get_height() for bar in puts] == [-8.0, -50.0, -30.0, -7.0]
    assert points(figure, "net") == {80.0: -8.0, 90.0: -47.0, 100.0: 0.0, 110.0: 83.0}


def test_the_strikes_a_question_chose_are_all_drawn(make_answer):
    filters = {"venues": None, "moneyness_min": 1.05, "moneyness_max": None, "spot_window_pct": None}
    chosen = make_answer().exposure.filter(pl.col("strike_usd") > 105)
    figure = plots.strike_profile(make_answer(exposure=chosen, filters=filters))
    assert figure.axes[0].get_xlim() == pytest.approx((108.0, 202.0))
    assert "spot" not in vertical_lines(figure)
    assert not list(plots.heatmap(make_answer(exposure=chosen, filters=filters)).axes[0].lines)


def test_a_picture_reaches_no_further_than_there_is_something_to_see(make_answer):
    near = make_answer().exposure.with_columns(
        gross_gex_usd=pl.when(pl.col("strike_usd").is_in([90.0, 100.0, 110.0])).then(100.0).otherwise(0.001)
    )
    assert plots.strike_profile(make_answer(exposure=near)).axes[0].get_xlim() == pytest.approx((89.0, 111.0))


def test_bars_of_one_sign_are_stacked(make_answer):
    exposure = make_answer().exposure.with_columns(-pl.col("put_gex_usd"))
    puts = plots.strike_profile(make_answer(exposure=exposure, sign_model="unsigned")).axes[0].containers[1]
    assert [(bar.get_y(), bar.get_height()) for bar in puts] == [(0.0, 8.0), (3.0, 50.0), (30.0, 30.0), (90.0, 7.0)]


def test_what_is_not_known_is_not_drawn(partly_known):
    axes = plots.strike_profile(partly_known).axes[0]
    assert axes.get_xlim() == pytest.approx((89.0, 111.0))
    calls, puts = ([bar.get_height() for bar in bars] for bars in axes.containers)
    assert calls == pytest.approx([math.nan, 2.0, 30.0, 90.0], nan_ok=True)
    assert puts == pytest.approx([math.nan, math.nan, -30.0, -7.0], nan_ok=True)
    masked: Any = plots.heatmap(partly_known).axes[0].collections[0].get_array()
    cells = masked.filled(math.nan)
    assert cells.tolist()[:2] == [
        pytest.approx([math.nan] * 2, nan_ok=True),
        pytest.approx([math.nan, 2.0], nan_ok=True),
    ]


def test_where_nothing_is_known_the_pictures_are_empty(unknown, tmp_path):
    for draw in (plots.strike_profile, plots.heatmap):
        plot_style.save_png(draw(unknown), tmp_path / "empty.png")


def test_strike_profile_of_odte_marks_the_levels_of_that_scope(make_answer):
    figure = plots.strike_profile(make_answer(), "odte")
    assert vertical_lines(figure) == {"spot": 100.0, "put_support": 90.0}


def test_gamma_profile_marks_every_flip(make_answer):
    figure = plots.gamma_profile(make_answer())
    assert vertical_lines(figure) == {"spot": 100.0, "zero_gamma": 97.5, "flip 1": 112.0}
    assert points(figure, "net")[100.0] == pytest.approx(1.25)


def test_heatmap_puts_spot_between_its_strikes_on_a_symmetric_scale(make_answer):
    answer = make_answer(spot_usd=105.0)
    figure = plots.heatmap(answer)
    axes = figure.axes[0]
    # rows 80, 90, 100, 110: the centre of 100 is at 2.5, of 110 at 3.5
    assert points(figure, "spot") == {0.0: pytest.approx(3.0), 1.0: pytest.approx(3.0)}
    assert axes.collections[0].get_clim() == (-45.0, 45.0)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["18MAR26", "27MAR26"]


def strike_labels(figure) -> list[str]:
    return [tick.get_text() for tick in figure.axes[0].get_yticklabels()]


@pytest.mark.parametrize("strikes", [[112345.678, 120000.5], [1 / 3, 2 / 3], [0.07, 1e5 / 7]])
def test_a_few_strikes_are_all_labelled_however_odd(make_answer, strikes):
    exposure = make_answer().exposure[: len(strikes)].with_columns(strike_usd=pl.Series(strikes))
    figure = plots.heatmap(make_answer(exposure=exposure, spot_usd=strikes[0], filters={"moneyness_min": 1e-9}))
    assert len(strike_labels(figure)) == 2


def test_of_many_strikes_the_round_ones_are_labelled_or_every_nth(make_answer):
    exposure = pl.concat([make_answer().exposure[:1]] * 60)
    chosen = {"filters": {"moneyness_min": 1e-9}}
    for first, step, expected in ((60_000.0, 1000.0, 12), (60_000 + 1 / 3, 1000.0, 20), (100.25, 1.5, 20)):
        strikes = pl.Series([first + step * i for i in range(60)])
        figure = plots.heatmap(make_answer(exposure=exposure.with_columns(strike_usd=strikes), **chosen))
        labels = strike_labels(figure)
        assert len(labels) == expected
        assert len(set(labels)) == expected


def test_captions_carry_what_the_numbers_are(make_answer):
    for draw in (plots.strike_profile, plots.gamma_profile, plots.heatmap):
        text = words(draw(make_answer()))
        for part in ("BTC", "2026-03-17 16:00 UTC", "deribit", "naive signs", "USD per 1 % move"):
            assert part in text
        assert "SYNTHETIC" not in text
        assert "SYNTHETIC" in words(draw(make_answer(is_synthetic=True)))


def test_png_is_whole_of_sane_size_and_repeatable(make_answer, tmp_path):
    for draw in (plots.strike_profile, plots.gamma_profile, plots.heatmap):
        (tmp_path / "new").mkdir(exist_ok=True)
        first, second = tmp_path / "new" / "first.png", tmp_path / "second.png"
        plot_style.save_png(draw(make_answer()), first)
        plot_style.save_png(draw(make_answer()), second)
        content = first.read_bytes()
        width, height = struct.unpack(">II", content[16:24])
        assert content.startswith(b"\x89PNG")
        assert content.endswith(b"IEND\xaeB`\x82")
        assert 1000 <= width <= 2000
        assert 500 <= height <= 2000
        assert content == second.read_bytes()
        assert [p.name for p in first.parent.iterdir()] == ["first.png"]


def test_nothing_to_draw_is_said(make_answer):
    for draw in (plots.strike_profile, plots.gamma_profile, plots.heatmap):
        answer = make_answer(exposure=make_answer().exposure.clear(), profile=make_answer().profile.clear())
        with pytest.raises(GexError, match="nothing to draw"):
            draw(answer)


def test_a_file_that_cannot_be_written_is_one_line(make_answer, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(GexError, match="cannot write"):
        plot_style.save_png(plots.heatmap(make_answer()), tmp_path / "taken" / "x.png")


@pytest.mark.parametrize(
    ("centres", "widths", "expected"),
    [
        ([10.0, 50.0], [10.0, 10.0], [10.0, 50.0]),  # room enough: nothing moves
        ([50.0, 50.0], [10.0, 10.0], [45.0, 55.0]),  # pushed apart symmetrically
        ([0.0, 1.0], [10.0, 10.0], [5.0, 15.0]),  # kept inside on the left
        ([99.0, 100.0], [10.0, 10.0], [85.0, 95.0]),  # and on the right
        ([], [], []),
    ],
)
def test_labels_are_spread_without_overlap(centres, widths, expected):
    assert plot_style.spread(centres, widths, 0.0, 100.0) == pytest.approx(expected)


def test_labels_in_a_picture_do_not_overlap(make_answer):
    figure = plots.strike_profile(make_answer())
    figure.canvas.draw()
    labels = [t for t in figure.axes[0].texts if (t.get_gid() or "").startswith("label")]
    boxes = sorted((t.get_window_extent() for t in labels), key=lambda b: b.x0)
    assert len(boxes) == 4
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


@pytest.mark.parametrize("first", ["new_figure()", "style().__enter__()"])
def test_a_home_folder_that_takes_no_cache_is_nobodys_business(first: str) -> None:
    """Services have one that nobody may write into."""
    code = f"from gex_pipeline.present import plot_style; plot_style.{first}"
    env = {"HOME": "/proc/none", "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
