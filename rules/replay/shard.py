"""Some of the records of a replay, and the rules that look at them pass by pass; shards of one replay never meet."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connector.domain.decision import Adoption, Decision, Moment, RecordPlan, Verdict
from connector.domain.model import ENDED_STATUSES, CrmSchema, Owner, RecordRef, RecordState
from connector.domain.replay import Answer, Census, Gap, Order, OurWrites, Shift
from rules.needs import ALWAYS_HISTORY
from rules.replay.track import Track
from rules.rulebook import FileRulebook

NEVER = 1 << 60
"""The number of a pass that is never made."""

AT_ONCE = timedelta(days=1)
"""A record that was read so soon after its creation is taken to have been created as it was read."""

Field = tuple[str, str]
"""A kind of record and one of its fields."""

_NOTHING = OurWrites()


class Shard:
    """Looks at its records as the passes of a replay would; `rulebook` is bound to the CRM."""

    def __init__(
        self,
        rulebook: FileRulebook,
        passes: Sequence[datetime],
        crm: str,
        owners: Sequence[Owner],
        schema: CrmSchema | None,
    ) -> None:
        self._rulebook = rulebook
        self._passes = passes
        self._crm = crm
        self._owners = tuple(owners)
        self._needs = rulebook.needs()
        self._ended = ENDED_STATUSES if schema is None else schema.ended
        self._states: list[tuple[RecordState, OurWrites]] = []
        self._tracks: dict[RecordRef, Track] = {}
        self._late: dict[RecordRef, int] = {}
        self._news: dict[int, set[RecordRef]] = defaultdict(set)
        self._deadlines: dict[int, list[RecordRef]] = defaultdict(list)
        self._deadline: dict[RecordRef, int] = {}
        self._rules = [rule.id for rule in rulebook.rules]
        self._weighs = self._needs.loads or self._needs.companies
        self._ways = (rulebook.single, rulebook.by_changes)
        self._minds: dict[RecordRef, _Mind] = {}
        self._stood: dict[RecordRef, Shift] = {}

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of record that the rules look at."""
        return self._needs.kinds

    # -- before the first pass -------------------------------------------------------------------------------------

    def add(self, states: Iterable[RecordState], ours: Mapping[RecordRef, OurWrites]) -> None:
        """Take records, each with what followup really wrote on it."""
        self._states += [(state, ours.get(state.record.ref, _NOTHING)) for state in states]

    def told(self) -> frozenset[Field]:
        """The fields of whose changes the CRM itself told from before we looked: their history reaches back."""
        return frozenset(
            (state.record.ref.kind, change.field)
            for state, _ in self._states
            for change in state.changes
            if change.exact and change.origin == "crm" and change.at < state.first_seen
        )

    def changed(self) -> frozenset[Field]:
        """The fields of which any change is stored."""
        return frozenset((state.record.ref.kind, change.field) for state, _ in self._states for change in state.changes)

    def begin(self, told: frozenset[Field], changed: frozenset[Field]) -> Census:
        """Place every record in time; `told` and `changed` are those of all shards together."""
        since, until = self._passes[0], self._passes[-1]
        gaps = _Gaps(since)
        entered: dict[str, list[datetime]] = defaultdict(list)
        gone: dict[str, list[datetime]] = defaultdict(list)
        for state, ours in self._states:
            kind = state.record.ref.kind
            missing = sorted(name for name in self._watched(kind) if (kind, name) not in told)
            entry = entry_of(state, since, missing)
            gaps.see(state, entry, missing, self._assumed(kind, changed), ours)
            if entry > until:
                continue
            track = Track(state, entry, ours)
            if track.gone_at is not None and track.gone_at <= since:
                continue
            self._place(track, entry > max(since, state.record.created))
            entered[kind].append(entry)
            if track.gone_at is not None and not state.record.converted:
                gone[kind].append(track.gone_at)
        self._states = []
        return Census(entered, gone, gaps.found(), self._first())

    def _watched(self, kind: str) -> frozenset[str]:
        return self._needs.history.get(kind, ALWAYS_HISTORY)

    def _assumed(self, kind: str, changed: frozenset[Field]) -> Sequence[str]:
        """Fields that rules read and of which no change was ever stored; what never changes is left out."""
        read = self._needs.fields.get(kind, frozenset()) - self._watched(kind) - {"created", "name", "email"}
        return sorted(name for name in read if (kind, name) not in changed)

    def _place(self, track: Track, late: bool) -> None:
        number = pass_of(self._passes, track.entry, -1)
        if number == NEVER:
            return
        self._tracks[track.ref] = track
        if late:
            self._late[track.ref] = number
        for at in {number, *(pass_of(self._passes, at, number) for at in track.news())} - {NEVER}:
            self._news[at].add(track.ref)

    # -- passes ----------------------------------------------------------------------------------------------------

    def look(self, order: Order) -> Answer:
        """Evaluate the records that are due at a pass; those with nothing to plan are done with it."""
        for plan in order.plans:
            self._tracks[plan.ref].carry_out(plan, self._passes[order.last])
            self._again(plan.ref, next_look(plan, self._passes[order.last]), order.last)
        planned: list[Decision] = []
        baseline: Counter[str] = Counter()
        alarms: list[str] = []
        shifts: list[Shift] = []
        moments: dict[int, Moment] = {}
        news = frozenset(self._news.get(order.number, ()))
        refs = self._due(order.number)
        for ref in refs:
            track, late = self._tracks[ref], self._late.get(ref, 0)
            moment = moments.get(late) or moments.setdefault(late, self._moment(order, late))
            state = track.at(moment.now)
            mind = self._minds.get(ref) or self._minds.setdefault(ref, _Mind(self._rulebook, *self._ways))
            decision = mind.decide(state, moment, ref in news)
            baseline.update(mark.rule for mark in decision.marks if mark.kind == "baseline")
            alarms += decision.alarms
            shifts += self._shifted(state)
            if decision.matches or decision.upkeep:
                matched = {match.rule for match in decision.matches}
                verdicts = tuple(verdict for verdict in decision.verdicts if verdict.rule in matched)
                planned.append(replace(decision, verdicts=verdicts))
            else:
                track.mark(decision.marks)
                self._again(ref, decision.next_at, order.number)
        return Answer(planned, len(refs), self._first(), baseline, alarms, shifts)

    def _due(self, number: int) -> Sequence[RecordRef]:
        """The records with news since the last pass, or whose deadline has come."""
        due = self._news.pop(number, set())
        due.update(ref for ref in self._deadlines.pop(number, ()) if self._deadline.get(ref) == number)
        return sorted(due)

    def _again(self, ref: RecordRef, at: datetime | None, number: int) -> None:
        """Look at a record again at its new deadline, which takes the place of an older one."""
        coming = pass_of(self._passes, at, number)
        self._deadline[ref] = coming
        if coming != NEVER:
            self._deadlines[coming].append(ref)

    def _first(self) -> int:
        return min(min(self._news, default=NEVER), min(self._deadlines, default=NEVER))

    def _moment(self, order: Order, late: int) -> Moment:
        """The moment of a pass; what already matched when a record came in (at the pass of number `late`) is baseline."""
        met = self._passes[late]
        adoptions = {rule: Adoption(rule, met, order.number > late) for rule in self._rules}
        return Moment(self._passes[order.number], self._crm, self._owners, adoptions, backfilled=order.backfilled)

    def _shifted(self, state: RecordState) -> Sequence[Shift]:
        """What has changed about a record that turns in a pool are weighed by."""
        record = state.record
        if not self._weighs:
            return ()
        gone = record.deleted or record.converted or record.merged_into is not None
        ended = (record.status or "").casefold() in self._ended
        counts = not gone and not ended and record.fields.get("closed") is not True
        shift = Shift(record.ref, str(record.fields.get("company") or "").strip().casefold(), record.owner, counts)
        if self._stood.get(record.ref) == shift:
            return ()
        self._stood[record.ref] = shift
        return (shift,)


def pass_of(passes: Sequence[datetime], at: datetime | None, after: int) -> int:
    """The number of the first pass that is not before an instant and comes after another pass; NEVER for None."""
    if at is None:
        return NEVER
    number = max(bisect_left(passes, at), after + 1)
    return number if number < len(passes) else NEVER


def next_look(plan: RecordPlan, now: datetime) -> datetime | None:
    """When a record is to be looked at again; at once after a write, without which its deadline was worked out."""
    return now if plan.actions else plan.next_at


def entry_of(state: RecordState, since: datetime, missing: Sequence[str]) -> datetime:
    """From when on a record's past is known, not before `since`; `missing` are its fields without an older history."""
    record = state.record
    start = max(since, record.created)
    if not missing or record.modified <= start or state.first_seen <= start:
        return start
    if record.created >= since and state.first_seen - record.created <= AT_ONCE:
        return start
    return state.first_seen


class _Mind:
    """What the rules last said of one record, so that only those are asked again that may say something else."""

    def __init__(self, rulebook: FileRulebook, single: frozenset[str], by_changes: frozenset[str]) -> None:
        self._rulebook = rulebook
        self._single = single
        self._by_changes = by_changes
        self._next: dict[str, datetime | None] = {}
        self._over: set[str] = set()
        """Rules that are done with the record for good."""
        self._settled: set[str] = set()
        """Rules that only another change of a field can wake."""
        self._changes = -1
        self._touched = True

    def decide(self, state: RecordState, moment: Moment, news: bool) -> Decision:
        """The decision at a moment; without news since the last one only rules whose deadline has come have a say."""
        rulebook, now, known = self._rulebook, moment.now, self._next
        if not known:
            decision = rulebook.evaluate([state], moment)[0]
        else:
            decision = rulebook.reconsider(state, moment, self._awake(state, now, news or self._touched))
        self._changes = len(state.changes)
        for verdict in decision.verdicts:
            self._next[verdict.rule] = verdict.next_at
            self._settle(verdict)
        self._touched = bool(decision.matches or decision.marks or decision.upkeep or decision.alarms)
        ends = [at for at in (decision.next_at, *known.values()) if at is not None and at > now]
        return replace(decision, next_at=min(ends, default=None))

    def _awake(self, state: RecordState, now: datetime, news: bool) -> Sequence[str]:
        """The rules that may say something else than the last time."""
        if not news:
            return [rule for rule, at in self._next.items() if at is not None and at <= now]
        asleep = self._over if len(state.changes) != self._changes else self._over | self._settled
        return [rule for rule in self._next if rule not in asleep]

    def _settle(self, verdict: Verdict) -> None:
        rule = verdict.rule
        self._settled.discard(rule)
        if verdict.next_at is not None or verdict.outcome not in ("no", "done", "baseline"):
            return
        if rule in self._by_changes:
            self._settled.add(rule)
        elif rule in self._single and verdict.outcome != "no":
            self._over.add(rule)


class _Gaps:
    """Counts the history that is missing."""

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._unknown: Counter[Field] = Counter()
        self._until: dict[Field, datetime] = {}
        self._assumed: Counter[Field] = Counter()
        self._over: Counter[Field] = Counter()

    def see(
        self, state: RecordState, entry: datetime, missing: Sequence[str], assumed: Sequence[str], ours: OurWrites
    ) -> None:
        """Count in a record that is looked at from `entry` on."""
        record = state.record
        kind = record.ref.kind
        if entry > max(self._since, record.created):
            for name in missing:
                self._unknown[kind, name] += 1
                self._until[kind, name] = max(entry, self._until.get((kind, name), entry))
        if record.modified > self._since:
            self._assumed.update((kind, name) for name in assumed if name in record.fields)
        for each in state.enrollments:
            if not each.active and each.name not in ours.unenrolled:
                self._over[kind, each.name] += 1

    def found(self) -> Sequence[Gap]:
        """The gaps, by what is missing, kind and field."""
        unknown = [Gap("unknown", *key, count, self._until[key]) for key, count in sorted(self._unknown.items())]
        assumed = [Gap("assumed", *key, count) for key, count in sorted(self._assumed.items())]
        return (*unknown, *assumed, *(Gap("ended", *key, count) for key, count in sorted(self._over.items())))
