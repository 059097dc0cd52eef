# `make demo` and `make test` need Python >= 3.11 and make, nothing else: each makes .venv and installs what it uses.
# The stamp files in .venv say which extras are installed; they are redone when the requirements change.
# PYTHON=python3.13 chooses the interpreter, JOBS the number of test workers, ARGS is handed to the command.

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 3
ARGS ?=
NEWEST_FIRST := python3 python3.13 python3.12 python3.11 python
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(NEWEST_FIRST); do $$p -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo ui test dev check lint types architecture bench clean

help:
	@echo 'make demo          the whole job on synthetic chains, into data/demo'
	@echo 'make ui            the demo as a graph of assets in the browser (Dagster), until Ctrl-C'
	@echo 'make test          the test suite, all of it, offline'
	@echo 'make dev           the tools and git hooks of a developer'
	@echo 'make check         what CI runs: lint, types, architecture, tests'
	@echo 'make lint types architecture    the parts of make check'
	@echo 'make bench         speed and memory, about ten minutes and 10 GB of disk for three years'
	@echo 'make clean         removes .venv, caches and the demo; the warehouse stays'

demo: $(VENV)/run.stamp
	$(BIN)/gex demo $(ARGS)

# exec: Dagster takes the place of the shell, so that Ctrl-C is its own to answer.
ui: $(VENV)/dagster.stamp
	@test -e data/demo/archives.toml -a -d data/demo/warehouse || $(BIN)/gex demo
	@DAGSTER_HOME='$(CURDIR)/data/dagster' GEX_WAREHOUSE='$(CURDIR)/data/demo/warehouse' \
	GEX_ARCHIVES='$(CURDIR)/data/demo/archives.toml' \
	exec $(BIN)/dagster dev -w workspace.yaml --host 127.0.0.1 $(ARGS)

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=worksteal $(ARGS)

dev: $(VENV)/dev.stamp
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(BIN)/pre-commit install; fi

check: lint types architecture test

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/dev.stamp
	$(BIN)/basedpyright

architecture: $(VENV)/dev.stamp
	$(BIN)/lint-imports

bench: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench.run $(ARGS)

clean:
	rm -rf $(VENV) data/demo build dist .hypothesis .pytest_cache .ruff_cache .import_linter_cache
	find gex_pipeline gex_backtest tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A new .venv has no stamps, so everything in it is installed again.
$(BIN)/python:
	@$(or $(PYTHON),false) -c '$(IS_NEW_ENOUGH)' 2>/dev/null || \
	{ echo 'This needs Python 3.11 or newer: name one, as in make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/run.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing . into $(VENV), about a minute the first time"
	@$(INSTALL) .
	@touch $@

$(VENV)/dagster.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing .[dagster] into $(VENV), about a minute the first time"
	@$(INSTALL) '.[dagster]'
	@touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing .[test] into $(VENV), about a minute the first time"
	@$(INSTALL) '.[test]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing .[dev] into $(VENV), about a minute the first time"
	@$(INSTALL) '.[dev]'
	@touch $@
