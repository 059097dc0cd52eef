-- The regime of the whole book at each snapshot, by the naive signs.
WITH book AS (
    SELECT *, {regime} AS regime
    FROM exposure_totals
    WHERE venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive'
),
flip AS (
    SELECT
        snapshot_at, underlying, knowledge_time, value_usd AS zero_gamma_usd, status AS zero_gamma_status
    FROM levels
    WHERE venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive' AND level = 'zero_gamma'
),
labelled AS (
    SELECT
        snapshot_at,
        greatest(book.knowledge_time, flip.knowledge_time, volatility.knowledge_time) AS knowledge_time,
        underlying, regime, net_gex_usd, spot_usd, zero_gamma_usd, zero_gamma_status,
        (spot_usd - zero_gamma_usd) / spot_usd * 100 AS dist_to_flip_pct,
        CASE
            WHEN zero_gamma_status = 'empty' THEN NULL
            WHEN zero_gamma_usd IS NULL OR abs(dist_to_flip_pct) > 2 THEN 'high'
            WHEN abs(dist_to_flip_pct) > 0.5 THEN 'moderate'
            ELSE 'low'
        END AS confidence,
        vex_usd,
        regime IS NOT DISTINCT FROM 'positive' AS is_positive,
        is_positive AND vex_usd < 0 AS vanna_aligned,
        vrp_vol_pts, vrp_z, vrp_count, volatility.status AS vrp_status
    FROM book
    JOIN flip USING (snapshot_at, underlying)
    LEFT JOIN volatility USING (snapshot_at, underlying)
)
SELECT
    * EXCLUDE (is_positive),
    CASE
        WHEN vrp_z IS NULL THEN NULL
        WHEN vrp_z >= 1 THEN CASE WHEN is_positive THEN 'A' ELSE 'B' END
        ELSE CASE WHEN is_positive THEN 'C' ELSE 'D' END
    END AS cell,
    -- near the flip nothing else holds
    CASE
        WHEN confidence = 'low' THEN 'near_flip'
        WHEN confidence IS NULL THEN NULL
        WHEN regime = 'negative' THEN 'amplified'
        WHEN regime = 'positive' AND NOT vanna_aligned THEN 'dampened_adverse'
        WHEN regime = 'positive' AND confidence = 'high' THEN 'strongly_dampened'
    END AS meaning
FROM labelled
