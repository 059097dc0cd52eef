"""What parameters of rules may be."""

from __future__ import annotations

import pytest

from gex_backtest.parameters import variants
from gex_backtest.rules import RULES
from gex_pipeline.errors import UsageError


def test_a_product_that_nobody_means_is_refused_before_it_is_made() -> None:
    many = {name: [float(i) for i in range(1, 301)] for name in ("barrier_sigmas", "away_hours", "volatility_days")}
    with pytest.raises(UsageError, match=r"makes 27,000,000 variants, at most 10,000"):
        variants(RULES["wall_bounce"].parameters, many, "rules.wall_bounce")


def test_bounds_are_written_out_and_a_value_is_not() -> None:
    for seed, shown in ((-1, "-1"), (10**1_000, f"1{'0' * 59}...")):
        with pytest.raises(UsageError) as caught:
            variants(RULES["opex_pin"].parameters, {"seed": seed}, "rules.opex_pin")
        assert str(caught.value) == f"[rules.opex_pin] seed = {shown} cannot be: from 0 to 4,294,967,295"


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("regime", {"horizon_hours": 5}),
        ("regime", {"horizon_hours": 0}),
        ("regime", {"line": "zero"}),
        ("regime_cross", {"quiet_hours": -1}),
        ("regime_cross", {"path_hours": 0}),
        ("squeeze", {"heavy_share": 7.0}),
        ("squeeze", {"horizon_hours": 10**12}),
        ("put_acceleration", {"put_share": -3.0}),
        ("vol_premium", {"window_days": 0}),
        ("opex_pin", {"seed": -7}),
        ("wall_bounce", {"barrier_sigmas": 0.0}),
    ],
)
def test_rules_refuse_parameters_that_cannot_be(rule: str, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        variants(RULES[rule].parameters, wrong, f"rules.{rule}")
