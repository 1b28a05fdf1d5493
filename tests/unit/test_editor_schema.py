"""The JSON Schema for editors: it accepts what the loader does, refuses what has no place, and knows every word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from connector.cli.settings_schema import MEANINGS, NOT_IN_THE_FILE, SECRETS, settings_schema
from connector.limits import Breaker, Limits
from connector.settings import HubSpotSettings, Keep, SalesforceSettings, Settings, load_settings
from rules.editorschema import rule_file_schema, team_schema
from rules.glossary import entry, explain_word, where_a_value
from rules.playbooks import CRMS, PLAYBOOKS, playbook_files
from rules.vocabulary import ACTIVITY_WORDS, FIELDS, WORDS, Word
from rules.yamlfile import parse_yaml, plain
from tests.word_files import example_file

RULES = Draft202012Validator(rule_file_schema())
TEAM = Draft202012Validator(team_schema())
SETTINGS = Draft202012Validator(settings_schema())
DOCS = Path(__file__).parents[2] / "docs"
FILES = [
    pytest.param(name, text, id=f"{book}-{crm}-{name}")
    for book in PLAYBOOKS
    for crm in CRMS
    for name, text in playbook_files(book, crm).items()
]
HEAD = "version: 1\nrules:\n"
RULE = {
    "id": "id: a",
    "why": "why: x",
    "when": "when: {created: true}",
    "then": "then: [{note: x}]",
    "once": "once: per lead",
}


class Core(yaml.SafeLoader):
    """Reads as editors do: YAML 1.2 knows numbers, true and false, and takes dates, times, `yes` and `no` for text."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", "true|false|True|False", "tTfF"),
    ("null", "null|~|", ["n", "~", ""]),
    ("int", r"[-+]?\d+", "-+0123456789"),
    ("float", r"[-+]?\d+\.\d+", "-+0123456789"),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^({pattern})$"), list(first))


def readings(text: str) -> list[object]:
    """A file as the loader reads it, where all is text, and as an editor does."""
    root = parse_yaml(text.encode()).root
    assert root is not None
    return [plain(root), yaml.load(text, Loader=Core)]  # noqa: S506 - a safe loader with fewer types


def refused(validator: Draft202012Validator, text: str) -> list[bool]:
    return [not validator.is_valid(reading) for reading in readings(text)]


def validator_of(name: str) -> Draft202012Validator:
    return {"team.yaml": TEAM, "followup.yaml": SETTINGS}.get(name, RULES)


@pytest.mark.parametrize("validator", [RULES, TEAM, SETTINGS])
def test_each_schema_is_one(validator: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(validator.schema)
    assert "2020-12" in validator.schema["$schema"]


KEYWORDS = {
    "$schema", "$defs", "$ref", "type", "enum", "pattern", "minimum", "maximum", "exclusiveMinimum", "items", "minItems",
    "maxItems", "properties", "patternProperties", "additionalProperties", "propertyNames", "required", "minProperties",
    "maxProperties", "anyOf", "oneOf", "not", "title", "description", "examples",
}  # fmt: skip
"""What editors that know no later draft than 7 understand as well, but for `$defs`, which is only where references lead."""


def keywords(form: object) -> Iterator[str]:
    """The keywords of a schema; below `properties` and the like stand names, and below `enum` and `examples` values."""
    for each in form if isinstance(form, list) else ():
        yield from keywords(each)
    for key, value in form.items() if isinstance(form, dict) else ():
        yield key
        named = key in ("properties", "patternProperties", "$defs")
        for each in value.values() if named else () if key in ("enum", "examples") else (value,):
            yield from keywords(each)


@pytest.mark.parametrize("validator", [RULES, TEAM, SETTINGS])
def test_each_schema_keeps_to_words_that_every_editor_knows(validator: Draft202012Validator) -> None:
    assert set(keywords(validator.schema)) <= KEYWORDS


@pytest.mark.parametrize(("name", "text"), FILES)
def test_every_playbook_is_accepted(name: str, text: str) -> None:
    for reading in readings(text):
        assert [error.message for error in validator_of(name).iter_errors(reading)] == []


def rule(key: str, line: str) -> str:
    lines = (RULE | {key: f"{key}: {line}"}).values()
    return f"{HEAD}  - " + "\n    ".join(lines) + "\n"


def doc_files() -> list[tuple[str, str]]:
    """The examples of the pages for authors: whole files, rules, and lines of one key."""
    files: list[tuple[str, str]] = []
    for page in (DOCS / "rules.md",):
        text = page.read_text(encoding="utf-8")
        for kind, body in re.findall(r"^```yaml (\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if kind in ("file", "team"):
                files.append(("team.yaml" if kind == "team" else "rules/a.yaml", body))
            elif kind == "rule":
                files.append(("rules/a.yaml", HEAD + re.sub("^", "  ", body, flags=re.MULTILINE)))
            else:
                codes = [line.partition(" #")[0].strip() for line in body.splitlines() if line.strip()]
                wrapped = [c.partition(": ")[2] if kind == "once" else f"{{{c}}}" for c in codes]
                files += [("rules/a.yaml", rule(kind, f"[{one}]" if kind == "then" else one)) for one in wrapped]
    return files


@pytest.mark.parametrize(("name", "text"), doc_files())
def test_every_example_of_the_pages_is_accepted(name: str, text: str) -> None:
    for reading in readings(text):
        assert [error.message for error in validator_of(name).iter_errors(reading)] == []


@pytest.mark.parametrize("known", WORDS, ids=[f"{each.where}: {each.name}" for each in WORDS])
def test_every_word_is_accepted_as_its_example_has_it_and_refused_when_misspelt(known: Word) -> None:
    name, text = example_file(known)
    example = known.example.replace("custom.NAME", "custom.tier")
    assert text.count(example) >= 1
    wrong = example.replace(":", "q:", 1).replace("custom.tierq", "customq.tier")
    assert refused(validator_of(name), text) == [False, False]
    assert refused(validator_of(name), text.replace(example, wrong)) == [True, True]


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("when", "{created: false}"),
        ("when", "{created: true, assigned: true}"),
        ("when", "{}"),
        ("when", "{becomes: {owner: ana}}"),
        ("when", "{quiet: 7}"),
        ("when", "{activity: {type: fax}}"),
        ("when", "{activity: {outcome: busy}}"),
        ("when", "{task: {overdue: 1 day, completed: true}}"),
        ("when", "{task: {type: call}}"),
        ("when", "{score: 60}"),
        ("when", "{offer: maybe}"),
        ("when", "{every: friday}"),
        ("if", "[status]"),
        ("if", "{score: high}"),
        ("if", "{attempts: {type: call}}"),
        ("if", "{created: {after: 2.1.2026}}"),
        ("if", "{status: {at_least: 5}}"),
        ("if", "{any: {status: new}}"),
        ("then", "{note: x}"),
        ("then", "[{note: x, set: {status: y}}]"),
        ("then", "[{task: {type: visit, subject: x}}]"),
        ("then", "[{task: {type: call}}]"),
        ("then", "[{reassign: {to: ana, pool: inbound}}]"),
        ("then", "[{offer: {pool: inbound}}]"),
        ("then", "[{reassign: {pool: inbound, how: by_turns}}]"),
        ("then", "[{set: {owner: ana}}]"),
        ("wait", "5 busines days"),
        ("wait", "5"),
        ("once", "per leed"),
        ("limit", "{}"),
        ("limit", "{per_run: 0}"),
        ("limit", "{on_exceed: stop}"),
        ("backfill", "some"),
        ("priority", "high"),
        ("for", "leads"),
        ("contact", "never"),
        ("id", "in/bound"),
        ("wiat", "5 days"),
    ],
)
def test_what_has_no_place_in_a_rule_is_refused(key: str, line: str) -> None:
    assert all(refused(RULES, rule(key, line)))


@pytest.mark.parametrize("missing", ["id", "why", "when", "then"])
def test_what_every_rule_must_have_is_missed(missing: str) -> None:
    rest = [line for name, line in RULE.items() if name != missing]
    assert all(refused(RULES, f"{HEAD}  - " + "\n    ".join(rest) + "\n"))


@pytest.mark.parametrize(
    "text",
    [
        "rules: []",
        "version: 2\nrules: []",
        "version: 1",
        "version: 1\nrules: {}",
        "version: 1\ncadences: [{id: a, why: x, start: {created: true}, steps: [{after: 1 day}]}]",
        "version: 1\ncadences: [{id: a, why: x, when: {created: true}, steps: [{note: x}]}]",
        "version: 1\nscores: [{if: {title: x}, per: {activity: call}, points: 5, why: x}]",
        "version: 1\nscores: [{points: 5, why: x}]",
        "version: 1\nscores: [{per: {activity: fax}, points: 5, why: x}]",
        "version: 1\nrules: []\ntests: [{rule: a, lead: {}}]",
        "version: 1\nrules: []\ntests: [{rule: a, lead: {}, expect: [{at: soon, nothing: true}]}]",
    ],
)
def test_what_has_no_place_in_a_file_is_refused(text: str) -> None:
    assert all(refused(RULES, text))


@pytest.mark.parametrize(
    "text",
    [
        "people: {ana: {}}",
        "people: {ana: {crm: a, weight: heavy}}",
        "people: {owner: {crm: a}}",
        "pools: {inbound: {members: [ana], how: by_turns}}",
        "calendars: {office: {zone: UTC, hours: {monday: '09:00-17:00'}}}",
        "calendars: {office: {zone: UTC, hours: {mon: 9-17}}}",
        "counts: {attempt: [cal]}",
        "contact: {min_gap: 1}",
        "peple: {}",
    ],
)
def test_what_has_no_place_in_team_yaml_is_refused(text: str) -> None:
    assert all(refused(TEAM, text))


def test_a_section_whose_items_are_all_commented_out_is_fine() -> None:
    assert refused(TEAM, "people:\npools:\n") == [False, False]
    assert refused(SETTINGS, "crm: hubspot\nenrollments:\nlimits:\n") == [False, False]
    assert load_settings({"crm": "hubspot", "enrollments": ""}).enrollments == {}


def test_followup_yaml_has_no_place_for_a_secret() -> None:
    assert SETTINGS.is_valid({"crm": "salesforce", "salesforce": {"login_url": "https://x.my.salesforce.com"}})
    for section, names in (("salesforce", SalesforceSettings), ("hubspot", HubSpotSettings)):
        for name in SECRETS & set(names.model_fields):
            assert not SETTINGS.is_valid({"crm": section, section: {name: "x"}})


def test_every_setting_of_followup_yaml_is_explained() -> None:
    sections = (SalesforceSettings, HubSpotSettings, Limits, Breaker, Keep)
    names = set(Settings.model_fields).union(*(section.model_fields for section in sections))
    assert set(MEANINGS) == names - NOT_IN_THE_FILE - SECRETS
    assert set(settings_schema()["properties"]) == set(Settings.model_fields) - NOT_IN_THE_FILE  # type: ignore[call-overload]


# -- every word ------------------------------------------------------------------------------------------------------

DOCUMENT = json.dumps([rule_file_schema(), team_schema()], ensure_ascii=False)


@pytest.mark.parametrize("known", WORDS, ids=[f"{each.where}: {each.name}" for each in WORDS])
def test_every_word_shows_its_meaning_in_the_editor_and_in_the_terminal(known: Word) -> None:
    hover = json.dumps(f"{known.meaning}\n\nExample: `{known.example}`", ensure_ascii=False)
    assert known.name == "custom.NAME" or hover in DOCUMENT
    found = [each for each in explain_word(known.name) if each.word == known]
    assert len(found) == 1
    assert found[0].holds or found[0].inside or known.name in _FREE or known.example.count(" ") >= 1


_FREE = frozenset(FIELDS) | {"why", "id"}
"""Words that hold any text."""


def test_a_word_is_told_with_what_stands_inside_it_and_what_it_may_hold() -> None:
    (limit, of_cadence) = explain_word("limit")
    assert (limit.word.where, of_cadence.word.where) == ("a rule", "a cadence")
    assert limit.inside == ("per_run", "percent", "per_owner_day", "on_exceed", "first")
    (on_exceed,) = explain_word("on_exceed")
    assert on_exceed.holds == "hold or stop"
    (wait,) = explain_word("wait")
    assert wait.holds == "a whole number and a unit, such as `5 business days`"
    (spread,) = (each for each in explain_word("backfill") if each.word.where == "a rule")
    assert spread.inside == ("spread",)
    assert explain_word("custom.tier")[0].word.name == "custom.NAME"
    assert explain_word("xyzzy") == ()


@pytest.mark.parametrize("value", ACTIVITY_WORDS)
def test_a_value_is_told_with_the_words_that_may_hold_it(value: str) -> None:
    places = {(each.where, each.name) for each in where_a_value(value)}
    assert {("activity", "type"), ("per", "activity")} <= places


def test_an_example_of_the_editor_is_typed_as_the_editor_reads_it() -> None:
    limit = rule_file_schema()["$defs"]["LimitShape"]["properties"]
    assert limit["per_run"]["examples"] == [25]
    assert entry(next(each for each in WORDS if each.name == "per_run")).holds == "a whole number from 1"
