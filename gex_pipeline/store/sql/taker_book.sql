-- Every contract with a stored trade, at every snapshot that is built: what takers held at the last change.
SELECT
    c.snapshot_at,
    c.knowledge_time,
    c.underlying,
    c.venue,
    c.instrument,
    c.expiry_at,
    c.strike_usd,
    c.option_type,
    i.inventory_coin,
    i.block_coin,
    i.combo_coin,
    -- plus nought: of no open interest it is 0, not -0
    greatest(-c.open_interest_coin, least(c.open_interest_coin, -i.inventory_coin)) + 0.0 AS dealer_coin,
    i.n_trades,
    i.is_whole
FROM chain AS c
JOIN taker_coverage AS v ON v.underlying = c.underlying AND v.venues = c.venue AND v.snapshot_at = c.snapshot_at
ASOF JOIN taker_inventory AS i
    ON i.underlying = c.underlying AND i.venue = c.venue AND i.instrument = c.instrument
    AND i.snapshot_at <= c.snapshot_at
