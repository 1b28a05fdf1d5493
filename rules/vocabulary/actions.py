"""The words of actions: what `then` and a cadence's step may do, and what stands inside each."""

from __future__ import annotations

from rules.vocabulary.base import CRITERIA, TURNS, Row, Word, listed, table

HOW: Row = ("how", f"how the pool hands out: {listed(TURNS)}", "weighted")
MATCH: Row = ("match", f"what fits best, the weightiest first: {listed(CRITERIA)}", "[industry, history, skill]")
_EXCEPT: Row = ("except", "previous_owners: nobody who owned the record before", "previous_owners")
_IF_NOBODY: Row = ("if_nobody", "what happens when nobody is left: hold, or queue NAME", "queue Recycling")

ACTIONS: tuple[Row, ...] = (
    ("task", "a task for a person", '{type: call, subject: "Call {lead.name}"}'),
    ("reassign", "another owner", "{pool: inbound, except: previous_owners}"),
    ("offer", "asks the members of a pool in turn to accept the record", "{pool: inbound, accept_within: 4 hours}"),
    ("enroll", "puts the record into a campaign, list, sequence or cadence", "{in: brochure, sender: owner}"),
    ("unenroll", "takes the record out of it", "{from: brochure}"),
    ("set", "writes fields of the record", "{status: recycled}"),
    ("note", "a note on the record", '"Nobody reached {lead.name}"'),
)  # fmt: skip

ACTION_WORDS: tuple[Word, ...] = (
    *table("an action", *ACTIONS),
    *table(
        "task",
        ("type", "what is to be done: call, email, todo, or preferred (the channel the person prefers)", "call"),
        ("subject", "the task's title; `{lead.name}` and other fields are filled in", '"Call {lead.name}"'),
        ("body", "more text; the rule's why is added to it", '"Ask when they decide"'),
        ("due", "when it is due, from now on; 1 business day when not given", "2 business days"),
        ("slot", "the hours of the day for it", '"16:00-17:00"'),
        ("priority", "low, normal or high", "high"),
        ("to", "who gets it: owner, manager, source_rep or a person of team.yaml", "owner"),
    ),
    *table(
        "reassign",
        ("to", "the new owner: manager, source_rep or a person of team.yaml", "manager"),
        ("pool", "the pool of team.yaml that hands out", "inbound"),
        HOW,
        MATCH,
        _EXCEPT,
        _IF_NOBODY,
        (
            "note",
            "a hand-over note on the record; `{person.name}` is who gets it",
            '"{lead.name} did not answer six times"',
        ),
    ),
    *table(
        "offer",
        ("pool", "the pool of team.yaml whose members are asked", "inbound"),
        ("accept_within", "how long each of them has to accept", "4 business hours"),
        HOW,
        MATCH,
        _EXCEPT,
        _IF_NOBODY,
        (
            "note",
            "a hand-over note on the record once somebody accepts; `{person.name}` is who",
            '"{lead.name} asked for a demo"',
        ),
    ),
    *table(
        "enroll",
        ("in", "a NAME of followup.yaml", "brochure"),
        ("sender", "in whose name it goes out: owner", "owner"),
    ),
    *table("unenroll", ("from", "a NAME of followup.yaml", "brochure")),
)
