-- Implied volatility minus that realised over the 30 days after, from the next full hour on.
WITH ahead AS (
    SELECT
        snapshot_at, knowledge_time, underlying, iv30,
        make_timestamptz(((epoch_us(snapshot_at) + 3599999999) // 3600000000 + 720) * 3600000000) AS hour_at
    FROM implied_vol
    WHERE venues = 'all'
)
SELECT
    snapshot_at,
    greatest(knowledge_time, hour_at) AS knowledge_time,
    underlying,
    iv30,
    rv30 AS rv30_after,
    rv30_interval,
    100 * (iv30 - rv30) AS vrp_ex_post_vol_pts,
    CASE
        WHEN iv30 IS NULL AND rv30 IS NULL THEN 'neither'
        WHEN iv30 IS NULL THEN 'no_iv'
        WHEN rv30 IS NULL THEN 'no_candles'
        ELSE 'ok'
    END AS status
FROM ahead
LEFT JOIN realised_vol USING (underlying, hour_at)
