"""Forgetting in time: why actions were planned, and records that have long been deleted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update

from connector.store.codec import micros, reasons_text
from connector.store.statements import Part, chunks
from connector.store.tables import activity_records, changes, deadlines, enrollments, marks, offers, outbox, records

_SETTLED = ("confirmed", "failed", "dead", "dropped")


class Retention(Part):
    """What `keep` in followup.yaml bounds."""

    def prune(self, traces_before: datetime, snapshots_before: datetime) -> int:
        """Forget traces, and deleted records with their history, that are older; how many rows went."""
        none = reasons_text(())
        old = (outbox.c.state.in_(_SETTLED), outbox.c.updated < micros(traces_before), outbox.c.reasons != none)
        went = self._connection.execute(update(outbox).where(*old).values(reasons=none)).rowcount
        gone = select(records.c.ref).where(records.c.gone < micros(snapshots_before))
        for some in chunks(list(self._connection.execute(gone).scalars())):
            for table in (activity_records, changes, enrollments, deadlines, marks, offers):
                self._connection.execute(delete(table).where(table.c.record.in_(some)))
            went += self._connection.execute(delete(records).where(records.c.ref.in_(some))).rowcount
        return went
