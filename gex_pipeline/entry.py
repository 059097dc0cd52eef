"""Where the process `gex` begins: Ctrl-C while the rest is loaded is one line, as it is later. Not: any command."""

from __future__ import annotations

import sys

#: What a shell reports of a process that Ctrl-C ended.
_INTERRUPTED = 130


def run() -> None:
    """Load the command line and run it."""
    try:
        from gex_pipeline import cli

        cli.run()
    except KeyboardInterrupt:
        sys.stderr.write("gex: interrupted\n")
        sys.exit(_INTERRUPTED)
