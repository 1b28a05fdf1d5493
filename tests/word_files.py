"""A small file around the example of each word of the language, so that tests can read every one of them."""

from __future__ import annotations

from rules.vocabulary import Word

PERSON = "people: {ana: {crm: ana@example.com}, ben: {crm: b}, cleo: {crm: c}, eva: {crm: e}}"
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
    "attempts": "attempts: {%s}",
    "a condition": "%s",
}
LEAD = 'lead: {created: "2026-03-01 09:00"}'
AROUND_TRIGGER = {
    "when": "%s",
    "becomes": "becomes: {status: x, %s}",
    "leaves": "leaves: {status: x, %s}",
    "activity": "activity: {%s}",
    "the trigger score": "score: {%s}",
    "the trigger attempts": "attempts: {%s}",
    "the trigger task": "task: {%s}",
}
NEEDED = {
    "activity": {"type": "type: call"},
    "the trigger attempts": {"reach": "reach: 6"},
    "the trigger task": {"completed": "completed: true"},
    "a cadence": {
        "id": "id: base",
        "why": "why: x",
        "start": "start: {created: true}",
        "steps": "steps: [{note: x}]",
    },
    "a step": {"note": "note: x"},
    "a score line": {"per": "per: {activity: call}", "points": "points: 5", "why": "why: x"},
    "limit": {"per_run": "per_run: 5"},
    "attempts": {"at_least": "at_least: 1"},
    "a case's record": {"created": 'created: "2026-03-01 09:00"', "assigned": 'assigned: "2026-03-02 09:00"'},
    "an event": {"at": 'at: "2026-03-02 09:00"'},
    "an expectation": {"at": 'at: "2026-03-02 09:00"', "nothing": "nothing: true"},
    "a case": {"lead": LEAD, "expect": 'expect: [{at: "2026-03-02 09:00", nothing: true}]'},
}
"""What must stand beside a word of a place."""
INSTEAD = {
    ("the trigger task", "overdue"): "completed",
    ("a step", "then"): "note",
    ("a score line", "if"): "per",
    ("reassign", "to"): "pool",
    ("a case", "contact"): "lead",
    ("a case", "deal"): "lead",
}
"""Words that stand in the place of another."""
AROUND_CASE = {
    "a case": "{%s}",
    "a case's record": "{lead: {%s}, expect: [{at: '2026-03-09 09:00', nothing: true}]}",
    "an event": "{LEAD, timeline: [{%s}], expect: [{at: '2026-03-09 09:00', nothing: true}]}",
    "an expectation": "{LEAD, expect: [{%s}]}",
    "an expected task": "{LEAD, expect: [{at: '2026-03-09 09:00', task: {%s}}]}",
    "an expected reassign": "{LEAD, expect: [{at: '2026-03-09 09:00', reassign: {%s}}]}",
    "an expected offer": "{LEAD, expect: [{at: '2026-03-09 09:00', offer: {%s}}]}",
    "an expected amend": "{LEAD, expect: [{at: '2026-03-09 09:00', amend: {%s}}]}",
}
AROUND_ACTION = {
    "task": {"type": "type: call", "subject": "subject: x"},
    "reassign": {"pool": "pool: inbound"},
    "enroll": {"in": "in: brochure"},
    "unenroll": {"from": "from: brochure"},
    "offer": {"pool": "pool: inbound", "accept_within": "accept_within: 1 day"},
    "an action": {},
}
AROUND_TEAM = {
    "a person": ("people: {ana: {%s}, ben: {crm: b}, cleo: {crm: c}, eva: {crm: e}}", {"crm": "crm: a"}),
    "an absence": ("people: {ana: {crm: a, away: [{%s}]}}", {"from": "from: 2026-01-01", "to": "to: 2026-12-31"}),
    "a pool": (PERSON + "\npools: {inbound: {%s}}", {"members": "members: [ana]"}),
    "a calendar": ("calendars: {office: {%s}}", {"zone": "zone: UTC", "hours": 'hours: {mon: "09:00-17:00"}'}),
    "counts": ("counts: {%s}", {}),
    "contact": ("contact: {%s}", {}),
}


def merged(known: Word, base: dict[str, str]) -> str:
    """The base with the word's example in its place, or in the place of the word whose place it takes."""
    example = known.example.replace("custom.NAME", "custom.tier")
    left_out = INSTEAD.get((known.where, known.name))
    rest = {name: text for name, text in base.items() if name != left_out}
    if known.where == "an event":
        rest |= EVENT.get(known.name, {})
    if known.where == "an expectation" and known.name not in ("at", "rule", "blocked"):
        rest.pop("nothing")
    return ", ".join((rest | {known.name: example}).values())


HAPPENS = {"call": "call: true"}
EVENT = {
    "at": HAPPENS, "by": HAPPENS, "subject": HAPPENS, "times": HAPPENS,
    "auto_reply": {"email_received": "email_received: true"},
    "type": {"task": "task: created"}, "outcome": {"task": "task: completed"}, "due": {"task": "task: created"},
}  # fmt: skip


def rule(**parts: str) -> str:
    lines = (RULE | parts).values()
    return "version: 1\nrules:\n  - " + "\n    ".join(lines) + "\n"


def rule_file(known: Word) -> str:
    """A rule file that uses the word as its example does."""
    where, inside = known.where, merged(known, NEEDED.get(known.where, {}))
    if where == "a rule file":
        return "\n".join(({"version": "version: 1", "rules": "rules: []"} | {known.name: known.example}).values())
    if where == "defaults":
        return f"defaults: {{{inside}}}\n{rule()}"
    if where == "a rule":
        return rule(**{known.name: known.example})
    if where in ("a cadence", "a score line"):
        return f"version: 1\n{'cadences' if where == 'a cadence' else 'scores'}: [{{{inside}}}]\n"
    if where == "a step":
        return f"version: 1\ncadences: [{{id: base, why: x, start: {{created: true}}, steps: [{{{inside}}}]}}]\n"
    if where == "per":
        return f"version: 1\nscores: [{{per: {{{inside}}}, points: 5, why: x}}]\n"
    if where == "quiet":
        return rule(when=f"when: {{quiet: {{{merged(known, {'for': 'for: 7 days'})}}}}}")
    if where in AROUND_TRIGGER:
        return rule(when=f"when: {{{AROUND_TRIGGER[where] % inside}}}")
    if where in AROUND_CONDITION:
        return rule(unless=f"unless: {{{AROUND_CONDITION[where] % inside}}}")
    if where in AROUND_CASE:
        return rule(id="id: week-one-call") + f"tests:\n  - {AROUND_CASE[where].replace('LEAD', LEAD) % inside}\n"
    if where in ("limit", "backfill"):
        return rule(**{where: f"{where}: {{{inside}}}"})
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


def example_file(known: Word) -> tuple[str, str]:
    """The name of the file in which a word may stand, and the text of one that uses it as its example does."""
    of_team = known.where in AROUND_TEAM or known.where == "team.yaml"
    return ("team.yaml", team_file(known)) if of_team else ("rules/a.yaml", rule_file(known))


def example_workspace(known: Word) -> dict[str, str]:
    """A whole workspace around that file, by the paths of its files."""
    name, text = example_file(known)
    return {"team.yaml": "\n".join((PERSON, POOL, CALENDAR)), "rules/a.yaml": rule()} | {name: text}
