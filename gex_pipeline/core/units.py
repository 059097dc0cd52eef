"""Constants with a name and a source."""

#: A year of a market that never closes (definitions: tenor).
DAYS_PER_YEAR = 365
SECONDS_PER_YEAR = DAYS_PER_YEAR * 86_400
#: Microseconds.
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
#: GEX is per 1 % move.
ONE_PERCENT = 0.01
#: 0DTE = at most 24 hours to expiry, never "the same calendar date".
ODTE_YEARS = 86_400 / SECONDS_PER_YEAR
#: Values below this share of the scope's gross count as zero.
FLOOR = 1e-6
#: Two values closer than this share of gross are tied.
TIE = 1e-9
