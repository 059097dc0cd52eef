-- Net gamma of the expiries of the next two hours, plain and of the settlement average, side by side.
SELECT
    snapshot_at,
    max(knowledge_time) AS knowledge_time,
    underlying,
    venue,
    expiry_at,
    (epoch_us(expiry_at) - epoch_us(snapshot_at)) / 60e6 AS tenor_minutes,
    settlement_window_minutes(venue, expiry_at) AS window_minutes,
    sum(net_gex_usd ORDER BY strike_usd) AS net_gex_usd,
    sum(gamma_twap_usd ORDER BY strike_usd) AS gamma_twap_usd
FROM exposure
WHERE epoch_us(expiry_at) - epoch_us(snapshot_at) < 7200e6
GROUP BY snapshot_at, underlying, venue, expiry_at
