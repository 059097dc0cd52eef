"""What can be asked of a table or picture, as types. Belongs here: nothing that takes time to import."""

from __future__ import annotations

from datetime import date
from typing import Literal

#: All expiries together, those with at most 24 hours to go, or the expiry of one date.
Expiry = Literal["all", "odte"] | date
