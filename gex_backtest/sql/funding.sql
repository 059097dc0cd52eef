-- Funding of one perpetual. Deribit and others pay at instants; the rate is the share of the notional paid then, for the
-- hours before.
SELECT funding_at, funding_rate, period_hours
FROM funding
WHERE underlying = $1 AND funding_at BETWEEN $2 AND $3 AND venue = $4 AND symbol = $5
ORDER BY funding_at
