"""The commands of the pages do what the pages say: they are run, and what is shown is compared with what they print."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.pages import NOT_HERE, ROOT, Command, commands, copy_of_the_tree, is_as_shown, run

#: In one copy of the tree: the first command of README.md makes the demo that all others ask.
PAGES = ("README.md", "data/README.md", "gex_pipeline/docs/plain-readers.md")


def commands_of(page: str) -> list[Command]:
    found = commands((ROOT / page).read_text(encoding="utf-8"), page)
    assert found, f"{page} has no shell command that can be run"
    for command in found:
        assert not NOT_HERE.search(command.text), (
            f"{command.where}: a test cannot run this; write <!-- not run: reason --> above the block"
        )
    return found


def test_commands_of_the_pages(tmp_path: Path) -> None:
    """The pages are read side by side, each in a terminal of its own."""
    pages = [commands_of(page) for page in PAGES]
    tree = tmp_path / "tree"
    copy_of_the_tree(tree)
    check(pages[0].pop(0), tree)
    with ThreadPoolExecutor(len(pages)) as pool:
        for _ in pool.map(partial(read, tree=tree), pages):
            pass


def read(page: list[Command], tree: Path) -> None:
    for command in page:
        check(command, tree)


def check(command: Command, tree: Path) -> None:
    where = f"{command.where}: {command.text}"
    result = run(command, tree)
    assert result.returncode == 0, f"{where}\nexit status {result.returncode}\n{result.stdout}\n{result.stderr}"
    if command.shown is not None and not is_as_shown(command.shown, result.stdout, command.is_number_compared):
        pytest.fail(f"{where}\nthe page shows\n{command.shown}\nbut it prints\n{result.stdout}\n{result.stderr}")


EXAMPLE = """
Start:

```sh
# the whole job
make demo
```

<!-- not run: needs the network -->
```sh
gex snapshot
```

1. Ask:

   ```console
   $ gex levels BTC \\
   >     --venue deribit
   BTC at 2026-03-17T16:00:00Z
   ...
   hvl   100,000
   $ true
   ```

<!-- numbers vary: they are timings -->
```console
$ make bench
3 rows
```

```python
raise SystemExit
```
"""


def test_commands_are_found() -> None:
    assert commands(EXAMPLE, "a.md") == [
        Command("a.md:5", "# the whole job\nmake demo", None),
        Command("a.md:17", "gex levels BTC \\\n    --venue deribit", "BTC at 2026-03-17T16:00:00Z\n...\nhvl   100,000"),
        Command("a.md:22", "true", None),
        Command("a.md:27", "make bench", "3 rows", is_number_compared=False),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "is_number_compared", "expected"),
    [
        ("a 1\nb 2", "a 1  \nb 2\n", True, True),
        ("a 1", "a 2", True, False),
        ("a 1", "a 27.5", False, True),
        ("a 1", "b 1", False, False),
        ("a\n...\nz", "a\nb\nc\nz\n", True, True),
        ("a\n...\nz", "a\nz\n", True, True),
        ("a\n...\nz", "a\nb\n", True, False),
        ("a", "a\nb\n", True, False),
        ("built in 3.2 s at 2026-03-17T16:00:00Z", "built in 11 s at 2026-11-20 08:00 UTC", True, True),
    ],
)
def test_shown_output(shown: str, printed: str, is_number_compared: bool, expected: bool) -> None:
    assert is_as_shown(shown, printed, is_number_compared) is expected


def test_commands_share_one_terminal(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    assert run(Command("a.md:1", "export A=1\ncd inner", None), tree).returncode == 0
    assert run(Command("a.md:2", 'echo "$A" "$(basename "$PWD")"', None), tree).stdout == "1 inner\n"
    assert run(Command("a.md:3", "false\ntrue", None), tree).returncode != 0
