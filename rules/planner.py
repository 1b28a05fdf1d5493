"""From matches to the plan of a pass: backfill, conflicts, caps, turns in a pool, drafts, marks and deadlines.

The order of work is that of the matches: due oldest first, then by record and rule, whatever order the decisions come
in. What a rule may do in this pass is settled before anything is drafted; what is held is drafted last, so that its
turns in a pool come after those of what goes. A storm (rules/breaker.py) is held as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf

from connector.domain.decision import (
    Assignment,
    Decision,
    HeldMatch,
    Match,
    Moment,
    Plan,
    PlannedAction,
    Reason,
    RecordPlan,
)
from connector.domain.model import Mark, MarkKind, Offer, RecordRef, RecordState
from rules.binding import Binding
from rules.breaker import Storm, storms
from rules.calendar import Clocks
from rules.caps import Caps, limit_of
from rules.compare import as_number
from rules.conflicts import Loss, contest
from rules.desk import Desk
from rules.drafts import Draft, draft
from rules.ledger import Ledger
from rules.model import Rule, RuleSet
from rules.offers import offer_of
from rules.staff import Staff


@dataclass(frozen=True, slots=True)
class Case:
    """One match with all that planning it needs."""

    rule: Rule
    match: Match
    state: RecordState
    reasons: tuple[Reason, ...] = ()

    @property
    def owner(self) -> str:
        """The CRM id of the record's owner, empty when nobody owns it."""
        return self.state.record.owner or ""

    @property
    def order(self) -> tuple[datetime, str, int, str, str, str]:
        """Sorts the matches of a pass: due oldest first, then by record, whose ids count up in either CRM."""
        ref = self.match.record
        return (self.match.due, ref.kind, len(ref.id), ref.id, self.rule.id, self.match.occasion)


@dataclass(slots=True)
class _Sheet:
    """What gathers for one record."""

    state: RecordState
    next_at: datetime | None
    marks: list[Mark]
    actions: list[PlannedAction] = field(default_factory=list)
    held: list[PlannedAction] = field(default_factory=list)
    reasons: dict[str, tuple[Reason, ...]] = field(default_factory=dict)
    offers: list[Offer] = field(default_factory=list)

    def due(self, at: datetime) -> None:
        """Look at the record again no later than that."""
        self.next_at = at if self.next_at is None else min(self.next_at, at)

    def plan(self) -> RecordPlan:
        ref = self.state.record.ref
        return RecordPlan(
            ref,
            tuple(self.actions),
            tuple(self.held),
            tuple(self.marks),
            self.next_at,
            dict(self.reasons),
            tuple(self.offers),
        )


class Planner:
    """Plans one pass over decisions; `plan` may be called once."""

    def __init__(
        self,
        ruleset: RuleSet,
        binding: Binding,
        calendars: Clocks,
        moment: Moment,
    ) -> None:
        self._rules = {rule.id: rule for rule in binding.rules}
        self._moment = moment
        self._default_limit = ruleset.default_limit
        self._caps = Caps(ruleset.default_limit, moment)
        self._breaker = ruleset.breaker
        self._storm_of: dict[str, Storm] = {}
        staff = Staff(binding, moment.now)
        self._desk = Desk(moment, ruleset.team, staff, Ledger(moment.assignments), calendars)
        self._sheets: dict[RecordRef, _Sheet] = {}
        self._assignments: list[Assignment] = []
        self._stopped: list[HeldMatch] = []
        self._waiting: list[HeldMatch] = []
        self._notices: list[str] = []

    def plan(self, decisions: Sequence[Decision]) -> Plan:
        """Everything the pass would write and hold back, with a record's plan for every decision."""
        for decision in decisions:
            ref = decision.state.record.ref
            self._sheets[ref] = _Sheet(decision.state, decision.next_at, list(decision.marks))
        served = self._served(sorted(self._cases(decisions), key=lambda case: case.order))
        cases = self._unstopped(self._uncontested(self._backfilled(self._unpaused(served))))
        self._watch(cases)
        self._hold([case for case in cases if not self._goes(case)])
        order = {ref: place for place, ref in enumerate(dict.fromkeys(case.match.record for case in cases))}
        refs = sorted(self._sheets, key=lambda ref: (order.get(ref, len(order)), ref))
        return Plan(
            records=tuple(self._sheets[ref].plan() for ref in refs),
            assignments=tuple(self._assignments),
            held=tuple(self._stopped),
            waiting=tuple(self._waiting),
            notices=tuple(self._notices),
        )

    def _cases(self, decisions: Sequence[Decision]) -> Iterator[Case]:
        for decision in decisions:
            reasons = {verdict.rule: verdict.reasons for verdict in decision.verdicts}
            for match in decision.matches:
                rule = self._rules.get(match.rule)
                if rule is not None:
                    yield Case(rule, match, decision.state, reasons.get(match.rule, ()))

    def _served(self, cases: Sequence[Case]) -> Sequence[Case]:
        """In the order in which they are served: a rule's matches change places among themselves where its limit says so."""
        places: dict[str, list[int]] = {}
        for at, case in enumerate(cases):
            if limit_of(case.rule, self._default_limit).first != "oldest":
                places.setdefault(case.rule.id, []).append(at)
        served = list(cases)
        for of_rule in places.values():
            # Who has no score or value comes last; equals stay in the order of their due.
            ranked = sorted((cases[at] for at in of_rule), key=self._worth, reverse=True)
            for at, case in zip(of_rule, ranked, strict=True):
                served[at] = case
        return served

    def _worth(self, case: Case) -> float:
        """The record's score or value, whichever its rule serves first by; below everything when it is not known."""
        number = as_number(case.state.record.fields.get(limit_of(case.rule, self._default_limit).first))
        return -inf if number is None else float(number)

    def _unpaused(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Without the matches of rules that a person paused; those stay due, and nothing is marked."""
        kept = []
        for case in cases:
            pause = self._moment.pause_of(case.rule.id)
            if pause is None:
                kept.append(case)
            else:
                self._wait(case, pause.told)
        return kept

    def _backfilled(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Without the matches older than their rule that a spread backfill leaves for another day."""
        let_go = Counter(self._moment.backfilled)
        day = self._moment.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = day + timedelta(days=1)
        kept = []
        later: Counter[str] = Counter()
        for case in cases:
            backfill = case.rule.backfill
            if not case.match.backfill or backfill.how != "spread":
                kept.append(case)
            elif let_go[case.rule.id] < backfill.per_day:
                let_go[case.rule.id] += 1
                kept.append(case)
            else:
                later[case.rule.id] += 1
                self._sheets[case.match.record].due(tomorrow)
        for rule, count in sorted(later.items()):
            per_day = self._rules[rule].backfill.per_day
            self._notices.append(f"{rule}: {count} older matches follow at {per_day} per day")
        return kept

    def _uncontested(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Without the matches that lost to another rule over the same thing of the same record."""
        by_record: dict[RecordRef, list[Case]] = {}
        for case in cases:
            by_record.setdefault(case.match.record, []).append(case)
        lost: dict[tuple[RecordRef, str], Loss] = {}
        for ref, found in by_record.items():
            if len(found) > 1:
                facts = self._desk.facts(found[0].state)
                losses = contest([case.rule for case in found], facts, self._desk.calendars)
                lost.update({(ref, rule): loss for rule, loss in losses.items()})
        for case in cases:
            loss = lost.get((case.match.record, case.rule.id))
            if loss is None:
                continue
            self._notices.append(f"{case.match.record}: {loss.loser.id} {loss.reason}")
            if loss.waits:
                self._sheets[case.match.record].due(self._moment.now)
            else:
                self._mark(case, "lost")
        return [case for case in cases if (case.match.record, case.rule.id) not in lost]

    def _unstopped(self, cases: Sequence[Case]) -> Sequence[Case]:
        """Without the matches of rules that stop because there are too many; those stay due."""
        matched = Counter(case.rule.id for case in cases)
        of_owner = Counter((case.rule.id, case.owner) for case in cases)
        kept = []
        for case in cases:
            rule = case.rule
            why = self._caps.stops(rule, case.owner, matched[rule.id], of_owner[rule.id, case.owner])
            if not why:
                kept.append(case)
                continue
            self._stopped.append(HeldMatch(rule.id, case.match.record, why))
            self._sheets[case.match.record].due(self._moment.now)
        return kept

    def _watch(self, cases: Sequence[Case]) -> None:
        """Trip the breaker where too many records match at once; what a person let go is not counted again."""
        matched: dict[str, set[RecordRef]] = {}
        for case in cases:
            if not case.match.released:
                matched.setdefault(case.rule.id, set()).add(case.match.record)
        per_run = {id_: limit_of(rule, self._default_limit).per_run or 0 for id_, rule in self._rules.items()}
        for storm in storms(self._breaker, matched, self._moment, per_run):
            self._storm_of.update(dict.fromkeys(storm.rules, storm))
            self._notices.append(storm.line)

    def _storm(self, case: Case) -> Storm | None:
        """The storm that holds a match."""
        return None if case.match.released else self._storm_of.get(case.rule.id)

    def _goes(self, case: Case) -> bool:
        """Plan the writes of one match; False when its rule's cap is reached, or it is part of a storm."""
        if self._storm(case) is not None or self._caps.holds(case.rule, case.owner):
            return False
        drafted = self._draft(case)
        if drafted is None:
            return True
        sheet = self._sheets[case.match.record]
        sheet.actions.extend(drafted.actions)
        sheet.reasons.update({action.key: (*case.reasons, *drafted.told(action)) for action in drafted.actions})
        self._assignments.extend(drafted.assignments)
        for offer in drafted.offers:
            sheet.offers.append(offer)
            sheet.due(offer.until)
        self._mark(case, "fired")
        if drafted.actions:
            self._caps.take(case.rule, case.owner)
        return True

    def _hold(self, cases: Sequence[Case]) -> None:
        """Plan the writes that are over their rule's cap, or part of a storm, as held, for a person to release."""
        counts: Counter[tuple[str, str]] = Counter()
        for case in cases:
            storm = self._storm(case)
            why = self._caps.holds(case.rule, case.owner) if storm is None else storm.why
            offers = offer_of(case.rule) is not None
            if offers and storm is not None:
                # Drafted once it is released: who is asked, and until when, is a matter of that day.
                self._mark(case, "held")
                self._stopped.append(HeldMatch(case.rule.id, case.match.record, why, marked=True))
                continue
            if offers:
                # An offer that lies still would run out before anybody sees it: a later pass makes it.
                self._wait(case, f"{why.partition(';')[0]}; a later pass goes on")
                continue
            drafted = self._draft(case)
            if drafted is None:
                continue
            sheet = self._sheets[case.match.record]
            sheet.held.extend(drafted.actions)
            self._assignments.extend(drafted.assignments)
            told = (*case.reasons, Reason("limit", False, why))
            sheet.reasons.update({action.key: (*told, *drafted.told(action)) for action in drafted.actions})
            self._mark(case, "held" if drafted.actions else "fired")
            if storm is None:
                counts[case.rule.id, why] += bool(drafted.actions)
        self._notices += [f"{rule}: {count} held, {why}" for (rule, why), count in sorted(counts.items()) if count]

    def _draft(self, case: Case) -> Draft | None:
        """The match's writes, their turns taken in the ledger; None when it has to wait for a person."""
        drafted = draft(case.rule, case.match, case.state, case.reasons, self._desk)
        if drafted.waits:
            self._wait(case, drafted.waits)
            return None
        for assignment in drafted.assignments:
            self._desk.ledger.add(assignment)
        return drafted

    def _wait(self, case: Case, why: str) -> None:
        """The match stays due, so that every pass says so until it can go, and the first one after that acts."""
        self._waiting.append(HeldMatch(case.rule.id, case.match.record, why))
        self._sheets[case.match.record].due(self._moment.now)

    def _mark(self, case: Case, kind: MarkKind) -> None:
        match = case.match
        mark = Mark(match.rule, match.occasion, match.scope, self._moment.now, kind, match.released)
        self._sheets[match.record].marks.append(mark)
