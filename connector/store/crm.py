"""How far the CRM was read, how it describes itself, and who works in it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from connector.domain.model import CrmSchema, Owner
from connector.store.codec import owner_of, owner_text, schema_of, schema_text
from connector.store.statements import Part, put
from connector.store.tables import crm_schema, cursors, owners


class Crm(Part):
    """Cursors, the CRM's description, its owners."""

    def cursor(self, stream: str) -> str | None:
        """Where the next pass starts to read a stream, None: from the beginning."""
        return self._connection.execute(select(cursors.c.cursor).where(cursors.c.stream == stream)).scalar()

    def save_cursor(self, stream: str, cursor: str) -> None:
        """Remember where to go on."""
        put(self._connection, cursors, [{"stream": stream, "cursor": cursor}])

    def save_schema(self, schema: CrmSchema) -> None:
        """Keep the CRM's last description; an earlier one is gone."""
        self._connection.execute(delete(crm_schema))
        self._connection.execute(insert(crm_schema), {"crm": schema.crm, "data": schema_text(schema)})

    def schema(self) -> CrmSchema | None:
        """The CRM's last description, None when it was never read."""
        row = self._connection.execute(select(crm_schema.c.crm, crm_schema.c.data)).first()
        return None if row is None else schema_of(row.crm, row.data)

    def save_owners(self, people: Sequence[Owner]) -> bool:
        """Keep exactly these owners; True when one appeared, went or changed since the last time."""
        before = {row.id: row.data for row in self._connection.execute(select(owners.c.id, owners.c.data))}
        after = {owner.id: owner_text(owner) for owner in people}
        if before == after:
            return False
        self._connection.execute(delete(owners))
        if after:
            self._connection.execute(insert(owners), [{"id": id_, "data": data} for id_, data in after.items()])
        return True

    def owners(self) -> Sequence[Owner]:
        """Every user and queue, in the order of their ids."""
        rows = self._connection.execute(select(owners.c.id, owners.c.data).order_by(owners.c.id))
        return [owner_of(row.id, row.data) for row in rows]
