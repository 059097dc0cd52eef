-- Changes of the regime's sign. Snapshots without one are skipped, as zeros between two signs are no change.
WITH quoting AS (
    SELECT snapshot_at, underlying, list(venues ORDER BY venues) AS names
    FROM exposure_totals
    WHERE venues <> 'all' AND scope = 'all_expiry' AND sign_model = 'naive'
    GROUP BY snapshot_at, underlying
),
signed AS (
    SELECT snapshot_at, knowledge_time, underlying, spot_usd, net_gex_usd, names, {regime} AS regime
    FROM exposure_totals
    LEFT JOIN quoting USING (snapshot_at, underlying)
    WHERE venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive' AND regime IS NOT NULL
),
stepped AS (
    SELECT
        *,
        lag(regime) OVER series AS from_regime,
        lag(snapshot_at) OVER series AS previous_at,
        lag(knowledge_time) OVER series AS known_before,
        lag(net_gex_usd) OVER series AS net_gex_before_usd,
        lag(names) OVER series AS names_before,
        epoch_us(snapshot_at) - epoch_us(previous_at) AS gap_us
    FROM signed
    WINDOW series AS (PARTITION BY underlying ORDER BY snapshot_at)
),
spaced AS (
    SELECT
        *,
        coalesce(median(gap_us) OVER (
            PARTITION BY underlying ORDER BY snapshot_at ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING
        ), 3600000000) AS usual_us
    FROM stepped
)
SELECT
    snapshot_at,
    greatest(knowledge_time, known_before) AS knowledge_time,
    underlying,
    from_regime,
    regime AS to_regime,
    previous_at,
    (epoch_us(snapshot_at) - epoch_us(lag(snapshot_at) OVER (PARTITION BY underlying ORDER BY snapshot_at))) / 3600e6
        AS hours_since_last,
    spot_usd,
    net_gex_before_usd,
    net_gex_usd AS net_gex_after_usd,
    gap_us > 2 * usual_us AS has_gap,
    names IS DISTINCT FROM names_before AS has_other_venues
FROM spaced
WHERE regime <> from_regime
