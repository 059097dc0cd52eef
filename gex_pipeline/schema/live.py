"""Base tables of live snapshots: `raw`, every reply as received, and `snapshots`, what became of each."""

from gex_pipeline.schema.common import SNAPSHOT_AT, UNDERLYING, VENUE
from gex_pipeline.schema.model import Column, Table

STATUSES = ("ok", "partial", "failed")

RAW = Table(
    name="raw",
    description="Every reply of a venue as received, one file per venue and snapshot; `chain` is made from it.",
    columns=(
        SNAPSHOT_AT,
        VENUE,
        Column("request", "int", "", "Order of arrival, from 0."),
        Column("asked", "string", "", "Coins that the snapshot was taken for, with commas."),
        Column("host", "category", "", "Which of the venue's addresses: empty for its only one."),
        Column("endpoint", "category", "", "Path below the venue's address."),
        Column("params", "string", "", "Parameters of the request, as JSON."),
        Column("url", "string", "", "Address that was asked."),
        Column("status", "int", "", "HTTP status; null where nothing came back.", is_nullable=True),
        Column("sent_at", "timestamp", "UTC", "When the request was sent, by our clock."),
        Column("received_at", "timestamp", "UTC", "When its answer was complete, by our clock."),
        Column("headers", "string", "", "Headers of the answer, as JSON."),
        Column("body", "binary", "", "The answer's body, byte for byte, after transport compression."),
        Column("error", "string", "", "Why nothing came back, or not all.", is_nullable=True),
        Column("is_kept", "bool", "", "True for a list of instruments taken from an earlier snapshot."),
        Column("retry_at", "timestamp", "UTC", "The venue is not asked before: it has banned us.", is_nullable=True),
    ),
    key=("snapshot_at", "venue", "request"),
    hive=("venue",),
    period="snapshot",
    sort=("snapshot_at", "request"),
    is_base=True,
)

SNAPSHOTS = Table(
    name="snapshots",
    description="One row per snapshot, venue and coin that was asked for, also where it failed.",
    columns=(
        SNAPSHOT_AT,
        VENUE,
        UNDERLYING,
        Column("rows", "int", "", "Rows that it gave `chain`.", minimum=0),
        Column("rejected", "int", "", "Rows that it gave `chain_rejected`.", minimum=0),
        Column("requests", "int", "", "Requests that were sent to the venue, for all coins together.", minimum=0),
        Column("duration_seconds", "float", "s", "From the first request to the last answer.", minimum=0),
        Column("status", "category", "", "ok; partial = stored with warnings; failed = not stored.", choices=STATUSES),
        Column("error", "string", "", "What failed or is warned of; null when all is well.", is_nullable=True),
        Column("gaps", "int", "", "Hours without a snapshot between the one before and this.", minimum=0),
    ),
    key=("snapshot_at", "venue", "underlying"),
    hive=("venue",),
    period="year",
    sort=("snapshot_at", "underlying"),
    is_base=True,
)
