"""The passes that were made, and small values that outlive them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from connector.domain.decision import RunSummary
from connector.domain.model import Value
from connector.store.codec import micros, run_of, run_text, value_of, value_text
from connector.store.statements import Part, put
from connector.store.tables import runs, settings


class Runs(Part):
    """Run summaries and settings."""

    def start_run(self, run: RunSummary) -> None:
        """Note that a pass began."""
        put(self._connection, runs, [{"id": run.id, "now": micros(run.now), "data": run_text(run)}])

    def finish_run(self, run: RunSummary) -> None:
        """Note how a pass ended."""
        self.start_run(run)

    def runs(self, limit: int) -> Sequence[RunSummary]:
        """The last passes, the newest first."""
        query = select(runs.c.id, runs.c.data).order_by(runs.c.now.desc(), runs.c.id.desc()).limit(limit)
        return [run_of(row.id, row.data) for row in self._connection.execute(query)]

    def setting(self, name: str) -> Value:
        """A small value kept under a name, None when there is none."""
        text = self._connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()
        return None if text is None else value_of(text)

    def save_setting(self, name: str, value: Value) -> None:
        """Keep a small value under a name."""
        put(self._connection, settings, [{"name": name, "value": value_text(value)}])
