-- What there are bars of. First what covers most days of the levels, then perpetuals before others, then what covers most
-- days, the finest bars before longer ones.
WITH spanned AS (
    SELECT min(snapshot_at) AS first_at, max(snapshot_at) AS last_at
    FROM levels
    WHERE underlying = $1 AND snapshot_at BETWEEN $2 AND $3
),
instrument AS (
    SELECT
        venue, market, symbol, "interval",
        min(epoch(close_at) - epoch(open_at)) AS seconds,
        count(*) AS bars,
        count(*) FILTER (close_at >= first_at AND open_at <= last_at) AS bars_beside
    FROM candles, spanned
    WHERE underlying = $1 AND open_at >= $2 AND close_at <= $3
    GROUP BY ALL
)
SELECT *
FROM instrument
ORDER BY
    round(bars_beside * seconds / 86400) DESC, list_position(['perp', 'spot', 'index', 'mark'], market),
    round(bars * seconds / 86400) DESC, seconds, venue, symbol
