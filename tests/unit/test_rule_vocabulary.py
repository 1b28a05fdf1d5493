"""The vocabulary is complete: every word the files may hold is in it, means something, and its example loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rules import schema, teamfile
from rules.loader import load_rules
from rules.shape import Shape
from rules.values import field_lists
from rules.vocabulary import FIELDS, WORDS, Word, nearest, word

PERSON = "people: {ana: {crm: ana@example.com}, ben: {crm: b}, eva: {crm: e}}"
POOL = "pools: {inbound: {members: [ana, ben]}}"
CALENDAR = 'calendars: {office: {zone: UTC, hours: {mon-fri: "09:00-17:00"}}}'
RULE = {
    "id": "id: base", "why": "why: x", "when": "when: {created: true}", "then": "then: [{note: x}]", "once": "once: per lead",
}  # fmt: skip
AROUND_CONDITION = {
    "a text field's test": "title: {%s}",
    "a number field's test": "score: {%s}",
    "a yes-or-no field's test": "opted_out: {%s}",
    "a date field's test": "created: {%s}",
    "a custom field's test": "custom.tier: {%s}",
    "in_status or age": "age: {%s}",
    "owner": "owner: {%s}",
    "replied": "replied: {%s}",
    "next_step": "next_step: {%s}",
    "enrolled": "enrolled: {%s}",
    "a condition": "%s",
}
AROUND_ACTION = {
    "task": {"type": "type: call", "subject": "subject: x"},
    "reassign": {"pool": "pool: inbound"},
    "enroll": {"in": "in: brochure"},
    "unenroll": {"from": "from: brochure"},
    "an action": {},
}
AROUND_TEAM = {
    "a person": ("people: {ana: {%s}, ben: {crm: b}, eva: {crm: e}}", {"crm": "crm: a"}),
    "an absence": ("people: {ana: {crm: a, away: [{%s}]}}", {"from": "from: 2026-01-01", "to": "to: 2026-12-31"}),
    "a pool": (PERSON + "\npools: {inbound: {%s}}", {"members": "members: [ana]"}),
    "a calendar": ("calendars: {office: {%s}}", {"zone": "zone: UTC", "hours": 'hours: {mon: "09:00-17:00"}'}),
    "counts": ("counts: {%s}", {}),
    "contact": ("contact: {%s}", {}),
}
IDS = [f"{each.where}: {each.name}" for each in WORDS]


def merged(known: Word, base: dict[str, str]) -> str:
    """The base with the word's example in its place; a person instead of a pool where only one may stand."""
    without = {} if (known.where, known.name) == ("reassign", "to") else base
    return ", ".join((without | {known.name: known.example}).values())


def rule(**parts: str) -> str:
    lines = (RULE | parts).values()
    return "version: 1\nrules:\n  - " + "\n    ".join(lines) + "\n"


def rule_file(known: Word) -> str:
    """A rule file that uses the word as its example does."""
    example, where = known.example.replace("custom.NAME", "custom.tier"), known.where
    if where == "a rule file":
        return "\n".join(({"version": "version: 1", "rules": "rules: []"} | {known.name: example}).values())
    if where == "defaults":
        return f"defaults: {{{example}}}\n{rule()}"
    if where == "a rule":
        return rule(**{known.name: example})
    if where == "when":
        return rule(when=f"when: {{{example}}}")
    if where in ("becomes", "leaves"):
        return rule(when=f"when: {{{where}: {{status: x, {example}}}}}")
    if where == "quiet":
        return rule(when=f"when: {{quiet: {{{merged(known, {'for': 'for: 7 days'})}}}}}")
    if where == "the trigger attempts":
        return rule(when=f"when: {{attempts: {{{merged(known, {'reach': 'reach: 6'})}}}}}")
    if where == "attempts":
        return rule(unless=f"unless: {{attempts: {{{merged(known, {'at_least': 'at_least: 1'})}}}}}")
    if where in AROUND_CONDITION:
        return rule(unless=f"unless: {{{AROUND_CONDITION[where] % example}}}")
    if where in ("limit", "backfill"):
        return rule(**{where: f"{where}: {{{merged(known, {'per_run': 'per_run: 5'} if where == 'limit' else {})}}}"})
    return rule(then=f"then: [{{{action(known)}}}]")


def action(known: Word) -> str:
    inner = merged(known, AROUND_ACTION[known.where])
    return inner if known.where == "an action" else f"{known.where}: {{{inner}}}"


def team_file(known: Word) -> str:
    sections = {"people": PERSON, "pools": POOL, "calendars": CALENDAR}
    if known.where == "team.yaml":
        order = sections | {known.name: known.example}
        if known.name == "people":
            del order["pools"]
        return "\n".join(order.values())
    pattern, base = AROUND_TEAM[known.where]
    return pattern % merged(known, base)


@pytest.mark.parametrize("known", WORDS, ids=IDS)
def test_every_example_loads(tmp_path: Path, known: Word) -> None:
    of_team = known.where in AROUND_TEAM or known.where == "team.yaml"
    (tmp_path / "rules").mkdir()
    (tmp_path / "team.yaml").write_text(team_file(known) if of_team else "\n".join((PERSON, POOL, CALENDAR)))
    (tmp_path / "rules" / "a.yaml").write_text(rule() if of_team else rule_file(known))
    assert [str(problem) for problem in load_rules(tmp_path, enrollments=frozenset({"brochure"})).problems] == []


def shapes() -> Iterator[type[Shape]]:
    for module in (schema, teamfile):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Shape) and value is not Shape:
                yield value


@pytest.mark.parametrize(
    "shape", sorted(set(shapes()), key=lambda shape: shape.__name__), ids=lambda shape: shape.__name__
)
def test_every_word_a_file_may_hold_is_explained_and_no_other(shape: type[Shape]) -> None:
    explained = [known.name for known in WORDS if known.where == shape.where]
    assert sorted(explained) == sorted(shape.words())


def test_the_meanings_are_sentences_for_people() -> None:
    assert len({(known.where, known.name) for known in WORDS}) == len(WORDS)
    assert all(known.meaning and not known.meaning.endswith(".") for known in WORDS)
    assert word("task", "due") is not None
    assert word("task", "deu") is None


def test_the_fields_are_the_conditions_about_fields() -> None:
    conditions = [known.name for known in WORDS if known.where == "a condition"]
    assert [name for name in conditions if name in FIELDS] == list(FIELDS)
    for name in set(FIELDS) - {"owner", "created"}:
        value = {"number": "1", "boolean": "no"}.get(FIELDS[name], "x")
        assert field_lists("becomes")({name: value}).field == name


@pytest.mark.parametrize(
    ("written", "allowed", "meant"),
    [
        ("trigger", ("id", "why", "when"), "when"),
        ("Unless", ("if", "unless"), "unless"),
        ("opted-out", ("opted_out", "title"), "opted_out"),
        ("xyzzy", ("if", "unless"), None),
        ("", ("if", "unless"), None),
        ("a" * 100_000, ("if", "unless"), None),
    ],
)
def test_the_nearest_word_is_found(written: str, allowed: tuple[str, ...], meant: str | None) -> None:
    assert nearest(written, allowed) == meant
