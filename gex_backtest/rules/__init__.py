"""Rules, one file each with a module-level ``RULE``; a file that is added here is found by its being here."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module

from gex_backtest.study import Rule
from gex_pipeline.errors import UsageError, nearest, shown

#: How like a name must be to be meant, of 1: most letters.
_NEAR = 0.6


def _found() -> Iterator[Rule]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        yield import_module(module.name).RULE


#: Every rule by its name, in the order of names.
RULES: dict[str, Rule] = {rule.name: rule for rule in sorted(_found(), key=lambda rule: rule.name)}


def named(name: str, rules: Mapping[str, Rule]) -> Rule:
    """The rule of a name. Raises ``UsageError`` naming one that is near where there is none, else all."""
    if name not in rules:
        near = nearest(name, rules, _NEAR) or f": there are {', '.join(rules)}"
        raise UsageError(f"unknown rule {shown(name)}{near}")
    return rules[name]
