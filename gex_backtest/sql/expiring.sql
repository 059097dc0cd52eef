-- Expiries of the next three days, and a day for what is stored daily, strike by strike.
-- Of `chain` and not of `exposure`, whose gammas would all be worked out before its expiries are chosen.
WITH contract AS (
    SELECT
        snapshot_at, expiry_at, strike_usd, knowledge_time, open_interest_coin,
        black76_gamma(forward_usd, strike_usd, tenor_years, mark_iv) * forward_usd ** 2 * open_interest_coin * 0.01
            AS gross_gex_usd
    FROM chain
    WHERE underlying = $1 AND snapshot_at BETWEEN $2 AND $3 AND expiry_at <= snapshot_at + INTERVAL 97 HOURS
),
-- Sorted, so that sums have the same last bits in every run; far faster here than sum(... ORDER BY ...).
strike AS (
    SELECT
        snapshot_at,
        expiry_at,
        strike_usd,
        max(knowledge_time) AS knowledge_time,
        list_sum(list_sort(list(gross_gex_usd))) AS gross_gex_usd,
        list_sum(list_sort(list(open_interest_coin))) AS oi_coin
    FROM contract
    GROUP BY snapshot_at, expiry_at, strike_usd
),
expiring AS (
    SELECT
        snapshot_at,
        expiry_at,
        max(knowledge_time) AS knowledge_time,
        list(strike_usd ORDER BY strike_usd) AS strikes,
        list(gross_gex_usd ORDER BY strike_usd) AS gross_gex_usd,
        list(oi_coin ORDER BY strike_usd) AS oi_coin
    FROM strike
    GROUP BY snapshot_at, expiry_at
)
SELECT expiring.*, max_pain.strike_usd AS max_pain_usd
FROM expiring
LEFT JOIN (SELECT * FROM max_pain WHERE underlying = $1 AND venues = 'all') AS max_pain USING (snapshot_at, expiry_at)
ORDER BY snapshot_at, expiry_at
