-- `levels` with one column a level.
SELECT
    snapshot_at,
    max(knowledge_time) AS knowledge_time,
    underlying,
    venues,
    scope,
    sign_model,
    max(spot_usd) AS spot_usd,
    max(net_gex_usd) AS net_gex_usd,
    bool_or(is_reconstructed) AS is_reconstructed,
    {levels}
FROM levels
GROUP BY snapshot_at, underlying, venues, scope, sign_model
