-- The volatility index at the closes of its bars: of bars of which one closes in another, the finest; of equal ones that
-- of the first venue by name. What closes later decides nothing, so that no choice looks ahead.
SELECT close_at, close
FROM (
    SELECT close_at, close, close_at - open_at AS length, venue
    FROM dvol
    WHERE underlying = $1 AND close_at BETWEEN $2 AND $3
)
QUALIFY (length, venue) = min((length, venue)) OVER (
    ORDER BY close_at RANGE BETWEEN length - INTERVAL 1 MICROSECOND PRECEDING AND CURRENT ROW
)
ORDER BY close_at
