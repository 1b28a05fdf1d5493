"""One transaction on the state: all the nouns on one connection."""

from __future__ import annotations

from connector.store.decisions import Decisions
from connector.store.erasure import Erasure
from connector.store.history import History
from connector.store.outbox import Outbox
from connector.store.records import Records
from connector.store.releases import Releases
from connector.store.retention import Retention
from connector.store.stock import Stock


class SqlUnitOfWork(Records, History, Decisions, Outbox, Releases, Retention, Erasure, Stock):
    """The port `UnitOfWork` on a SQL connection; SqlStore.begin() makes one per transaction."""
