-- Implied beside realised volatility at each snapshot, all venues together.
--
-- The premium's z-score and percentile are of the 365 days that end with the snapshot, which is one of theirs. Sums are
-- of decimals: exact in any order, so that a window is the difference of two running sums.
WITH closed AS (
    SELECT
        underlying, close_at,
        arg_min(
            struct_pack("close", length_us := epoch_us(close_at) - epoch_us(open_at)),
            struct_pack(length_us := epoch_us(close_at) - epoch_us(open_at), venue)
        ) AS finest
    FROM dvol
    GROUP BY underlying, close_at
),
beside AS (
    SELECT
        snapshot_at, knowledge_time, implied.underlying, iv7, iv30, iv90, iv180, iv30_put_25d, iv30_call_25d,
        epoch_us(snapshot_at) AS at_us,
        CASE WHEN at_us - epoch_us(close_at) <= 2 * finest.length_us THEN finest.close END AS dvol_pts,
        CASE WHEN at_us - epoch_us(hour_at) < 7200000000 THEN realised END AS r
    FROM implied_vol AS implied
    ASOF LEFT JOIN closed ON implied.underlying = closed.underlying AND implied.snapshot_at >= closed.close_at
    ASOF LEFT JOIN realised_vol AS realised
        ON implied.underlying = realised.underlying AND implied.snapshot_at >= realised.hour_at
    WHERE implied.venues = 'all'
),
premium AS (
    SELECT *, 100 * (iv30 - r.rv30) AS vrp_vol_pts
    FROM beside
),
-- Rows without a premium are windows of their own, of which nothing is read.
summed AS (
    SELECT
        *,
        vrp_vol_pts::DECIMAL(38, 12) AS x,
        (vrp_vol_pts ** 2)::DECIMAL(38, 12) AS xx,
        sum(x) OVER until AS all_x,
        sum(xx) OVER until AS all_xx,
        dense_rank() OVER (
            PARTITION BY underlying, vrp_vol_pts IS NULL ORDER BY at_us // 86400000000
        ) AS day
    FROM premium
    WINDOW until AS (
        PARTITION BY underlying, vrp_vol_pts IS NULL ORDER BY at_us ROWS UNBOUNDED PRECEDING
    )
),
compared AS (
    SELECT
        *,
        count(*) OVER year AS n,
        day - first_value(day) OVER year + 1 AS days,
        (all_x - first_value(all_x - x) OVER year)::DOUBLE AS sum_x,
        (all_xx - first_value(all_xx - xx) OVER year)::DOUBLE AS sum_xx,
        100 * cume_dist(ORDER BY round(vrp_vol_pts, 9)) OVER year AS percentile,
        max(knowledge_time) OVER year AS known_at,
        (sum_xx - sum_x ** 2 / n) / nullif(n - 1, 0) AS variance,
        -- equal premiums leave a variance of rounding alone
        CASE WHEN variance > 1e-9 THEN (vrp_vol_pts - sum_x / n) / sqrt(variance) END AS z
    FROM summed
    WINDOW year AS (
        PARTITION BY underlying, vrp_vol_pts IS NULL ORDER BY at_us
        RANGE BETWEEN 31535999999999 PRECEDING AND CURRENT ROW
    )
)
SELECT
    snapshot_at,
    CASE WHEN vrp_vol_pts IS NULL THEN knowledge_time ELSE known_at END AS knowledge_time,
    underlying, iv7, iv30, iv90, iv180,
    100 * (iv30_put_25d - iv30_call_25d) AS skew30_vol_pts,
    100 * (iv30 - iv7) AS term_7_30_vol_pts,
    100 * (iv90 - iv30) AS term_30_90_vol_pts,
    dvol_pts,
    r.hour_at AS rv_at,
    r.rv1 AS rv1, r.rv7 AS rv7, r.rv30 AS rv30, r.downside30 AS downside30, r.upside30 AS upside30,
    r.parkinson30 AS parkinson30, r.garman_klass30 AS garman_klass30, r.yang_zhang30 AS yang_zhang30,
    r.rv30_interval AS rv30_interval,
    vrp_vol_pts,
    iv30 ** 2 - r.rv30 ** 2 AS vrp_variance,
    CASE WHEN days >= 30 THEN z END AS vrp_z,
    CASE WHEN days >= 30 AND vrp_vol_pts IS NOT NULL THEN percentile END AS vrp_percentile,
    CASE WHEN vrp_vol_pts IS NOT NULL THEN n END AS vrp_count,
    100 * (iv7 - r.rv7) AS vrp7_vol_pts,
    100 * (iv30_put_25d - r.downside30) AS vrp_put_vol_pts,
    100 * (iv30_call_25d - r.upside30) AS vrp_call_vol_pts,
    CASE
        WHEN iv30 IS NULL AND r.rv30 IS NULL THEN 'neither'
        WHEN iv30 IS NULL THEN 'no_iv'
        WHEN r.rv30 IS NULL THEN 'no_candles'
        ELSE 'ok'
    END AS status
FROM compared
