-- Levels of all venues by the naive signs, one row a snapshot and scope.
SELECT *
FROM levels_wide
WHERE underlying = $1 AND snapshot_at BETWEEN $2 AND $3 AND venues = 'all' AND sign_model = 'naive'
ORDER BY snapshot_at, scope
