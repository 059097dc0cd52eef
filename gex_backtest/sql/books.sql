-- What else is known of the whole book at a snapshot. Sums of decimals: their order does not matter.
WITH book AS (
    SELECT
        snapshot_at,
        max(knowledge_time) AS knowledge_time,
        sum(open_interest_coin::DECIMAL(28, 9)) FILTER (option_type = 'C' AND abs(strike_usd / index_usd - 1) <= 0.05)
            / nullif(sum(open_interest_coin::DECIMAL(28, 9)) FILTER (option_type = 'C'), 0) AS call_near_share,
        sum(volume_24h_coin::DECIMAL(28, 9)) FILTER (option_type = 'P')::DOUBLE AS put_volume_coin,
        sum(volume_24h_coin::DECIMAL(28, 9)) FILTER (option_type = 'C')::DOUBLE AS call_volume_coin,
        list_sort(list(DISTINCT strike_usd)) AS strikes
    FROM chain
    WHERE underlying = $1 AND snapshot_at BETWEEN $2 AND $3
    GROUP BY snapshot_at
),
atm AS (
    SELECT snapshot_at, epoch(expiry_at) - epoch(snapshot_at) - 2592000 AS beyond_30d, atm_iv
    FROM expected_move
    WHERE underlying = $1 AND snapshot_at BETWEEN $2 AND $3 AND venues = 'all' AND atm_iv IS NOT NULL
),
around AS (
    SELECT
        snapshot_at,
        max(beyond_30d) FILTER (beyond_30d <= 0) AS before, min(beyond_30d) FILTER (beyond_30d >= 0) AS after,
        arg_max(atm_iv, beyond_30d) FILTER (beyond_30d <= 0) AS iv_before,
        arg_min(atm_iv, beyond_30d) FILTER (beyond_30d >= 0) AS iv_after
    FROM atm
    GROUP BY snapshot_at
)
SELECT
    book.snapshot_at,
    book.knowledge_time,
    -- 30-day at-the-money IV, linear in total variance between the expiries around; null outside
    CASE WHEN before = after THEN iv_before ELSE sqrt((
        iv_before ** 2 * (2592000 + before) * after - iv_after ** 2 * (2592000 + after) * before
    ) / ((after - before) * 2592000)) END AS iv30,
    call_near_share::DOUBLE AS call_near_share,
    put_volume_coin,
    call_volume_coin,
    strikes
FROM book
LEFT JOIN around USING (snapshot_at)
ORDER BY book.snapshot_at
