-- Trailing realised volatility at every full hour at which a candle closes.
--
-- Each window is of one instrument: the finest bars from 5m to 1h, then perpetuals before others, then what covers most
-- of it, as in gex_backtest/sql/instruments.sql; 95 % of its bars have to be there, the last one among them. As in
-- gex_backtest/returns.py a bar after a gap counts with its own move, from its open; what happened in the gap does not.
-- Sums are of decimals: exact in any order, so that a window is the difference of two running sums. Logs are subtracted,
-- as a ratio of absurd prices is no number.
WITH moved AS (
    SELECT
        underlying, concat_ws(' ', venue, market, symbol) AS instrument, "interval",
        list_position(['perp', 'spot', 'index', 'mark'], market) AS place,
        CASE "interval" WHEN '5m' THEN 12 WHEN '15m' THEN 4 WHEN '30m' THEN 2 ELSE 1 END AS per_hour,
        (epoch_us(close_at) + 3599999999) // 3600000000 AS hour,
        epoch_us(close_at) % 3600000000 = 0 AS is_last,
        open_at, open, high, low, close,
        ln(close) - ln(CASE WHEN lag(close_at) OVER series = open_at THEN lag(close) OVER series ELSE open END) AS move
    FROM candles
    WHERE "interval" IN ('5m', '15m', '30m', '1h')
    WINDOW series AS (PARTITION BY underlying, venue, market, symbol, "interval" ORDER BY open_at)
),
-- Hours are numbered, each by its end.
hour AS (
    SELECT
        underlying, instrument, "interval", place, per_hour, hour,
        count(*) AS bars,
        bool_or(is_last) AS is_closed,
        sum((move ** 2)::DECIMAL(38, 24)) AS squares,
        coalesce(sum((move ** 2)::DECIMAL(38, 24)) FILTER (move < 0), 0) AS squares_down,
        arg_min(open, open_at) AS open, max(high) AS high, min(low) AS low, arg_max(close, open_at) AS close
    FROM moved
    GROUP BY ALL
),
-- Hours that lack bars count in rv, not here. Parkinson 1980, doi:10.1086/296071: ln(H/L)^2 / (4 ln 2).
-- Garman and Klass 1980, doi:10.1086/296072: ln(H/L)^2 / 2 - (2 ln 2 - 1) ln(C/O)^2.
ranged AS (
    SELECT
        *,
        bars = per_hour AS is_whole,
        CASE WHEN is_whole THEN (ln(high) - ln(low)) ** 2 ELSE 0 END::DECIMAL(38, 24) AS range_squares,
        CASE WHEN is_whole THEN (ln(close) - ln(open)) ** 2 ELSE 0 END::DECIMAL(38, 24) AS body_squares
    FROM hour
),
summed AS (
    SELECT
        *,
        sum(bars) OVER until AS all_bars,
        sum(squares) OVER until AS all_squares,
        sum(squares_down) OVER until AS all_down,
        sum(is_whole::INT) OVER until AS all_whole,
        sum(range_squares) OVER until AS all_range,
        sum(body_squares) OVER until AS all_body
    FROM ranged
    WINDOW until AS (PARTITION BY underlying, instrument, "interval" ORDER BY hour ROWS UNBOUNDED PRECEDING)
),
measured AS (
    SELECT
        underlying, instrument, "interval", place, hour, per_hour, is_closed, days,
        (all_bars - first_value(all_bars - bars) OVER back)::BIGINT AS bars,
        (all_squares - first_value(all_squares - squares) OVER back)::DOUBLE AS squares,
        (all_down - first_value(all_down - squares_down) OVER back)::DOUBLE AS squares_down,
        (all_whole - first_value(all_whole - is_whole::INT) OVER back)::BIGINT AS whole,
        (all_range - first_value(all_range - range_squares) OVER back)::DOUBLE AS range_squares,
        (all_body - first_value(all_body - body_squares) OVER back)::DOUBLE AS body_squares
    FROM summed, (VALUES (1), (7), (30)) AS span (days)
    WINDOW back AS (
        PARTITION BY underlying, instrument, "interval", days ORDER BY hour
        RANGE BETWEEN 24 * days - 1 PRECEDING AND CURRENT ROW
    )
),
best AS (
    SELECT
        underlying, hour, days,
        arg_min(
            struct_pack(
                instrument, "interval", bars, per_year := 8760 * per_hour / bars, squares, squares_down,
                whole_per_year := CASE WHEN whole >= 0.95 * 24 * days THEN 8760 / whole END,
                range_squares, body_squares
            ),
            struct_pack(
                minutes := 60 / per_hour, place,
                missing := 100 - round(100 * bars / (24 * days * per_hour)), instrument
            )
        ) FILTER (bars >= 0.95 * 24 * days * per_hour) AS b
    FROM measured
    WHERE is_closed
    GROUP BY underlying, hour, days
),
wide AS (
    SELECT
        underlying, hour,
        any_value(b) FILTER (days = 1) AS d, any_value(b) FILTER (days = 7) AS w, any_value(b) FILTER (days = 30) AS m
    FROM best
    GROUP BY underlying, hour
),
-- Days of UTC made of whole hours, of which one may be missing.
day AS (
    SELECT
        underlying, instrument, "interval", (hour - 1) // 24 AS day,
        arg_min(open, hour) AS open, max(high) AS high, min(low) AS low, arg_max(close, hour) AS close
    FROM ranged
    WHERE is_whole
    GROUP BY ALL
    HAVING count(*) >= 0.95 * 24
),
jumped AS (
    SELECT
        underlying, instrument, "interval", day,
        ln(open) - ln(CASE WHEN lag(day) OVER series = day - 1 THEN lag(close) OVER series ELSE open END) AS jump,
        ln(close) - ln(open) AS move,
        (ln(high) - ln(close)) * (ln(high) - ln(open)) + (ln(low) - ln(close)) * (ln(low) - ln(open)) AS rogers_satchell
    FROM day
    WINDOW series AS (PARTITION BY underlying, instrument, "interval" ORDER BY day)
),
-- Yang and Zhang 2000, doi:10.1086/209650: variance of jumps + k variance of moves + (1 - k) mean of Rogers-Satchell.
yang_zhang AS (
    SELECT
        underlying, instrument, "interval", day,
        count(*) OVER back AS n,
        0.34 / (1.34 + (n + 1) / (n - 1)) AS k,
        sum((jump ** 2)::DECIMAL(38, 24)) OVER back - (sum(jump::DECIMAL(38, 24)) OVER back)::DOUBLE ** 2 / n AS jumps,
        sum((move ** 2)::DECIMAL(38, 24)) OVER back - (sum(move::DECIMAL(38, 24)) OVER back)::DOUBLE ** 2 / n AS moves,
        (sum(rogers_satchell::DECIMAL(38, 24)) OVER back)::DOUBLE / n AS inner_mean,
        CASE WHEN n >= 0.95 * 30
            THEN sqrt(365 * greatest((jumps + k * moves) / (n - 1) + (1 - k) * inner_mean, 0)) END AS yang_zhang30
    FROM jumped
    WINDOW back AS (
        PARTITION BY underlying, instrument, "interval" ORDER BY day RANGE BETWEEN 29 PRECEDING AND CURRENT ROW
    )
)
SELECT
    wide.underlying,
    make_timestamptz(hour * 3600000000) AS hour_at,
    sqrt(d.squares * d.per_year) AS rv1,
    sqrt(w.squares * w.per_year) AS rv7,
    sqrt(m.squares * m.per_year) AS rv30,
    sqrt(2 * m.squares_down * m.per_year) AS downside30,
    sqrt(2 * greatest(m.squares - m.squares_down, 0) * m.per_year) AS upside30,
    sqrt(m.range_squares / (4 * ln(2)) * m.whole_per_year) AS parkinson30,
    sqrt(greatest(m.range_squares / 2 - (2 * ln(2) - 1) * m.body_squares, 0) * m.whole_per_year) AS garman_klass30,
    yang_zhang30,
    d.interval AS rv1_interval, d.instrument AS rv1_instrument, d.bars AS rv1_returns,
    w.interval AS rv7_interval, w.instrument AS rv7_instrument, w.bars AS rv7_returns,
    m.interval AS rv30_interval, m.instrument AS rv30_instrument, m.bars AS rv30_returns,
    CASE
        WHEN d IS NULL AND w IS NULL AND m IS NULL THEN 'empty'
        WHEN d IS NULL OR w IS NULL OR m IS NULL THEN 'partial'
        ELSE 'ok'
    END AS status
FROM wide
LEFT JOIN yang_zhang
    ON yang_zhang.underlying = wide.underlying AND yang_zhang.instrument = m.instrument
    AND yang_zhang."interval" = m.interval AND yang_zhang.day = hour // 24 - 1
