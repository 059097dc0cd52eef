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
)
SELECT
    book.snapshot_at,
    book.knowledge_time,
    iv30,
    call_near_share::DOUBLE AS call_near_share,
    put_volume_coin,
    call_volume_coin,
    strikes
FROM book
LEFT JOIN (
    SELECT snapshot_at, iv30 FROM implied_vol WHERE underlying = $1 AND snapshot_at BETWEEN $2 AND $3 AND venues = 'all'
) USING (snapshot_at)
ORDER BY book.snapshot_at
