"""Rules, one file each with a module-level ``RULE``; a file that is added here is found by its being here."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module

from gex_backtest.study import Rule
from gex_pipeline.errors import known


def _found() -> Iterator[Rule]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        yield import_module(module.name).RULE


#: Every rule by its name, in the order of names.
RULES: dict[str, Rule] = {rule.name: rule for rule in sorted(_found(), key=lambda rule: rule.name)}


def named(name: str, rules: Mapping[str, Rule]) -> Rule:
    """The rule of a name. Raises ``UsageError`` naming the nearest where there is none."""
    return rules[known(name, rules, "rule")]
