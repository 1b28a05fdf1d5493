"""When each record has to be looked at again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, literal, select

from connector.domain.model import RecordRef
from connector.store.codec import micros, ref_of, ref_text
from connector.store.statements import Part, insert_into
from connector.store.tables import deadlines, records


class Deadlines(Part):
    """One deadline per record, indexed, so that a pass costs what is due and not what is stored."""

    def mark_due(self, refs: Iterable[RecordRef], at: datetime) -> None:
        """Lower the deadline of these records to `at`; an earlier one stays."""
        rows = [{"record": ref_text(ref), "at": micros(at)} for ref in refs]
        if rows:
            statement = insert_into(self._connection, deadlines)
            new = statement.excluded.at
            self._connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[deadlines.c.record], set_={"at": new}, where=deadlines.c.at > new
                ),
                rows,
            )

    def mark_all_due(self, kind: str, at: datetime) -> int:
        """Lower the deadline of every record of a kind that is neither deleted nor merged; how many there are."""
        live = (records.c.kind == kind) & (records.c.live == 1)
        source = select(records.c.ref, literal(micros(at), deadlines.c.at.type)).where(live)
        statement = insert_into(self._connection, deadlines).from_select(["record", "at"], source)
        new = statement.excluded.at
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[deadlines.c.record], set_={"at": new}, where=deadlines.c.at > new
            )
        )
        return self._connection.execute(select(func.count()).select_from(records).where(live)).scalar_one()

    def due(self, now: datetime, limit: int, after: RecordRef | None = None) -> Sequence[RecordRef]:
        """Records whose deadline has come, in the order of their refs, beyond `after`."""
        at = micros(now)
        some = select(literal(1)).where(deadlines.c.at <= at).limit(8 * limit).subquery()
        many = self._connection.execute(select(func.count()).select_from(some)).scalar_one() == 8 * limit
        # Few are due: find them by their deadline and sort them. Many are due: walk along the refs and stop early; the
        # sum keeps the database from sorting all of them for every page.
        column = deadlines.c.at + 0 if many else deadlines.c.at
        query = select(deadlines.c.record).where(column <= at).order_by(deadlines.c.record).limit(limit)
        if not many:
            query = query.with_hint(deadlines, "INDEXED BY deadlines_at", "sqlite")
        if after is not None:
            query = query.where(deadlines.c.record > ref_text(after))
        return [ref_of(name) for name in self._connection.execute(query).scalars()]
