SELECT open_at, close_at, open, high, low, close
FROM candles
WHERE underlying = $1 AND open_at >= $2 AND close_at <= $3
    AND venue = $4 AND market = $5 AND symbol = $6 AND "interval" = $7
ORDER BY open_at
