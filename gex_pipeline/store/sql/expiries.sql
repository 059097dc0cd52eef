-- Every expiry that was ever listed, with its place in the calendar.
SELECT
    underlying,
    expiry_at,
    expiry_type(expiry_at) AS expiry_type,
    expiry_type(expiry_at) IN ('monthly', 'quarterly') AS is_opex,
    first_snapshot_at,
    last_snapshot_at
FROM (
    SELECT underlying, expiry_at, min(snapshot_at) AS first_snapshot_at, max(snapshot_at) AS last_snapshot_at
    FROM chain
    GROUP BY underlying, expiry_at
)
