"""Rules of the code base that a reader would otherwise have to remember, checked on every file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gex_pipeline", "gex_backtest")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

#: What `gex --help` does without.
HEAVY = {"duckdb", "matplotlib", "numpy", "polars", "pyarrow", "scipy"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}

# Written in parts, so that this file does not contain what it looks for.
HOSTS = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry.npm" + "js.org",
    "conda" + ".anaconda.org",
    "deb." + "debian.org",
    "archive." + "ubuntu.com",
]
HOST = re.compile("|".join(map(re.escape, HOSTS)))
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root|work|farm)/")


def name(path: Path) -> str:
    """The path below the project, as it is written everywhere: with slashes."""
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import below a node; the code base has no relative ones."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or "."


def imports_on_load(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The imports that run when the module is loaded: not those inside functions or under ``if TYPE_CHECKING``."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)
        pending += ast.iter_child_nodes(node)


def parsed() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def test_import_rules() -> None:
    """The contracts of pyproject.toml: the layers, and DuckDB and matplotlib in one package each."""
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_matplotlib_is_imported_lazily() -> None:
    wrong = [
        f"{name(path)}:{line} imports {module} on load"
        for path, tree in parsed()
        for line, module in imports_on_load(tree)
        if module.split(".")[0] == "matplotlib"
    ]
    assert not wrong


def test_core_is_pure() -> None:
    """NumPy, SciPy, the standard library, itself and the error types: nothing that reads or writes."""
    allowed = sys.stdlib_module_names | {"numpy", "scipy"}
    wrong = [
        f"{name(path)}:{line} imports {module}"
        for path, tree in parsed()
        for line, module in imports(tree)
        if name(path).startswith("gex_pipeline/core/")
        and module.split(".")[0] not in allowed
        and not module.startswith(("gex_pipeline.core", "gex_pipeline.errors"))
    ]
    assert not wrong


def reads_environment(tree: ast.Module) -> Iterator[ast.AST]:
    """Every use of os.environ or os.getenv but ``os.environ[...] = ...``, which sets up a child process."""
    nodes = list(ast.walk(tree))
    set_only = [n.value for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)]
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and node not in set_only:
            yield node
        if isinstance(node, ast.ImportFrom) and node.module == "os" and ENVIRONMENT & {a.name for a in node.names}:
            yield node


def test_only_settings_reads_the_environment() -> None:
    wrong = [
        f"{name(path)}: {ast.unparse(node)}"
        for path, tree in parsed()
        if name(path) != "gex_pipeline/settings.py"
        for node in reads_environment(tree)
    ]
    assert not wrong


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from gex_pipeline.cli import main\n"
        "try:\n"
        "    status = main(['--help'])\n"
        "except SystemExit as stop:\n"
        "    status = stop.code or 0\n"
        f"print('loaded', *sorted({HEAVY!r} & sys.modules.keys()))\n"
        "sys.exit(status)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "loaded"


def published() -> Iterator[Path]:
    """The text files of the project; not what commands and tools write next to them (see .gitignore)."""
    folders = (*PACKAGES, "tests", ".ci", "data")
    inside = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    written = [ROOT / "data" / folder for folder in ("warehouse", "demo", "copy", "dagster")]
    for path in (*ROOT.iterdir(), *inside):
        is_cache = "__pycache__" in path.parts or any(part.endswith("_cache") for part in path.parts)
        if path.is_file() and not is_cache and not any(path.is_relative_to(folder) for folder in written):
            yield path


def test_no_registry_and_no_path_of_one_machine() -> None:
    wrong = []
    for path in published():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # Parquet, images
        wrong += [
            f"{name(path)}:{number} {line.strip()[:120]}"
            for number, line in enumerate(lines, 1)
            if HOST.search(line) or MACHINE_PATH.search(line)
        ]
    assert not wrong
