-- Dealer exposures per strike and expiry under the naive convention: calls +, puts -.
-- One row per contract first, so that every greek is evaluated once; the column list of the reader decides which.
WITH contract AS (
    SELECT
        snapshot_at, knowledge_time, underlying, venue, expiry_at, strike_usd, option_type, open_interest_coin,
        forward_usd, settlement = 'inverse' AS is_inverse,
        CASE option_type WHEN 'C' THEN 1 ELSE -1 END AS side,
        open_interest_coin * forward_usd AS notional,
        black76_gamma(forward_usd, strike_usd, tenor_years, mark_iv) AS gamma,
        CASE WHEN epoch_us(expiry_at) - epoch_us(snapshot_at) < 7200e6 THEN black76_gamma_twap(
            forward_usd, strike_usd, tenor_years, mark_iv,
            settlement_window_minutes(venue, expiry_at) / 525600, coalesce(settlement_estimate_usd, forward_usd)
        ) END AS gamma_twap,
        black76_delta(forward_usd, strike_usd, tenor_years, mark_iv, option_type) AS delta,
        black76_vega(forward_usd, strike_usd, tenor_years, mark_iv) AS vega,
        black76_vanna(forward_usd, strike_usd, tenor_years, mark_iv) AS vanna,
        black76_charm(forward_usd, strike_usd, tenor_years, mark_iv) AS charm,
        black76_theta(forward_usd, strike_usd, tenor_years, mark_iv) AS theta,
        black76_price(forward_usd, strike_usd, tenor_years, mark_iv, option_type) AS price,
        black76_delta(
            forward_usd, strike_usd,
            greatest(epoch_us(expiry_at) - epoch_us(next_settlement(snapshot_at)), 0) / 31536e9,
            mark_iv, option_type
        ) AS delta_at_settlement
    FROM chain
),
exposed AS (
    SELECT
        *,
        side * gamma * forward_usd * notional * 0.01 AS gex,
        side * gamma_twap * forward_usd * notional * 0.01 AS gex_twap,
        side * delta * notional AS dex,
        side * vanna * notional * 0.01 AS vex,
        side * charm * notional / 365 AS chex,
        side * (delta_at_settlement - delta) * notional AS chex_to_expiry,
        side * (delta - CASE WHEN is_inverse THEN price / forward_usd ELSE 0 END) * notional AS dex_pa,
        side * (vanna - CASE WHEN is_inverse THEN vega / forward_usd ELSE 0 END) * notional * 0.01 AS vex_pa,
        side * (charm - CASE WHEN is_inverse THEN theta / forward_usd ELSE 0 END) * notional / 365 AS chex_pa
    FROM contract
)
SELECT
    snapshot_at,
    max(knowledge_time) AS knowledge_time,
    underlying,
    venue,
    expiry_at,
    strike_usd,
    {sided},
    coalesce(sum(abs(gex)), 0) AS gross_gex_usd,
    CASE WHEN count(gex_twap) > 0 THEN coalesce(sum(gex_twap) FILTER (option_type = 'C'), 0) END AS call_gamma_twap_usd,
    CASE WHEN count(gex_twap) > 0 THEN coalesce(sum(gex_twap) FILTER (option_type = 'P'), 0) END AS put_gamma_twap_usd,
    sum(gex_twap) AS gamma_twap_usd,
    coalesce(sum(open_interest_coin) FILTER (option_type = 'C'), 0) AS call_oi_coin,
    coalesce(sum(open_interest_coin) FILTER (option_type = 'P'), 0) AS put_oi_coin
FROM exposed
GROUP BY snapshot_at, underlying, venue, expiry_at, strike_usd
