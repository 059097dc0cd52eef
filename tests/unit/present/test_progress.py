"""Plain progress lines: the start, the end, and few between."""

from __future__ import annotations

import io

from gex_pipeline.present import progress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_at_start_and_end_and_at_most_one_every_few_seconds():
    stream, clock = io.StringIO(), Clock()
    lines = progress.LineProgress(stream, clock, line_every=5.0)
    lines.start("build", 100)
    for step in range(100):
        clock.now += 0.125
        lines.advance(note=f"day {step}")
    lines.close()
    lines.close()
    assert stream.getvalue().splitlines() == [
        "build: 100 to do",
        "build: 40 of 100 (day 39)",
        "build: 80 of 100 (day 79)",
        "build: 100 of 100",
    ]


def test_a_new_start_ends_the_work_before_it():
    stream = io.StringIO()
    lines = progress.LineProgress(stream)
    lines.start("read", 1)
    lines.advance()
    lines.start("write", 0)
    lines.close()
    assert stream.getvalue().splitlines() == ["read: 1 to do", "read: 1 of 1"]


def test_nothing_is_said_of_nothing_to_do():
    stream = io.StringIO()
    lines = progress.LineProgress(stream)
    lines.start("build", 0)
    lines.close()
    assert stream.getvalue() == ""


def test_a_pipe_gets_lines_and_a_terminal_a_bar():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(progress.for_stream(io.StringIO()), progress.LineProgress)
    bar = progress.for_stream(Terminal())
    assert isinstance(bar, progress.BarProgress)
    bar.start("build", 2)
    bar.advance(note="one")
    bar.close()
    bar.close()
