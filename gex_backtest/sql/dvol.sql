-- The finest stored bars of the volatility index.
SELECT close_at, close
FROM dvol
WHERE underlying = $1 AND close_at BETWEEN $2 AND $3
QUALIFY rank() OVER (ORDER BY close_at - open_at) = 1
ORDER BY close_at
