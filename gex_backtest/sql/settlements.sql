-- One settlement price an expiry: the median of what venues published, known when the last of them was.
SELECT
    expiry_at,
    max(knowledge_time) AS knowledge_time,
    median(price_usd) AS price_usd,
    'venue' AS origin
FROM settlements
WHERE underlying = $1 AND expiry_at BETWEEN $2 AND $3
GROUP BY expiry_at
ORDER BY expiry_at
