"""Rules put together with a CRM: spelling, people, queues, enrolments, and what is quarantined by name."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from connector.domain.errors import Problem
from connector.domain.model import CrmSchema, FieldInfo, Owner
from rules.actions import NoteAction, ReassignAction, SetAction, TaskAction, UnenrollAction
from rules.basics import Scalar, Template
from rules.binding import Binding, bind
from rules.model import EnrolledTest, FieldChange, FieldTest, OwnerTest, Rule
from rules.team import Pool, Team
from tests.builders import (
    ANA,
    BEN,
    GUS,
    OWNERS,
    PLACE,
    QUEUE,
    all_of,
    any_of,
    bound,
    call_task,
    enroll,
    field_is,
    not_,
    person,
    rule,
    ruleset,
    schema,
    team,
)


def tied(*rules: Rule, to: CrmSchema | None = None, of: Team | None = None) -> tuple[Binding, tuple[Problem, ...]]:
    return bind(ruleset(*rules, of=of), to or schema(), OWNERS)


def problem(the_rule: Rule, to: CrmSchema | None = None, of: Team | None = None) -> str:
    """The one problem that quarantines the rule."""
    binding, problems = tied(the_rule, to=to, of=of)
    assert binding.rules == ()
    assert [(each.rule, each.file, each.line) for each in problems] == [("r", PLACE.file, PLACE.line)]
    return problems[0].message


def constants(the_rule: Rule) -> tuple[Scalar, ...]:
    """The constants of the rule's `if`, once it is bound."""
    binding, problems = tied(the_rule)
    assert problems == ()
    leaf = binding.rules[0].if_
    assert isinstance(leaf, FieldTest)
    return leaf.values


def reassign(**more: object) -> ReassignAction:
    values: dict[str, object] = {
        "to": None,
        "pool": "inbound",
        "except_previous": False,
        "if_nobody": "hold",
        "note": None,
        **more,
    }
    return ReassignAction(place=PLACE, **values)  # type: ignore[arg-type]


# -- statuses and other values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["working", "WORKING", "Working - Contacted", "working - contacted"])
def test_a_status_is_our_word_or_the_crms_own_in_any_capitals(word: str) -> None:
    assert constants(rule(if_=field_is("status", word))) == ("Working - Contacted",)


def test_a_word_that_is_neither_lists_what_there_is() -> None:
    text = problem(rule(if_=all_of(not_(any_of(field_is("status", "lost"))))))
    assert text == (
        "there is no status 'lost'; there are: interested, new, working, Open - Not Contacted, Working - Contacted, "
        "Closed - Converted, Interested; rule r does not run"
    )
    assert "there is no status 'lost'" in problem(rule(FieldChange("becomes", "status", ("lost",))))
    assert "there is no status 'lost'" in problem(rule(FieldChange("becomes", "status", ("new",), ("lost",))))


def test_any_file_may_speak_of_converted_records_where_the_crm_has_no_such_status() -> None:
    tested = rule(unless=field_is("status", "converted"))
    binding, problems = tied(tested, to=schema(statuses={"new": "Open - Not Contacted"}))
    assert (len(binding.rules), problems) == (1, ())
    assert "no status" in problem(rule(when=FieldChange("becomes", "status", ("converted",))), to=schema(statuses={}))


def test_any_word_may_be_a_status_where_the_crm_takes_free_text() -> None:
    free = schema(fields={"lead": {"status": FieldInfo("status", "status", "text")}})
    binding, problems = tied(rule(if_=field_is("status", "anything")), to=free)
    assert (len(binding.rules), problems) == (1, ())


def test_a_status_followup_yaml_names_is_known_though_the_crm_has_retired_it() -> None:
    retired = schema(statuses={"old": "Retired"})
    assert tied(rule(if_=field_is("status", "retired")), to=retired)[1] == ()
    assert "no active value" in problem(rule(then=(SetAction({"status": "old"}, PLACE),)), to=retired)


def test_constants_take_the_type_of_the_field() -> None:
    assert constants(rule(if_=field_is("score", "60", op="at_least"))) == (60.0,)
    assert constants(rule(if_=field_is("opted_out", "no"))) == (False,)
    assert constants(rule(if_=field_is("country", "DE"))) == ("DE",)
    assert problem(rule(if_=field_is("score", "high", op="at_least"))) == (
        "score is a number, 'high' is not; rule r does not run"
    )
    assert "opted_out is a boolean, 'perhaps' is not" in problem(rule(if_=field_is("opted_out", "perhaps")))
    assert "score is a number, True is not" in problem(rule(if_=field_is("score", True)))


def test_constants_of_a_date_field_are_dates() -> None:
    dated = schema(fields={"lead": {"renewal": FieldInfo("renewal", "Renewal__c", "date")}})
    for text, expected in (("2026-03-02", date(2026, 3, 2)), ("2026-03-02T09:00", datetime(2026, 3, 2, 9))):  # noqa: DTZ001
        binding, _ = tied(rule(if_=field_is("renewal", text, op="before")), to=dated)
        leaf = binding.rules[0].if_
        assert isinstance(leaf, FieldTest)
        assert leaf.values == (expected,)
    assert "renewal is a date, 'soon' is not" in problem(rule(if_=field_is("renewal", "soon", op="before")), to=dated)


def test_an_owner_is_compared_by_the_crms_id() -> None:
    assert constants(rule(if_=field_is("owner", "ana", "Inbound Queue"))) == (ANA.id, QUEUE.id)


# -- fields --------------------------------------------------------------------------------------------------------

HIDING = schema(hidden={"lead": ("opted_out", "do_not_call", "country")})


@pytest.mark.parametrize(
    "the_rule",
    [
        rule(if_=field_is("country", "DE")),
        rule(unless=field_is("country", "DE")),
        rule(FieldChange("changes", "country")),
        rule(then=(SetAction({"country": "DE"}, PLACE),)),
        rule(then=(NoteAction(Template(("from ", "country", "")), PLACE),)),
        rule(if_=field_is("opted_out", False)),
    ],
)
def test_a_rule_that_needs_a_hidden_field_is_quarantined(the_rule: Rule) -> None:
    text = problem(the_rule, to=HIDING)
    assert text.startswith("the CRM does not show ")
    assert "of a lead: grant the integration user access to it" in text


def test_a_hidden_guard_in_unless_leaves_the_rule_running() -> None:
    for name in ("opted_out", "do_not_call"):
        guarded = rule(unless=any_of(field_is("status", "new"), field_is(name, True)))
        binding, problems = tied(guarded, to=HIDING)
        assert (len(binding.rules), problems) == (1, ())


def test_a_field_nobody_bound_is_named_with_the_cure() -> None:
    assert "does not show colour of a lead: bind it in followup.yaml" in problem(rule(if_=field_is("colour", "red")))
    assert tied(rule(if_=field_is("created", "2026-03-02", op="after")))[1] == ()


def test_one_broken_rule_does_not_stop_another() -> None:
    binding, problems = tied(rule(), rule(id="broken", if_=field_is("colour", "red")))
    assert [each.id for each in binding.rules] == ["r"]
    assert [each.rule for each in problems] == ["broken"]


# -- set -----------------------------------------------------------------------------------------------------------


def test_a_value_to_set_is_spelt_as_the_crm_does() -> None:
    binding, problems = tied(rule(then=(SetAction({"status": "working", "rating": "hot", "country": "DE"}, PLACE),)))
    assert problems == ()
    (action,) = binding.rules[0].then
    assert isinstance(action, SetAction)
    assert dict(action.values) == {"status": "Working - Contacted", "rating": "Hot", "country": "DE"}


def test_only_an_active_value_of_a_writable_field_can_be_set() -> None:
    assert "rating has no active value 'Warm'; the CRM allows Hot, Cold" in problem(
        rule(then=(SetAction({"rating": "Warm"}, PLACE),))
    )
    assert "the CRM does not let us write name" in problem(rule(then=(SetAction({"name": "Pat"}, PLACE),)))


# -- people, pools, queues, enrolments -----------------------------------------------------------------------------


def test_people_are_found_by_address_or_id_in_any_capitals_inactive_ones_too() -> None:
    crew = team(person("ana", "ANA@Example.com"), person("ben", "005b"), person("nina", "9001"))
    binding, _ = tied(of=crew)
    assert binding.people["ana"] == ANA
    assert binding.people["ben"] == BEN
    assert binding.people["nina"] == ANA  # by the second id a CRM may have for a user
    assert binding.people["gus"] == GUS
    assert binding.persons[BEN.id].name == "ben"


def test_an_active_user_goes_before_an_inactive_one_with_the_same_address() -> None:
    old = Owner("005Z", "Ana (old)", "ana@example.com", active=False)
    binding, _ = bind(ruleset(), schema(), (*OWNERS, old))
    assert binding.people["ana"] == ANA


@pytest.mark.parametrize(
    "the_rule",
    [
        rule(then=(call_task(to="zoe"),)),
        rule(then=(reassign(to="zoe", pool=None),)),
        rule(if_=OwnerTest("person", "zoe", "if.owner", PLACE)),
    ],
)
def test_a_rule_for_somebody_the_crm_does_not_know_is_quarantined(the_rule: Rule) -> None:
    assert "the CRM has no user for zoe; correct `crm` of zoe" in problem(the_rule, of=team(person("zoe")))


@pytest.mark.parametrize("role", ["owner", "manager", "source_rep", "gus"])
def test_roles_and_known_people_are_fine(role: str) -> None:
    assert tied(rule(then=(call_task(to=role),)))[1] == ()


def test_a_pool_goes_on_without_members_the_crm_does_not_know() -> None:
    crew = team(person("zoe"), pools={"inbound": Pool("inbound", ("zoe", "ben", "ana"))})
    binding, problems = tied(rule(then=(reassign(),)), of=crew)
    assert len(binding.rules) == 1
    assert binding.pools == {"inbound": (BEN, ANA)}
    assert [each.rule for each in problems] == [None]
    assert "pool inbound: the CRM has no user for zoe, who is passed over" in problems[0].message


def test_a_queue_is_found_by_name_or_id_and_a_missing_one_is_named() -> None:
    for name in ("inbound queue", QUEUE.id):
        binding, problems = tied(rule(then=(reassign(if_nobody=name),)))
        assert problems == ()
        assert binding.queue(name) == QUEUE
    text = problem(rule(then=(reassign(if_nobody="outbound"),)))
    assert "the CRM has no queue 'outbound'; there are: Inbound Queue" in text
    assert "no queue 'Ana Alvarez'" in problem(rule(if_=OwnerTest("queue", "Ana Alvarez", "if.owner", PLACE)))


@pytest.mark.parametrize(
    "the_rule",
    [
        rule(then=(enroll("magazine"),)),
        rule(then=(UnenrollAction("magazine", PLACE),)),
        rule(if_=EnrolledTest("magazine", "if.enrolled", PLACE)),
    ],
)
def test_an_enrolment_nobody_bound_is_named(the_rule: Rule) -> None:
    assert "'magazine' is not bound under `enrollments` in followup.yaml; there are: brochure" in problem(the_rule)


def test_rules_that_enroll_are_known_with_their_names() -> None:
    assert tied(rule(then=(enroll(),)), rule(id="other"))[0].enrolling == {"r": frozenset({"brochure"})}


def test_a_text_may_only_show_what_the_crm_shows() -> None:
    hole = Template(("Call ", "colour", ""))
    action = TaskAction("call", hole, None, call_task().due, None, "normal", "owner", PLACE)
    assert "does not show colour" in problem(rule(then=(action,)))
    assert "does not show colour" in problem(rule(then=(reassign(note=hole),)))


def test_without_a_crm_every_word_stands_for_itself() -> None:
    strange = rule(if_=field_is("colour", "red"), then=(enroll("magazine"), call_task(to="zoe")))
    assert bound(strange).rules == (strange,)
