"""The rulebook: what rules need, what they say of a record, why, and the last look before a write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from builders import (
    ANA,
    BEN,
    OWNERS,
    PLACE,
    REF,
    adopted,
    any_of,
    assigned,
    at,
    call,
    call_task,
    change,
    email,
    enroll,
    enrollment,
    field_is,
    lead,
    moment,
    person,
    rule,
    ruleset,
    schema,
    span,
    state,
    team,
)

from connector.domain.decision import PlannedAction, Verdict
from connector.domain.errors import ConfigError, Problem
from connector.domain.model import Mark, Record, RecordRef, RecordState
from rules import confirm
from rules.actions import NoteAction, ReassignAction, SetAction
from rules.basics import Place
from rules.model import Assigned, AttemptsTest, Condition, EnrolledTest, FieldChange, QuietFor, Rule
from rules.rulebook import FileRulebook
from rules.team import Absence, ContactLimits, Team
from rules.template import parse

NOW = "2026-03-04 10:00"


def book(*rules: Rule, of: Team | None = None, engine: str = "plain") -> FileRulebook:
    loaded = FileRulebook(ruleset(*rules, of=of), engine=engine)
    assert loaded.bind(schema(), OWNERS) == ()
    return loaded


def outcomes(verdicts: object) -> Mapping[str, str]:
    assert isinstance(verdicts, list)
    return {verdict.rule: verdict.outcome for verdict in verdicts if isinstance(verdict, Verdict)}


def reassign(to: str = "ben") -> ReassignAction:
    return ReassignAction(to, None, False, "hold", None, PLACE)


def no_call_yet() -> Condition:
    return AttemptsTest(1, None, ("call",), "anyone", "created", "unless.attempts", PLACE)


# -- what it is made of --------------------------------------------------------------------------------------------


def test_a_rule_is_known_by_its_place_and_by_a_fingerprint_of_what_it_does() -> None:
    (info,) = book(rule()).rules
    assert (info.id, info.why, info.file, info.line, info.kind) == ("r", "Every lead is called", PLACE.file, 3, "lead")

    def fingerprint(of: FileRulebook) -> str:
        return of.rules[0].fingerprint

    same = fingerprint(book(rule()))
    assert fingerprint(book(rule(why="Other words", place=Place("other.yaml", 9, 9)))) == same
    assert fingerprint(book(rule(wait=span(1, "days")))) != same
    assert fingerprint(book(rule(), of=team(person("ana", zone="Asia/Tokyo")))) != same


def test_a_rule_that_the_crm_cannot_serve_is_quarantined_by_name_and_the_others_run() -> None:
    file_problem = Problem("rules/a.yaml", 1, 1, "not understood", "broken")
    loaded = FileRulebook(ruleset(rule(), rule(id="odd", if_=field_is("custom.tier", "gold"))), [file_problem])
    problems = loaded.bind(schema(), OWNERS)
    assert [problem.rule for problem in problems] == ["odd"]
    assert [info.id for info in loaded.rules] == ["r"]
    assert [problem.rule for problem in loaded.problems] == ["broken", "odd"]
    assert "custom.tier" not in loaded.needs().fields["lead"]
    loaded.bind(schema(), OWNERS)
    assert len(loaded.problems) == 2


def test_an_engine_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match="auto, durable, plain"):
        FileRulebook(ruleset(rule()), engine="prolog")


def test_what_the_rules_read_and_write_is_what_they_need() -> None:
    first = rule(
        FieldChange("becomes", "rating", ("Hot",)),
        if_=field_is("country", "DE"),
        unless=any_of(EnrolledTest("webinar", "unless.enrolled", PLACE)),
        then=(
            SetAction({"score": 5}, PLACE),
            enroll("brochure"),
            NoteAction(parse("{lead.title}"), PLACE),
            reassign(),
        ),
    )
    second = rule(QuietFor(span(1, "days"), ("call", "note"), "anyone"), id="deal-rule", kind="deal")
    needs = FileRulebook(ruleset(first, second)).needs()
    always = {"status", "owner", "opted_out", "do_not_call", "name", "email", "created"}
    assert needs.kinds == {"lead", "deal"}
    assert needs.fields == {"lead": always | {"rating", "country", "score", "title"}, "deal": always}
    assert needs.history == {"lead": {"status", "owner", "rating"}, "deal": {"status", "owner"}}
    assert needs.activities == {"call", "email", "meeting", "task", "note"}
    assert needs.enrollments == {"webinar", "brochure"}
    assert needs.writes == {"set", "enroll", "note", "reassign", "task"}
    assert needs.written_fields == {"lead": {"score", "owner"}, "deal": frozenset()}


def test_notes_are_read_only_for_a_rule_that_counts_them() -> None:
    assert FileRulebook(ruleset(rule())).needs().activities == {"call", "email", "meeting", "task"}


# -- evaluating ----------------------------------------------------------------------------------------------------


def test_records_are_evaluated_in_their_order_by_the_rules_of_their_kind() -> None:
    deal = replace(lead(), ref=RecordRef("salesforce", "deal", "006"))
    loaded = book(rule(wait=span(5, "days")), rule(id="s", kind="deal"))
    when = moment(NOW, adopted("2020-01-01 00:00", rule="s"))
    of_deal, of_lead = loaded.evaluate([state(deal), state(lead())], when)
    assert [match.rule for match in of_deal.matches] == ["s"]
    assert of_lead.matches == ()
    assert of_lead.next_at == at("2026-03-07 09:00")
    assert [verdict.rule for verdict in of_lead.verdicts] == ["r"]


@pytest.mark.parametrize("engine", ["plain", "auto"])
def test_both_evaluators_confirm_what_holds_and_what_does_not(engine: str) -> None:
    loaded = book(
        rule(if_=field_is("country", "DE"), unless=any_of(no_call_yet(), field_is("opted_out", True, path="unless.o"))),
        engine=engine,
    )
    cases = [
        (state(lead(country="de")), True),
        (state(lead(country="FR")), False),
        (state(lead(country=None)), False),
        (state(lead(country="DE"), call("2026-03-03 10:00")), False),
        (state(lead(country="DE", hidden=["opted_out"])), False),
    ]
    decisions = loaded.evaluate([each for each, _ in cases], moment(NOW))
    assert [bool(decision.matches) for decision in decisions] == [fires for _, fires in cases]
    assert all(decision.alarms == () for decision in decisions)


class Contrary:
    """An engine that says of every rule the opposite of what is right: here, that nothing ever matches."""

    def evaluate(self, facts: Mapping[str, str | int | float | bool]) -> frozenset[str]:
        return frozenset()


def test_a_disagreement_plans_nothing_for_that_rule_and_names_rule_and_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm, "make_engine", lambda program, kind: Contrary())
    loaded = book(rule())
    (decision,) = loaded.evaluate([state(lead())], moment(NOW))
    assert decision.matches == ()
    assert decision.alarms == (f"r on {REF}: the two evaluators do not agree, so nothing is done",)
    assert loaded.plan([decision], moment(NOW)).actions == ()
    (verdict,) = loaded.explain(state(lead()), moment(NOW))
    assert verdict.outcome == "blocked"
    assert verdict.reasons[-1].path == "engine"


class Eager:
    """An engine that says of every rule that it matches."""

    def evaluate(self, facts: Mapping[str, str | int | float | bool]) -> frozenset[str]:
        return frozenset({"r"})


def test_an_engine_that_matches_what_the_conditions_stop_is_reported_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm, "make_engine", lambda program, kind: Eager())
    german = book(rule(if_=field_is("country", "DE")))
    (decision,) = german.evaluate([state(lead(country="FR"))], moment(NOW))
    assert decision.matches == ()
    assert len(decision.alarms) == 1


@pytest.mark.parametrize("fresh", [lead(converted=True), lead("2026-03-04 09:59")])
def test_what_a_guard_or_the_clock_stops_is_no_disagreement(monkeypatch: pytest.MonkeyPatch, fresh: Record) -> None:
    monkeypatch.setattr(confirm, "make_engine", lambda program, kind: Eager())
    (decision,) = book(rule(wait=span(1, "hours"))).evaluate([state(fresh)], moment(NOW))
    assert (decision.matches, decision.alarms) == ((), ())


# -- explaining ----------------------------------------------------------------------------------------------------


def test_explain_has_a_verdict_for_every_rule_of_the_kind_in_the_order_of_the_file() -> None:
    loaded = book(
        rule(id="fires", then=(reassign("eva"),)),
        rule(id="waits", wait=span(5, "days")),
        rule(id="deal", kind="deal"),
        rule(id="blocked", if_=field_is("country", "DE")),
        rule(Assigned(), id="no"),
    )
    when = moment(NOW, *(adopted("2020-01-01 00:00", rule=info.id) for info in loaded.rules))
    verdicts = loaded.explain(state(lead(owner=None)), when)
    assert outcomes(verdicts) == {"fires": "fires", "waits": "waits", "blocked": "blocked", "no": "no"}
    assert [verdict.rule for verdict in verdicts] == ["fires", "waits", "blocked", "no"]
    last = verdicts[2].reasons[-1]
    assert (last.path, last.holds, last.text) == ("if.country", None, "the CRM does not show country")


def test_explain_says_that_no_person_could_act() -> None:
    loaded = book(rule(then=(reassign("gus"),)))
    (verdict,) = loaded.explain(state(lead()), moment(NOW))
    assert verdict.outcome == "held"
    last = verdict.reasons[-1]
    assert (last.path, last.holds, last.text) == ("then", False, "gus is inactive; name a person in `to`")


def test_explain_says_whom_a_pool_would_choose_and_why() -> None:
    pooled = rule(then=(call_task(), ReassignAction(None, "inbound", False, "hold", None, PLACE)))
    (verdict,) = book(pooled).explain(state(), moment(NOW))
    assert verdict.outcome == "fires"
    assert (verdict.reasons[-1].path, verdict.reasons[-1].holds) == ("then.1", True)
    assert verdict.reasons[-1].text == "ben, whose turn it is: none so far, share 100 %"


def test_explain_says_which_rule_would_win() -> None:
    loaded = book(rule(id="loser", then=(reassign(),)), rule(id="winner", then=(reassign("eva"),), priority=1))
    when = moment(NOW, *(adopted("2020-01-01 00:00", rule=name) for name in ("loser", "winner")))
    loser, winner = loaded.explain(state(lead()), when)
    assert (loser.outcome, winner.outcome) == ("done", "fires")
    assert loser.reasons[-1].text == "lost to winner over owner"


# -- the last look before a write ----------------------------------------------------------------------------------


def planned(loaded: FileRulebook, of: RecordState | None = None) -> list[PlannedAction]:
    when = moment(NOW)
    return list(loaded.plan(loaded.evaluate([of or state(lead())], when), when).actions)


def rechecked(the_rule: Rule, fresh: Record, *more: object, of: Team | None = None, position: int = 0) -> str | None:
    """Why an action planned on a plain lead is dropped when the record reads like this, None when it is not."""
    loaded = book(the_rule, of=of)
    action = planned(loaded, state(lead(country="DE")))[position]
    reason = loaded.recheck(action, state(fresh, *more), moment(NOW))  # type: ignore[arg-type]
    return None if reason is None else f"{reason.path}: {reason.text}"


def test_an_action_stands_while_nothing_changed_that_matters() -> None:
    assert rechecked(rule(), lead(country="FR", score=3)) is None


def test_nothing_is_written_to_a_record_that_is_gone() -> None:
    survivor = RecordRef("salesforce", "lead", "00Q2")
    assert rechecked(rule(), lead(deleted=True)) == "guard.deleted: the record is deleted"
    assert rechecked(rule(), lead(converted=True)) == "guard.converted: the record is converted"
    assert rechecked(rule(), lead(merged_into=survivor)) == "guard.merged: merged into lead:00Q2"


def test_an_action_is_dropped_when_owner_or_status_changed_or_can_no_longer_be_seen() -> None:
    assert rechecked(rule(), lead(owner=BEN.id)) == "saw.owner: owner changed since the decision"
    assert rechecked(rule(), lead(owner=None)) == "saw.owner: owner changed since the decision"
    assert rechecked(rule(), lead(status="Interested")) == "saw.status: status changed since the decision"
    assert rechecked(rule(), lead(hidden=["status"])) == "saw.status: the CRM no longer shows status"


def test_what_nobody_saw_when_it_was_decided_drops_nothing_and_what_was_seen_does() -> None:
    loaded = book(rule(then=(NoteAction(parse("Hello"), PLACE),)))
    for unseen, seen, value in (("owner", "status", "Interested"), ("status", "owner", BEN.id)):
        (action,) = planned(loaded, state(lead(hidden=[unseen])))
        assert loaded.recheck(action, state(lead(hidden=[unseen])), moment(NOW)) is None
        reason = loaded.recheck(action, state(lead(hidden=[unseen], **{seen: value})), moment(NOW))
        assert reason is not None
        assert reason.path == f"saw.{seen}"


def test_an_action_is_dropped_when_somebody_opted_out_since_or_nobody_can_see_it() -> None:
    assert rechecked(rule(), lead(opted_out=True)) == "saw.opted_out: has opted out since the decision"
    assert rechecked(rule(), lead(hidden=["opted_out"])) == "saw.opted_out: opt-out can no longer be seen"
    going = rule(then=(enroll(),))
    assert rechecked(going, lead(opted_out=True)) == "guard.opted_out: has opted out"
    assert rechecked(going, lead(opted_out=None)) == "guard.opted_out: opt-out cannot be seen: enrolment stops"
    assert rechecked(going, lead()) is None


def test_the_conditions_are_looked_at_again() -> None:
    german = rule(if_=field_is("country", "DE"), unless=no_call_yet())
    assert rechecked(german, lead(country="DE")) is None
    assert str(rechecked(german, lead(country="FR"))).startswith("if.country: country is FR")
    assert str(rechecked(german, lead())).startswith("if.country: ")
    assert str(rechecked(german, lead(country="DE"), call("2026-03-04 09:59"))).startswith("unless.attempts: ")


def test_an_action_of_a_rule_that_is_gone_is_dropped() -> None:
    (action,) = planned(book(rule()))
    reason = book(rule(id="other")).recheck(action, state(lead()), moment(NOW))
    assert reason is not None
    assert reason.text == "rule r does not run any more"


def recycling() -> Rule:
    """Sets the status it asks for, then moves the record on; both are in its conditions."""
    return rule(
        if_=field_is("status", "new"),
        unless=any_of(AttemptsTest(None, 0, ("call",), "anyone", "assigned", "unless.attempts", PLACE)),
        then=(SetAction({"status": "interested"}, PLACE), reassign(), call_task()),
    )


def test_what_the_match_itself_wrote_before_does_not_drop_its_later_actions() -> None:
    called = state(lead(), call("2026-03-03 10:00"))
    loaded = book(recycling())
    setting, moving, tasking = planned(loaded, called)
    not_yet, done = lead(), lead(status="Interested")
    ours = change("status", "Open - Not Contacted", "Interested", NOW, origin="us")
    for fresh in (state(not_yet, *called.activities), state(done, ours, *called.activities)):
        assert loaded.recheck(moving, fresh, moment(NOW)) is None
    moved = assigned(BEN, NOW, old=ANA, origin="us")
    after = state(lead(status="Interested", owner=BEN.id), ours, moved, *called.activities)
    assert loaded.recheck(tasking, after, moment(NOW)) is None
    assert loaded.recheck(setting, state(not_yet, *called.activities), moment(NOW)) is None


def handing_on() -> Rule:
    """Moves the record on and asks for a call, when nobody has called since it was assigned."""
    return rule(
        if_=AttemptsTest(None, 0, ("call",), "anyone", "assigned", "if.attempts", PLACE),
        then=(reassign(), call_task()),
    )


def test_only_what_the_match_itself_did_is_taken_back_for_its_later_conditions() -> None:
    loaded = book(handing_on())
    called, earlier = call("2026-03-03 10:00"), assigned(ANA, "2026-03-03 12:00", old=BEN, origin="us")
    moving, tasking = planned(loaded, state(lead(), called, earlier))
    moved = lead(owner=BEN.id)
    ours = assigned(BEN, NOW, old=ANA, origin="us")
    assert loaded.recheck(tasking, state(moved, called, earlier, ours), moment(NOW)) is None
    # An assignment of an earlier match, its own being on the way still, stands: the call was before it.
    assert loaded.recheck(moving, state(lead(), called, earlier), moment(NOW)) is None
    assert loaded.recheck(tasking, state(lead(), called, earlier), moment(NOW)) is None


def test_the_same_change_made_by_somebody_else_is_not_taken_for_the_match_s_own() -> None:
    loaded = book(recycling())
    before = state(lead(), call("2026-03-03 10:00"))
    _, _, tasking = planned(loaded, before)
    theirs = (
        change("status", "Open - Not Contacted", "Interested", NOW, origin="us"),
        assigned(BEN, NOW, old=ANA, origin="human"),
    )
    reason = loaded.recheck(
        tasking, state(lead(status="Interested", owner=BEN.id), *theirs, *before.activities), moment(NOW)
    )
    assert reason is not None
    assert reason.path == "unless.attempts", "nobody has called since somebody assigned it by hand"


def test_what_others_did_meanwhile_drops_the_later_actions_too() -> None:
    loaded = book(recycling())
    _, moving, _ = planned(loaded, state(lead(), call("2026-03-03 10:00")))
    other = state(lead(status="Closed - Converted"), call("2026-03-03 10:00"))
    reason = loaded.recheck(moving, other, moment(NOW))
    assert reason is not None
    assert reason.path == "saw.status"
    no_call = loaded.recheck(moving, state(lead(status="Interested")), moment(NOW))
    assert no_call is not None
    assert no_call.path == "unless.attempts"


def test_a_record_is_not_given_to_somebody_who_left_or_is_away_by_now() -> None:
    moving = rule(then=(reassign(),))
    (action,) = planned(book(moving))
    left = FileRulebook(ruleset(moving))
    left.bind(schema(), [replace(owner, active=owner.id != BEN.id) for owner in OWNERS])
    reason = left.recheck(action, state(lead()), moment(NOW))
    assert reason is not None
    assert reason.text == "Ben Bauer is inactive"
    gone = book(moving, of=team(person("ben", away=(Absence(date(2026, 3, 4), date(2026, 3, 9)),))))
    reason = gone.recheck(action, state(lead()), moment(NOW))
    assert reason is not None
    assert reason.text == "Ben Bauer is away today"


def test_an_enrolment_that_was_held_keeps_the_minimum_gap_when_it_is_released() -> None:
    sparing = team(contact=ContactLimits(span(1, "business days"), None))
    loaded = book(rule(then=(enroll(),)), of=sparing)
    (action,) = planned(loaded)
    own = Mark("r", "created", "", at(NOW), "fired")
    assert loaded.recheck(action, state(lead(), own), moment(NOW)) is None
    mailed = state(lead(), own, email("2026-03-04 08:00"))
    reason = loaded.recheck(action, mailed, moment(NOW))
    assert reason is not None
    assert reason.path == "guard.min_gap"
    assert loaded.recheck(action, state(lead(), enrollment("webinar", "2026-03-04 09:00")), moment(NOW)) is not None
