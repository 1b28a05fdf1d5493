"""Plays cases with a moved clock: what the rules do about one record, and whether that is what was expected.

A pass is made whenever something has happened and whenever a deadline of the rules has come, as in life; each write
lands at once, and the record is looked at again until the rules come to rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from connector.domain.decision import Adoption, Decision, Moment, Plan, Verdict
from connector.domain.model import Owner
from rules.cases.coverage import Coverage
from rules.cases.expected import Deed, deed_of, meets, nearer, of_rule
from rules.cases.model import Case, Check, Event, Expectation
from rules.cases.obstacle import obstacle
from rules.cases.result import Entry, Failure, Obstacle, Played
from rules.cases.world import CRM, World
from rules.rulebook import FileRulebook

MAX_ROUNDS = 20
"""Passes in a row at one instant, each of which wrote something; rules that are not at rest by then never are."""

MAX_PASSES = 20_000
"""Passes of one case: years of a rule that looks every working day."""

AGAIN = timedelta(hours=1)
"""After so long a record that waits for a person is looked at again, as a cron job would."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When a case's workspace met its rules: before everything, so that nothing is baseline."""


class _NoRestError(Exception):
    """The rules write again and again."""


@dataclass(frozen=True, slots=True)
class Crew:
    """The rules bound to the people of a case."""

    rulebook: FileRulebook
    owners: tuple[Owner, ...]
    adoptions: Mapping[str, Adoption]


@dataclass(slots=True)
class Play:
    """The playing of one case; `played` may be asked once. Pure: the same case and rules give the same answer."""

    case: Case
    crew: Crew
    world: World
    coverage: Coverage
    deeds: list[Deed] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    deadline: datetime | None = None
    stale: bool = False
    """Whether the record has to be looked at again at the next stop, whenever that is."""
    news: bool = True
    """Whether something has happened, or was written, since the rules were asked last."""
    minds: dict[str, datetime | None] = field(default_factory=dict)
    """When each rule could change its mind by the clock alone."""
    passes: int = 0
    today: date | None = None
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    written: set[str] = field(default_factory=set)

    def played(self) -> Played:
        """Play it to the last expectation."""
        created = self.case.subject.created
        self.entries.append(Entry(created, "event", f"the {self.case.subject.kind} is created"))
        self.deadline = created
        try:
            for stop in _stops(self.case):
                self.run_to(stop.at)
                self.reach(stop)
        except _NoRestError as error:
            last = self.case.expectations[-1]
            self.failures.append(Failure(last.at, last.checks[0], problem=str(error)))
        return Played(self.case, tuple(self.failures), tuple(self.entries))

    def run_to(self, at: datetime) -> None:
        """Make the passes that are due before an instant."""
        while self.deadline is not None and self.deadline < at:
            self.look(self.deadline)

    def reach(self, stop: _Stop) -> None:
        """Let happen what happens at an instant, make the pass that is due then, and see what was expected."""
        for event in stop.events:
            self.happen(event)
        if stop.events or self.stale or (self.deadline is not None and self.deadline <= stop.at):
            self.look(stop.at)
        if stop.expectations:
            for expectation in stop.expectations:
                self.expect(expectation)
            self.deeds.clear()

    def happen(self, event: Event) -> None:
        fault = self.world.apply(event)
        self.news = True
        self.entries.append(Entry(event.at, "event", f"{event.text}: {fault}" if fault else event.text))
        if fault:
            check = Check("action", f"`{event.text}` can happen", event.place)
            self.failures.append(Failure(event.at, check, problem=fault))

    # -- passes ----------------------------------------------------------------------------------------------------

    def look(self, at: datetime) -> None:
        """Passes at one instant until nothing more comes of it."""
        for _ in range(MAX_ROUNDS):
            self.passes += 1
            if self.passes > MAX_PASSES:
                raise _NoRestError(f"after {MAX_PASSES:,} passes this case has not come to its end; let it be shorter")
            if not self.once(at):
                return
        names = ", ".join(dict.fromkeys(deed.rule for deed in self.deeds[-MAX_ROUNDS:]))
        raise _NoRestError(f"the rules do not come to rest: {names} act again and again")

    def once(self, at: datetime) -> bool:
        """One pass; whether anything came of it."""
        rulebook, moment = self.crew.rulebook, self.moment(at)
        decision = self.decide(moment)
        for alarm in decision.alarms:
            self.alarm(alarm, at)
        if not needs_plan(decision):
            self.world.mark(decision.marks)
            self.due(decision.next_at, at)
            self.news = bool(decision.marks)
            return self.news
        plan = self.undone(rulebook.plan([decision], moment))
        self.world.commit(plan)
        [record] = plan.records
        self.due(record.next_at, at)
        self.carry_out(plan, at)
        self.news = bool(record.actions or record.offers or record.marks)
        return self.news

    def decide(self, moment: Moment) -> Decision:
        """What the rules say; without news since the last time, those are asked whose next instant has come."""
        rulebook, state = self.crew.rulebook, self.world.state
        due = [rule for rule, at in self.minds.items() if at is not None and at <= moment.now]
        if self.news or not due:
            [decision] = rulebook.evaluate([state], moment)
        else:
            decision = rulebook.reconsider(state, moment, due)
        self.coverage.see(decision)
        self.minds.update({verdict.rule: verdict.next_at for verdict in decision.verdicts})
        ends = (decision.next_at, *self.minds.values())
        return replace(decision, next_at=min((at for at in ends if at is not None), default=None))

    def undone(self, plan: Plan) -> Plan:
        """As in life, a step of a match that has been carried out is not carried out twice."""
        [record] = plan.records
        actions = tuple(action for action in record.actions if action.key not in self.written)
        offers = tuple(offer for offer in record.offers if offer.state != "open" or offer.key not in self.written)
        return replace(plan, records=(replace(record, actions=actions, offers=offers),))

    def due(self, next_at: datetime | None, now: datetime) -> None:
        self.stale = next_at is not None and next_at <= now
        self.deadline = now + AGAIN if self.stale else next_at

    def carry_out(self, plan: Plan, at: datetime) -> None:
        """Write what the plan says, and note it."""
        [record] = plan.records
        owner = self.world.owner or ""
        pools = {line.rule: line.pool for line in plan.assignments}
        for action in record.actions:
            self.world.write(action, at)
            self.written.add(action.key)
            self.note(deed_of(action, at, self.case.zone, pool=pools.get(action.rule, "")))
        for action in record.held:
            self.note(deed_of(action, at, self.case.zone, held=True))
        for match in (*plan.held, *plan.waiting):
            self.note(Deed(at, match.rule, f"held: {match.why}", held=True))
        about = f"{self.world.ref}: "
        told = {entry.text for entry in self.entries if entry.what == "notice"}
        notices = (notice.removeprefix(about) for notice in plan.notices)
        self.entries += [Entry(at, "notice", notice) for notice in notices if notice not in told]
        for rule in {action.rule for action in record.actions}:
            self.fired[rule, owner] += 1
            self.coverage.fired(rule)

    def alarm(self, text: str, at: datetime) -> None:
        """The two evaluators do not agree: whatever was expected, that is not."""
        self.entries.append(Entry(at, "alarm", text))
        check = Check("nothing", "no alarm", self.case.place)
        self.failures.append(Failure(at, check, problem=text))

    def note(self, deed: Deed) -> None:
        """Keep a deed; one that waits for a person says so at every pass, which is told once."""
        if deed.action is None and any((old.rule, old.text) == (deed.rule, deed.text) for old in self.deeds):
            return
        self.deeds.append(deed)
        entry = Entry(deed.at, "held" if deed.held else "done", deed.text, deed.rule)
        if deed.action is not None or all((old.rule, old.text) != (entry.rule, entry.text) for old in self.entries):
            self.entries.append(entry)

    def moment(self, at: datetime) -> Moment:
        today = at.astimezone(UTC).date()
        if today != self.today:
            self.today = today
            self.fired.clear()
        loads = dict(self.case.loads)
        if self.world.owner is not None:
            loads[self.world.owner] = loads.get(self.world.owner, 0) + 1
        return Moment(
            at,
            CRM,
            self.crew.owners,
            self.crew.adoptions,
            tuple(self.world.assignments),
            fired_today=dict(self.fired),
            population={self.case.subject.kind: 1},
            loads=loads,
        )

    # -- expectations ----------------------------------------------------------------------------------------------

    def expect(self, expectation: Expectation) -> None:
        """Compare what was done since the last expectation with this one."""
        mine = [deed for deed in self.deeds if of_rule(deed.rule, expectation.rule)]
        left = [deed for deed in mine if not deed.held]
        for check in expectation.checks:
            failure = self.failure(check, expectation, mine, left)
            self.entries.append(Entry(expectation.at, "failed" if failure else "met", check.text, expectation.rule))
            if failure is not None:
                self.failures.append(failure)

    def failure(self, check: Check, expectation: Expectation, mine: Sequence[Deed], left: list[Deed]) -> Failure | None:
        """What a check has against it; an action that meets one is taken out of `left`."""
        at = expectation.at
        match check.what:
            case "nothing":
                return Failure(at, check, tuple(left)) if left else None
            case "held":
                held = any(deed.held for deed in mine)
                return None if held else Failure(at, check, tuple(left), self.obstacles(check, expectation))
            case "blocked":
                verdicts = self.verdicts(expectation)
                if any(verdict.outcome == "blocked" for verdict in verdicts):
                    return None
                return Failure(at, check, tuple(left), told(verdicts))
        found = next((deed for deed in left if meets(check, deed)), None)
        if found is None:
            instead = tuple(nearer(check, deed) for deed in mine)
            return Failure(at, check, instead, self.obstacles(check, expectation, mine))
        left.remove(found)
        return None

    def verdicts(self, expectation: Expectation) -> Sequence[Verdict]:
        """What the rules that are looked at say at the expectation's instant."""
        found = self.crew.rulebook.explain(self.world.state, self.moment(expectation.at))
        return [verdict for verdict in found if of_rule(verdict.rule, expectation.rule)]

    def obstacles(self, check: Check, expectation: Expectation, mine: Sequence[Deed] = ()) -> tuple[Obstacle, ...]:
        """Why the rules that could have done what was expected did not; those that did something else say so already."""
        acted = {deed.rule for deed in mine if not deed.held}
        able = self.coverage.rules_that(check.kind) if check.kind is not None else None
        verdicts = [verdict for verdict in self.verdicts(expectation) if verdict.rule not in acted]
        return told([each for each in verdicts if able is None or each.rule in able])


def told(verdicts: Sequence[Verdict]) -> tuple[Obstacle, ...]:
    """What stood in the way of each rule."""
    return tuple(Obstacle(verdict.rule, verdict.outcome, obstacle(verdict)) for verdict in verdicts)


def needs_plan(decision: Decision) -> bool:
    """Whether a decision asks for a plan."""
    return bool(decision.matches) or decision.upkeep


@dataclass(frozen=True, slots=True)
class _Stop:
    """An instant of a case, what happens then, and what is expected by then."""

    at: datetime
    events: tuple[Event, ...]
    expectations: tuple[Expectation, ...]


def _stops(case: Case) -> Iterator[_Stop]:
    """The instants of a case in the order of time, up to its last expectation."""
    events: dict[datetime, list[Event]] = {}
    for event in case.events:
        events.setdefault(event.at, []).append(event)
    wanted: dict[datetime, list[Expectation]] = {}
    for expectation in case.expectations:
        wanted.setdefault(expectation.at, []).append(expectation)
    last = max(wanted)
    for at in sorted({*events, *wanted}):
        if at <= last:
            yield _Stop(at, tuple(events.get(at, ())), tuple(wanted.get(at, ())))
