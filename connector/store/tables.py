"""The tables as SQLAlchemy sees them. The migrations make them; a test holds both together.

Instants are whole microseconds since 1970-01-01 UTC, records are named `crm/kind/id`, columns called `data`, `payload`,
`reasons` and `value` are the JSON of codec.py.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator


class Flag(TypeDecorator[bool]):
    """A truth value kept as 0 or 1, the same in every database."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: bool | None, dialect: object) -> int | None:
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: object) -> bool | None:
        return None if value is None else bool(value)

    def coerce_compared_value(self, op: object, value: object) -> Flag:
        return self


metadata = MetaData()

store_version = Table("store_version", metadata, Column("version", Integer, primary_key=True))

cursors = Table("cursors", metadata, Column("stream", Text, primary_key=True), Column("cursor", Text))

records = Table(
    "records",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("kind", Text),
    Column("id", Text),
    Column("owner", Text),
    Column("live", Flag),
    Column("gone", BigInteger),
    Column("first_seen", BigInteger),
    Column("data", Text),
    Column("status", Text),
    Column("company", Text),
    Column("open", Flag),
)

activities = Table(
    "activities", metadata, Column("id", Text, primary_key=True), Column("version", Text), Column("data", Text)
)

activity_records = Table(
    "activity_records",
    metadata,
    Column("record", Text, primary_key=True),
    Column("activity", Text, primary_key=True),
)

changes = Table(
    "changes",
    metadata,
    Column("record", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("alias", Text),
    Column("field", Text),
    Column("exact", Flag),
    Column("data", Text),
)

enrollments = Table(
    "enrollments",
    metadata,
    Column("record", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("since", BigInteger),
    Column("active", Flag),
)

deadlines = Table("deadlines", metadata, Column("record", Text, primary_key=True), Column("at", BigInteger))

marks = Table(
    "marks",
    metadata,
    Column("record", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("occasion", Text, primary_key=True),
    Column("scope", Text),
    Column("at", BigInteger),
    Column("kind", Text),
    Column("owner", Text),
    Column("released", Flag),
)

pauses = Table(
    "pauses",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("at", BigInteger),
    Column("why", Text),
)

adoptions = Table(
    "adoptions",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("at", BigInteger),
    Column("baselined", Flag),
)

assignments = Table(
    "assignments",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("pool", Text),
    Column("person", Text),
    Column("record", Text),
    Column("rule", Text),
    Column("at", BigInteger),
    Column("why", Text),
    Column("shares", Text),
)

outbox = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),
    Column("record", Text),
    Column("rule", Text),
    Column("occasion", Text),
    Column("position", Integer),
    Column("kind", Text),
    Column("why", Text),
    Column("payload", Text),
    Column("reasons", Text),
    Column("state", Text),
    Column("run", Text),
    Column("attempts", Integer),
    Column("crm_id", Text),
    Column("message", Text),
    Column("created", BigInteger),
    Column("updated", BigInteger),
    Column("lease_until", BigInteger),
    Column("retargeted", Flag),
    Column("already", Flag),
)

offers = Table(
    "offers",
    metadata,
    Column("record", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("occasion", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("pool", Text),
    Column("person", Text),
    Column("owner", Text),
    Column("at", BigInteger),
    Column("until", BigInteger),
    Column("key", Text),
    Column("state", Text),
    Column("settled", BigInteger),
)

owners = Table("owners", metadata, Column("id", Text, primary_key=True), Column("data", Text))

crm_schema = Table("crm_schema", metadata, Column("crm", Text, primary_key=True), Column("data", Text))

runs = Table("runs", metadata, Column("id", Text, primary_key=True), Column("now", BigInteger), Column("data", Text))

settings = Table("settings", metadata, Column("name", Text, primary_key=True), Column("value", Text))

forgotten = Table(
    "forgotten",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("kind", Text),
    Column("at", BigInteger),
)
