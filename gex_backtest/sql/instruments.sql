-- What there are bars of: the longest history first, perpetuals before others, the finest bars first.
WITH instrument AS (
    SELECT venue, market, symbol, "interval", min(epoch(close_at) - epoch(open_at)) AS seconds, count(*) AS bars
    FROM candles
    WHERE underlying = $1 AND open_at >= $2 AND close_at <= $3
    GROUP BY ALL
)
SELECT *
FROM instrument
ORDER BY
    round(bars * seconds / 86400) DESC, list_position(['perp', 'spot', 'index', 'mark'], market), seconds, venue, symbol
