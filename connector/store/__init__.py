"""The state between passes: what was read, what was decided, and what is on its way."""

from connector.store.sql_store import SqlStore, open_store
from connector.store.unit_of_work import SqlUnitOfWork

__all__ = ["SqlStore", "SqlUnitOfWork", "open_store"]
