"""One rule, one record, one instant: whether the rule fires, and if not, why not and when that could next change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from connector.domain.decision import Adoption, Match, Moment, Outcome, Reason, Verdict
from connector.domain.model import Mark, MarkKind
from rules import guards
from rules.calendar import DAY, FOREVER, Clocks
from rules.condition import Result, evaluate, first_flip, last_flip
from rules.facts import Facts
from rules.model import Condition, Every, NoNextStep, QuietFor, Rule, ScoreCrosses
from rules.occasion import PASSED, Occasion, Occasions
from rules.trigger import occasions

_OF_MARK: Mapping[MarkKind, Outcome] = {"held": "held", "baseline": "baseline"}
_STRENGTH: Sequence[MarkKind] = ("begun", "baseline", "skipped", "lost", "held", "fired", "stopped")
_ENDED = ("skipped", "stopped")
"""Marks with which a cadence went past a step, or ended, without the step having been carried out."""
_REFUSALS = ("guard.opted_out", "guard.do_not_call")
"""Guards that wait for no instant: a cadence passes over a step that the prospect refuses."""
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says of a record: the verdict, the match when it fires, and the baseline marks to store."""

    verdict: Verdict
    match: Match | None = None
    marks: tuple[Mark, ...] = ()
    would: bool = False
    """Whether the rule would act now if what it matches were not baseline as of this judgement."""

    @property
    def next_at(self) -> datetime | None:
        """The earliest instant after now at which time alone could change the verdict."""
        return self.verdict.next_at


def judge(rule: Rule, facts: Facts, moment: Moment, clocks: Clocks) -> Judgement:
    """Decide one rule on one record at `moment.now`; `facts` are of the same moment. Pure, and changes nothing.

    The reasons are without words, and those of a rule that waits are left out, where `facts.tells` is False.
    """
    return _Case(rule, facts, moment, clocks.local(facts.zone)).judgement()


class _Checked(NamedTuple):
    """Whether `if` and `unless` let a rule act, every leaf's reason, and until when time alone cannot change that."""

    holds: bool
    reasons: tuple[Reason, ...]
    flips_at: datetime | None


def _check(wanted: Result | None, *barring: Result | None) -> _Checked:
    """What an `if` and any number of `unless` come to together."""
    barred = [each for each in barring if each is not None]
    every = barred if wanted is None else [wanted, *barred]
    reasons = tuple(reason for each in every for reason in each.reasons)
    blocking = [each for each in barred if each.stops]
    if wanted is not None and wanted.holds is not True:
        blocking.append(wanted)
    if blocking:
        return _Checked(False, reasons, last_flip(each.flips_at for each in blocking))
    return _Checked(True, reasons, first_flip(each.flips_at for each in every))


class _Span(NamedTuple):
    """An occasion and when its wait is over."""

    occasion: Occasion
    due: datetime


class _Case:
    """The judging of one rule on one record."""

    def __init__(self, rule: Rule, facts: Facts, moment: Moment, clocks: Clocks) -> None:
        self.rule = rule
        self.step = rule.step
        self.facts = facts
        self.moment = moment
        self.now = moment.now
        self.clocks = clocks
        self.calendar = clocks[rule.calendar]
        self.found: Occasions = occasions(rule.when, facts, rule.wait, self.calendar)
        self.spans = self._standing()
        matured = [span for span in self.spans if span.due <= self.now]
        self.current = matured[-1] if matured else None
        self.coming = next((span for span in self.spans if span.due > self.now), None)
        self.adoption = moment.adoptions.get(rule.id) or Adoption(rule.id, self.now, baselined=False)
        self.own = facts.marks_of(rule.id)
        self.marks = self._baseline_marks(matured)

    def _due(self, start: datetime) -> datetime:
        """When the wait is over; one by the clock on the wall that ends in closed time ends at the next opening.

        Only a calendar of team.yaml closes anything: without one nobody has said when people are at work.
        """
        wait = self.rule.wait
        if not wait.amount:
            return start
        due = self.calendar.add(start, wait)
        by_the_wall = not wait.unit.startswith("business") and self.rule.calendar in self.facts.team.calendars
        return self.calendar.next_opening(due) if by_the_wall else due

    def _standing(self) -> list[_Span]:
        """The occasions that stand: a newer one replaces an older one whose wait was not over when it started."""
        found = self.found.found
        if len(found) < 2:
            return [_Span(each, self._due(each.start)) for each in found]
        found = tuple(sorted(found, key=lambda occasion: occasion.start))
        spans = [_Span(each, self._due(each.start)) for each in found]
        last = len(spans) - 1
        return [span for at, span in enumerate(spans) if at == last or span.due <= spans[at + 1].occasion.start]

    # -- baseline --------------------------------------------------------------------------------------------------

    @property
    def is_event(self) -> bool:
        """Whether the trigger is something that happened, not a state that lasts."""
        return not isinstance(self.rule.when, QuietFor | NoNextStep)

    @property
    def takes_baseline(self) -> bool:
        return self.rule.backfill.how == "none" and not self.adoption.baselined

    def _baseline_marks(self, matured: Sequence[_Span]) -> tuple[Mark, ...]:
        """What had already happened, and was due, when the workspace first met the rule."""
        if not (matured and self.takes_baseline and self.is_event):
            return ()
        known = {mark.occasion for mark in self.own}
        old = [span for span in matured if span.due <= self.adoption.at and span.occasion.id not in known]
        return tuple(self.baseline(span) for span in old)

    def baseline(self, span: _Span) -> Mark:
        return Mark(self.rule.id, span.occasion.id, self.scope(span), self.now, "baseline")

    # -- once ------------------------------------------------------------------------------------------------------

    def scope(self, span: _Span) -> str:
        """What `once` compares."""
        match self.rule.once.per:
            case "owner":
                return self.facts.owner_id or ""
            case "status":
                return self.facts.status or ""
            case "occasion":
                return span.occasion.id
            case _:
                return ""

    def mark_of(self, span: _Span) -> Mark | None:
        """How the occasion was dealt with before, or is now; the strongest mark where there are several."""
        marks = [mark for mark in (*self.own, *self.marks) if span.occasion.id == _occasion_of(mark)]
        marks = [mark for mark in marks if not self.is_let_go(mark, span)]
        if not marks and isinstance(self.rule.when, ScoreCrosses):
            # A score's past is worked out anew each time: edited lines, or an instant told more precisely, move a rise.
            marks = [mark for mark in self.own if span.due <= mark.at and not self.is_let_go(mark, span)][-1:]
        return max(marks, key=lambda mark: _STRENGTH.index(mark.kind), default=None)

    def is_let_go(self, mark: Mark, span: _Span) -> bool:
        """Whether the rule may act in spite of this mark: by a release, by a backfill of its baseline, or to do the rest of
        what it has begun on the same occasion."""
        if mark.kind == "begun":
            return mark.occasion == span.occasion.id
        if mark.kind == "baseline":
            return self.rule.backfill.how != "none"
        return mark.kind == "held" and mark.released

    def used(self, span: _Span) -> tuple[Reason, datetime | None] | None:
        """Why `once` is used up, and when it no longer is; None when it is not."""
        once = self.rule.once
        scope = self.scope(span)
        marks = [mark for mark in self.own if mark.scope == scope and mark.kind not in ("baseline", *_ENDED)]
        marks = [mark for mark in marks if not self.is_let_go(mark, span)]
        if not marks:
            return None
        last = max(marks, key=lambda mark: mark.at)
        name = str(once.period) if once.period is not None else once.per
        text = f"once per {name}: {_DONE[last.kind]} on {self.facts.shown(last.at, self.calendar)}"
        if once.per != "period" or once.period is None:
            return Reason("once", False, text, last.kind, at=last.at), None
        ends = self.calendar.add(last.at, once.period)
        if ends <= self.now:
            return None
        text = f"{text}, again from {self.facts.shown(ends, self.calendar)}"
        return Reason("once", False, text, last.kind, at=last.at), ends

    def used_up(self, span: _Span, reason: Reason, ends: datetime | None) -> Judgement:
        """`once` is used up. What happened meanwhile is over with: a call to the last owner is nothing new to the next one.

        A silence, or a missing next step, lasts, so the rule acts on it when `once` allows. Later steps of a cadence begin
        with their first.
        """
        reasons = (*self.told(span), reason)
        first = self.step is None or self.step.number == 1
        if not (first and self.is_event and self.rule.once.per in ("owner", "status", "period")):
            return self.verdict("done", reasons, ends)
        if span.due > self.now:
            return self.verdict("done", reasons, first_flip((span.due, ends)))
        self.marks = (*self.marks, Mark(self.rule.id, PASSED, span.occasion.id, self.now, "skipped"))
        return self.verdict("done", reasons, self.next_occasion())

    # -- the verdict -----------------------------------------------------------------------------------------------

    def judgement(self) -> Judgement:
        if not self.spans:
            reason = Reason(self.found.path, False, self.found.none)
            return self.verdict("no", (reason,), self.found.changes_at)
        stopped = guards.gone(self.facts.record)
        if stopped is not None:
            return self.verdict("blocked", (*self.told(self.spans[-1]), stopped), None)
        span = self.current
        mark = None if span is None else self.mark_of(span)
        if span is None or (mark is not None and mark.kind != "held" and self.coming is not None):
            return self.waits(self.coming or self.spans[-1])
        if mark is not None:
            settled = self.settled(span, mark)
            return replace(settled, would=mark in self.marks and mark.kind == "baseline" and self.would_act(span))
        used = self.used(span)
        if used is not None:
            return self.used_up(span, *used)
        return self.acts(span)

    def would_act(self, span: _Span) -> bool:
        """Whether only its being older than the rule keeps the rule from acting on the occasion; a slot passes by itself."""
        stop = self.stop()
        if (
            isinstance(self.rule.when, Every)
            or self.used(span) is not None
            or (stop is not None and stop.holds is True)
        ):
            return False
        lets = self.check(stop).holds and self.own_conditions().holds
        return lets and not guards.stops(self.rule, self.facts, self.calendar)

    def waits(self, span: _Span) -> Judgement:
        """The wait is not over."""
        mark = self.mark_of(span)
        if mark is not None and mark.kind in _ENDED:
            return self.settled(span, mark)
        used = self.used(span)
        if used is not None:
            return self.used_up(span, *used)
        stop = self.stop()
        if stop is not None and stop.holds is True and span.occasion.start <= self.now:
            return self.stopped(span, stop)
        reasons = self.check(stop).reasons if self.facts.tells else ()
        # The end of a meeting can only prolong a silence, but it can be the attempt that was still missing.
        sooner = None if isinstance(self.rule.when, QuietFor) else self.found.changes_at
        begins = span.occasion.start if stop is not None and span.occasion.start > self.now else None
        ends = None if stop is None else stop.flips_at
        return self.verdict("waits", (*self.told(span), *reasons), first_flip((span.due, sooner, begins, ends)))

    def settled(self, span: _Span, mark: Mark) -> Judgement:
        """The occasion has been dealt with."""
        text = f"{_DONE[mark.kind]} on {self.facts.shown(mark.at, self.calendar)}"
        told = f"the cadence was {text}" if mark.kind == "stopped" else f"this occasion was {text}"
        reasons = (*self.told(span), Reason("once", False, told, mark.kind, at=mark.at))
        return self.verdict(_OF_MARK.get(mark.kind, "done"), reasons, self.next_occasion())

    # -- cadences --------------------------------------------------------------------------------------------------

    def result(self, condition: Condition | None) -> Result | None:
        return None if condition is None else evaluate(condition, self.facts, self.calendar, self.clocks)

    def check(self, stop: Result | None) -> _Checked:
        """The rule's conditions; not knowing whether a cadence stops for a guard's sake holds it up, too."""
        return _check(self.result(self.rule.if_), self.result(self.rule.unless), stop)

    def stop(self) -> Result | None:
        """What the cadence's `stop` comes to, None for a rule that is no step."""
        return None if self.step is None else self.result(self.step.stop)

    def stopped(self, span: _Span, stop: Result) -> Judgement:
        """The cadence ends for this occasion, whatever comes later."""
        text = f"the cadence was stopped: {_because(stop.reasons, True)}"
        return self.ended(span, "stopped", (*stop.reasons, Reason("stop", True, text)), self.now)

    def passed_over(self, span: _Span, reasons: tuple[Reason, ...], text: str) -> Judgement:
        """The cadence goes on with its next step, whose wait begins when this one was due."""
        return self.ended(
            span, "skipped", (*reasons, Reason("step", False, f"the step is passed over: {text}")), span.due
        )

    def ended(self, span: _Span, kind: MarkKind, reasons: tuple[Reason, ...], at: datetime) -> Judgement:
        self.marks = (*self.marks, Mark(self.rule.id, span.occasion.id, self.scope(span), at, kind))
        follows = self.follows() if kind == "skipped" else None
        return self.verdict("done", (*self.told(span), *reasons), first_flip((follows, self.next_occasion())))

    def passed_slot(self, span: _Span, reasons: tuple[Reason, ...]) -> Judgement:
        """A time of the week at which the conditions do not hold is over: what is so on Tuesday is not told as Friday's.

        One mark is kept for the last such time, so that a weekly look at a large org does not fill the store.
        """
        self.marks = (*self.marks, Mark(self.rule.id, PASSED, span.occasion.id, self.now, "skipped"))
        text = "that was not so at this time; the next one is looked at again"
        return self.verdict("blocked", (*reasons, Reason(self.found.path, False, text)), self.next_occasion())

    def own_conditions(self) -> _Checked:
        """What the step's own conditions come to; a rule that is no step has none."""
        if self.step is None:
            return _check(None)
        return _check(self.result(self.step.if_), self.result(self.step.unless))

    def refused(self, own: _Checked, stopped: Sequence[tuple[Reason, datetime | None]]) -> str | None:
        """Why a step that is due is passed over, None when it is not: its own conditions, or what was refused.

        The words may be missing (`facts.tells`); that there is a reason must not hang on them.
        """
        if not own.holds:
            return "; ".join(reason.text for reason in own.reasons)
        return next((reason.text for reason, _ in stopped if reason.path in _REFUSALS), None)

    # -- acting ----------------------------------------------------------------------------------------------------

    def acts(self, span: _Span) -> Judgement:
        """The occasion is due: the conditions and the guards decide."""
        stop = self.stop()
        if stop is not None and stop.holds is True:
            return self.stopped(span, stop)
        checked = self.check(stop)
        # What else would stop a rule that its conditions stop is of interest to people only.
        looks = checked.holds or self.facts.tells
        stopped = guards.stops(self.rule, self.facts, self.calendar) if looks else []
        own = self.own_conditions()
        refused = self.refused(own, stopped) if self.step is not None and checked.holds else None
        if refused is not None:
            return self.passed_over(span, checked.reasons, refused)
        reasons = (*self.told(span), *checked.reasons, *(reason for reason, _ in stopped), *own.reasons)
        ends = [until for _, until in stopped]
        if not checked.holds:
            ends.append(checked.flips_at)
        if isinstance(self.rule.when, Every) and not checked.holds:
            return self.passed_slot(span, reasons)
        if ends:
            over = None if stop is None else stop.flips_at
            earliest = first_flip((last_flip(ends), own.flips_at, over, self.next_occasion()))
            return self.verdict("blocked", reasons, earliest)
        flips_at = first_flip((checked.flips_at, own.flips_at, self.next_occasion()))
        old = span.due <= self.adoption.at
        if old and self.takes_baseline and not self.is_event:
            self.marks = (*self.marks, self.baseline(span))
            reasons = (*reasons, Reason("once", False, "this held before the rule was new here"))
            return replace(self.verdict("baseline", reasons, self.next_occasion()), would=True)
        spread = old and self.rule.backfill.how == "spread"
        if spread and self.moment.backfilled.get(self.rule.id, 0) >= self.rule.backfill.per_day:
            midnight = datetime.combine(self.now.astimezone(UTC).date(), time(), UTC) + DAY
            text = f"{self.rule.backfill.per_day} a day of what is older than the rule have been let go today"
            reasons = (*reasons, Reason("backfill", False, text))
            return self.verdict("waits", reasons, first_flip((midnight, flips_at)))
        let_go = any(mark.released and mark.occasion == span.occasion.id and mark.kind == "held" for mark in self.own)
        ref, occasion = self.facts.record.ref, span.occasion.id
        match = Match(self.rule.id, ref, occasion, self.scope(span), span.due, spread, let_go)
        return self.verdict("fires", reasons, first_flip((flips_at, self.follows())), match)

    def follows(self) -> datetime | None:
        """The next step's wait begins with this one, so the record is looked at again as soon as that is known."""
        return self.now + _SOON if self.step is not None and self.step.number < self.step.of else None

    def next_occasion(self) -> datetime | None:
        """The next instant at which another occasion may take this one's place."""
        return first_flip((self.coming.due if self.coming else None, self.found.changes_at))

    def told(self, span: _Span) -> tuple[Reason, ...]:
        """What started the clock, and whether it has run out."""
        if not self.facts.tells:
            return ()
        occasion, wait = span.occasion, self.rule.wait
        when = Reason(self.found.path, occasion.start <= self.now, occasion.text, at=occasion.start)
        if not wait.amount:
            return (when,)
        start, due = (self.facts.shown(at, self.calendar) for at in (occasion.start, span.due))
        text = f"{wait} after {start} end on {due}"
        return when, Reason("wait", span.due <= self.now, text, str(wait), at=span.due)

    def verdict(
        self, outcome: Outcome, reasons: tuple[Reason, ...], next_at: datetime | None, match: Match | None = None
    ) -> Judgement:
        rule = self.rule
        later = next_at if next_at is not None and self.now < next_at < FOREVER else None
        verdict = Verdict(rule.id, rule.place.file, rule.place.line, outcome, reasons, later)
        return Judgement(verdict, match, self.marks)


_DONE: Mapping[MarkKind, str] = {
    "fired": "done",
    "begun": "done in part",
    "held": "held back for a release",
    "lost": "lost to another rule",
    "baseline": "taken as baseline",
    "skipped": "passed over",
    "stopped": "stopped",
}


def _occasion_of(mark: Mark) -> str:
    return mark.scope if mark.occasion == PASSED and mark.kind == "skipped" else mark.occasion


def _because(reasons: Sequence[Reason], holds: bool) -> str:
    """The reasons that decided, in a row."""
    return ", ".join(reason.text for reason in reasons if reason.holds is holds)
