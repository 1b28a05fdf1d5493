"""Who was asked to take a record, and what the turns in a pool are weighed by: open records and companies known."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Row, func, or_, select

from connector.domain.model import ENDED_STATUSES, Offer, OfferState
from connector.store.codec import change_of, instant, micros, ref_of, ref_text
from connector.store.crm import Crm
from connector.store.statements import chunks, put
from connector.store.tables import changes, offers, records


class Turns(Crm):
    """Offers, loads, and who knows a company."""

    def offers(self, since: datetime | None = None) -> Sequence[Offer]:
        """Every offer that was made, or was settled, from an instant on, the oldest first."""
        query = select(offers).order_by(offers.c.at, offers.c.record, offers.c.rule, offers.c.occasion, offers.c.round)
        if since is not None:
            query = query.where(or_(offers.c.at >= micros(since), offers.c.settled >= micros(since)))
        return [offer_of(row) for row in self._connection.execute(query)]

    def save_offers(self, made: Sequence[Offer]) -> None:
        """Insert or replace the offers of these rounds."""
        put(self._connection, offers, [offer_row(offer) for offer in made])

    def loads(self) -> Mapping[str, int]:
        """How many open records each owner has.

        Open is what is neither deleted, merged, converted nor closed, and not in a status that ends a record's way.
        """
        schema = self.schema()
        ended = ENDED_STATUSES if schema is None else schema.ended
        query = select(records.c.owner, records.c.status, func.count()).where(records.c.open == 1)
        query = query.where(records.c.owner.is_not(None)).group_by(records.c.owner, records.c.status)
        found: Counter[str] = Counter()
        for owner, status, count in self._connection.execute(query):
            if (status or "").casefold() not in ended:
                found[owner] += count
        return dict(found)

    def company_owners(self, companies: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Who owns or owned records of these companies (names in small letters), most records first."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for some in chunks(sorted({name.casefold() for name in companies})):
            query = select(records.c.ref, records.c.company, records.c.owner)
            rows = self._connection.execute(query.where(records.c.company.in_(some), records.c.live == 1)).all()
            company_of = {row.ref: row.company for row in rows}
            had = {(row.ref, row.owner) for row in rows if row.owner} | self._former_owners(list(company_of))
            for ref, owner in had:
                counts[company_of[ref]][owner] += 1
        return {
            company: tuple(owner for owner, _ in sorted(found.items(), key=lambda item: (-item[1], item[0])))
            for company, found in counts.items()
        }

    def _former_owners(self, refs: Sequence[str]) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for some in chunks(refs):
            query = select(changes).where(changes.c.record.in_(some), changes.c.field == "owner")
            for row in self._connection.execute(query):
                change = change_of(ref_of(row.record), row.id, row.field, row.exact, row.data)
                found |= {(row.record, owner) for owner in (change.old, change.new) if isinstance(owner, str) and owner}
        return found


def offer_row(offer: Offer) -> Mapping[str, object]:
    """An offer as a row of its table."""
    return {
        "record": ref_text(offer.ref),
        "rule": offer.rule,
        "occasion": offer.occasion,
        "round": offer.round,
        "pool": offer.pool,
        "person": offer.person,
        "owner": offer.owner,
        "at": micros(offer.at),
        "until": micros(offer.until),
        "key": offer.key,
        "state": offer.state,
        "settled": None if offer.settled is None else micros(offer.settled),
    }


def offer_of(row: Row[tuple[object, ...]]) -> Offer:
    """The offer that `offer_row` made a row of."""
    return Offer(
        ref=ref_of(row.record),
        rule=row.rule,
        occasion=row.occasion,
        round=row.round,
        pool=row.pool,
        person=row.person,
        owner=row.owner,
        at=instant(row.at),
        until=instant(row.until),
        key=row.key,
        state=cast(OfferState, row.state),
        settled=None if row.settled is None else instant(row.settled),
    )
