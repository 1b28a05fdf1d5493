"""What was decided: which rules are known, what they fired on, what goes out, and who got which record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from connector.domain.decision import Adoption, Assignment, PlannedAction, Reason, RecordPlan
from connector.domain.model import Mark, RecordRef
from connector.store.codec import (
    instant,
    micros,
    payload_text,
    reasons_of,
    reasons_text,
    ref_of,
    ref_text,
    shares_of,
    shares_text,
)
from connector.store.statements import insert_into, put
from connector.store.tables import adoptions, assignments, deadlines, marks, offers, outbox, records
from connector.store.turns import Turns


class Decisions(Turns):
    """Adoptions, committed plans, marks, traces, the fairness ledger."""

    def adoptions(self) -> Mapping[str, Adoption]:
        """When this workspace first met each rule."""
        rows = self._connection.execute(select(adoptions))
        return {row.rule: Adoption(row.rule, instant(row.at), row.baselined) for row in rows}

    def adopt(self, met: Sequence[Adoption]) -> None:
        """Insert or replace."""
        rows = [{"rule": one.rule, "at": micros(one.at), "baselined": one.baselined} for one in met]
        put(self._connection, adoptions, rows)

    def commit_plan(self, plan: RecordPlan, run: str, now: datetime) -> None:
        """Outbox entries (pending or held), marks, the next deadline (None clears it) and the trace of one record.

        An action whose key is already there is left as it is, unless it was dropped: then it starts afresh.
        """
        record = ref_text(plan.ref)
        entries = [_entry(action, plan, "pending", run, now) for action in plan.actions]
        entries += [_entry(action, plan, "held", run, now) for action in plan.held]
        if entries:
            self._plan(entries)
        if plan.marks:
            self._mark(record, plan.marks)
        self.save_offers(plan.offers)
        if plan.next_at is None:
            self._connection.execute(delete(deadlines).where(deadlines.c.record == record))
        else:
            put(self._connection, deadlines, [{"record": record, "at": micros(plan.next_at)}])

    def _plan(self, entries: Sequence[Mapping[str, object]]) -> None:
        statement = insert_into(self._connection, outbox)
        fresh = {column.name: statement.excluded[column.name] for column in outbox.columns if not column.primary_key}
        again = outbox.c.state == "dropped"
        statement = statement.on_conflict_do_update(index_elements=[outbox.c.key], set_=fresh, where=again)
        self._connection.execute(statement, entries)

    def _mark(self, record: str, made: Sequence[Mark]) -> None:
        owner = self._connection.execute(select(records.c.owner).where(records.c.ref == record)).scalar() or ""
        rows = [
            {
                "record": record,
                "rule": mark.rule,
                "occasion": mark.occasion,
                "scope": mark.scope,
                "at": micros(mark.at),
                "kind": mark.kind,
                "owner": owner,
                "released": mark.released,
            }
            for mark in made
        ]
        put(self._connection, marks, rows)

    def save_assignments(self, made: Sequence[Assignment]) -> None:
        """Append to the fairness ledger."""
        rows = [
            {
                "pool": one.pool,
                "person": one.person,
                "record": ref_text(one.ref),
                "rule": one.rule,
                "at": micros(one.at),
                "why": one.why,
                "shares": shares_text(one.shares),
            }
            for one in made
        ]
        if rows:
            self._connection.execute(insert(assignments), rows)

    def assignments(self, since: datetime | None = None) -> Sequence[Assignment]:
        """The ledger in the order it was written, from an instant on."""
        query = select(assignments).order_by(assignments.c.seq)
        if since is not None:
            query = query.where(assignments.c.at >= micros(since))
        rows = self._connection.execute(query)
        return [
            Assignment(
                row.pool, row.person, ref_of(row.record), row.rule, instant(row.at), row.why, shares_of(row.shares)
            )
            for row in rows
        ]

    def fired_counts(self, since: datetime) -> Mapping[tuple[str, str], int]:
        """Per (rule, owner the record had) how many matches fired since an instant; ('rule', '') is the rule's total."""
        query = (
            select(marks.c.rule, marks.c.owner, func.count())
            .where(marks.c.kind == "fired", marks.c.at >= micros(since))
            .group_by(marks.c.rule, marks.c.owner)
        )
        counts: dict[tuple[str, str], int] = {}
        for rule, owner, count in self._connection.execute(query):
            counts[(rule, "")] = counts.get((rule, ""), 0) + count
            if owner:
                counts[(rule, owner)] = count
        return counts

    def matched_lately(self, since: datetime) -> Mapping[str, frozenset[RecordRef]]:
        """The records on which each rule fired by itself, or was held, since an instant; what a person released is not
        among them."""
        fired = (marks.c.kind.in_(("fired", "held")), marks.c.at >= micros(since), marks.c.released == 0)
        found: dict[str, set[RecordRef]] = {}
        for rule, record in self._connection.execute(select(marks.c.rule, marks.c.record).where(*fired)):
            found.setdefault(rule, set()).add(ref_of(record))
        return {rule: frozenset(refs) for rule, refs in found.items()}

    def remove_marks(self, ref: RecordRef, rule: str, occasion: str, *, begun: bool = False) -> None:
        """Let a rule fire on this occasion again: what it had planned was dropped, and nobody got, or was offered, the
        record by it."""
        match = {"record": ref_text(ref), "rule": rule, "occasion": occasion}
        mine = [marks.c[name] == value for name, value in match.items()]
        self._connection.execute(
            update(marks).where(*mine).values(kind="begun") if begun else delete(marks).where(*mine)
        )
        dropped = (*(outbox.c[name] == value for name, value in match.items()), outbox.c.state == "dropped")
        taken_back = select(outbox.c.created).where(*dropped, outbox.c.kind.in_(("reassign", "offer")))
        lines = (assignments.c.record == match["record"], assignments.c.rule == rule, assignments.c.at.in_(taken_back))
        self._connection.execute(delete(assignments).where(*lines))
        never_made = select(outbox.c.key).where(*dropped, outbox.c.kind == "offer")
        self._connection.execute(delete(offers).where(offers.c.key.in_(never_made)))

    def trace(self, key: str) -> Sequence[Reason]:
        """Why the action with this key was planned; empty when there is no such action."""
        text = self._connection.execute(select(outbox.c.reasons).where(outbox.c.key == key)).scalar()
        return () if text is None else reasons_of(text)


def _entry(action: PlannedAction, plan: RecordPlan, state: str, run: str, now: datetime) -> Mapping[str, object]:
    reasons = plan.reasons.get(action.key) or plan.reasons.get(action.rule, ())
    return {
        "key": action.key,
        "record": ref_text(action.record),
        "rule": action.rule,
        "occasion": action.occasion,
        "position": action.position,
        "kind": action.kind,
        "why": action.why,
        "payload": payload_text(action),
        "reasons": reasons_text(reasons),
        "state": state,
        "run": run,
        "attempts": 0,
        "crm_id": None,
        "message": "",
        "created": micros(now),
        "updated": micros(now),
        "lease_until": None,
        "retargeted": False,
        "already": None,
    }
