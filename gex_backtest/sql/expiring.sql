-- Expiries of the next three days, and a day for what is stored daily, strike by strike.
WITH strike AS (
    SELECT
        snapshot_at,
        expiry_at,
        strike_usd,
        max(knowledge_time) AS knowledge_time,
        sum(gross_gex_usd ORDER BY venue) AS gross_gex_usd,
        sum(call_oi_coin + put_oi_coin ORDER BY venue) AS oi_coin
    FROM exposure
    WHERE underlying = $1 AND snapshot_at BETWEEN $2 AND $3 AND expiry_at <= snapshot_at + INTERVAL 97 HOURS
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
