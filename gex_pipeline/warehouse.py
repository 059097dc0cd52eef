"""The warehouse as a Python object: SQL, and the twins of the commands `levels`, `profile` and `heatmap`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gex_pipeline.store.partitions import Store

if TYPE_CHECKING:
    import polars as pl

    from gex_pipeline.present.answer import Answer
    from gex_pipeline.present.strikes import Expiry
    from gex_pipeline.store.session import Session


def open_warehouse(path: str | Path) -> Warehouse:
    """Open a warehouse folder for reading. Raises ``GexError`` when the folder is none."""
    return Warehouse(Path(path))


class Warehouse:
    """Read access to one warehouse folder."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._store.require()
        self._opened: Session | None = None

    @property
    def _session(self) -> Session:
        """The SQL session, opened by the first query: questions do without an SQL engine."""
        if self._opened is None:
            from gex_pipeline.engine.macros import functions
            from gex_pipeline.store.session import Session

            self._opened = Session(self._store.root, functions(self._store))
        return self._opened

    def query(self, sql: str, parameters: list[Any] | None = None) -> pl.DataFrame:
        """Rows of a SELECT on the tables, views and functions; ``parameters`` fill its question marks."""
        return self._session.query(sql, parameters)

    def answer(
        self,
        underlying: str,
        *,
        at: datetime | str | None = None,
        venues: list[str] | None = None,
        sign_model: str = "naive",
        moneyness_min: float | None = None,
        moneyness_max: float | None = None,
        spot_window_pct: float | None = None,
        include: Collection[str] = (),
    ) -> Answer:
        """All tables of one snapshot as of ``at`` (a time or its ISO 8601 text; default: now); see :class:`Answer`."""
        from gex_pipeline.core.instruments import underlying_of
        from gex_pipeline.core.window import Window
        from gex_pipeline.engine.answers import answer

        return answer(
            self._store,
            underlying_of(underlying),
            at=_utc(at) if at else datetime.now(UTC),
            venues=venues,
            sign_model=sign_model,
            window=Window(moneyness_min, moneyness_max, spot_window_pct),
            has_candles="candles" in include,
        )

    def levels(self, underlying: str, *, include: Collection[str] = (), **question: Any) -> dict[str, Any]:
        """The document of `gex levels --json`; ``question`` as in :meth:`answer`."""
        from gex_pipeline.present.documents import levels_document

        found = self.answer(underlying, include=include, **question)
        return levels_document(found, include, datetime.now(UTC), str(uuid4()))

    def profile(self, underlying: str, *, expiry: Expiry | str = "all", **question: Any) -> dict[str, Any]:
        """The document of `gex profile --json`: `all`, `odte` or one expiry date, also as text."""
        from gex_pipeline.present.choices import expiry_of
        from gex_pipeline.present.documents import profile_document

        chosen = expiry_of(expiry) if isinstance(expiry, str) else expiry
        return profile_document(self.answer(underlying, **question), chosen, datetime.now(UTC), str(uuid4()))

    def heatmap(self, underlying: str, **question: Any) -> dict[str, Any]:
        """The document of `gex heatmap --json`."""
        from gex_pipeline.present.documents import heatmap_document

        return heatmap_document(self.answer(underlying, **question), datetime.now(UTC), str(uuid4()))

    def close(self) -> None:
        """Close the connection."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _utc(instant: datetime | str) -> datetime:
    """A time without a zone is UTC."""
    instant = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
