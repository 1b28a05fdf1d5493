"""What rules refer to and nobody has: custom fields that are not bound, misspelt statuses, and what the CRM lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from connector.domain.errors import Problem
from connector.domain.model import CrmSchema, FieldInfo, Owner
from rules.actions import NoteAction, OfferAction, ReassignAction, SetAction, TaskAction
from rules.basics import Place, Scalar, Template
from rules.binding import bind
from rules.checks.findings import finding
from rules.model import FieldChange, FieldTest, Rule, RuleSet, leaves
from rules.needs import condition_fields, conditions_of, written_fields

CONSENT = ("opted_out", "do_not_call")
"""What a person refuses: a deal is nobody, so neither CRM has it there."""


@dataclass(frozen=True, slots=True)
class Described:
    """How the CRM described itself, and on which day."""

    schema: CrmSchema
    owners: Sequence[Owner]
    on: date


@dataclass(frozen=True, slots=True)
class Config:
    """What followup.yaml says that the checks ask for, and the CRM's last description where there is one.

    `places` has the place of each status word. `fields` None: not known, so that nothing is said of them.
    """

    crm: str = ""
    statuses: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    fields: Mapping[str, str] | None = None
    enrollments: tuple[str, ...] = ()
    described: Described | None = None


def references(ruleset: RuleSet, config: Config) -> Iterator[Problem]:
    """Every name in the rules that means nothing."""
    sound = []
    for rule in ruleset.rules:
        unbound = list(_unbound(rule, config))
        yield from unbound
        sound += [] if unbound else [rule]
    if config.described is None or config.described.schema.crm != config.crm:
        yield from (problem for rule in ruleset.rules for problem in _misspelt(rule, config.statuses))
        return
    yield from _lacking(replace(ruleset, rules=tuple(sound)), config, config.described)


def _unbound(rule: Rule, config: Config) -> Iterator[Problem]:
    """Fields of one's own that followup.yaml does not bind."""
    if config.fields is None:
        return
    watched = {rule.when.field} if isinstance(rule.when, FieldChange) else set()
    named = {*condition_fields(rule), *written_fields(rule), *watched, *_shown(rule)}
    for name in sorted(name for name in named - config.fields.keys() if name.startswith("custom.")):
        cure = f"bind it under `fields` of followup.yaml, such as `{name}: {name.partition('.')[2].title()}__c`"
        place = _asked(rule, name) or rule.place
        yield finding("F304", place, f"`{name}` is not bound in followup.yaml", rule.written_id, cure)
    bound = {name for name in CONSENT if config.fields.keys() & {name, f"deal.{name}"}}
    for name in CONSENT if rule.kind == "deal" else ():
        asked = _asked(rule, name)
        if asked is not None and name not in bound:
            text = f"a deal has no `{name}` in the CRM, and what is unknown stops this rule for ever"
            cure = f"leave `{name}` out of rules for deals, those of `defaults` included; or bind `deal.{name}`"
            yield finding("F304", asked, text, rule.written_id, cure)


def _asked(rule: Rule, name: str) -> Place | None:
    """Where a condition of the rule asks for the field first; None when none does."""
    tests = (leaf for root in conditions_of(rule) for leaf in leaves(root))
    return next((leaf.place for leaf in tests if isinstance(leaf, FieldTest) and leaf.field == name), None)


def _shown(rule: Rule) -> Iterator[str]:
    """The fields that the rule's texts show."""
    for action in rule.then:
        texts: tuple[Template | None, ...] = ()
        match action:
            case TaskAction(subject=subject, body=body):
                texts = (subject, body)
            case ReassignAction(note=note) | OfferAction(note=note):
                texts = (note,)
            case NoteAction(text=text):
                texts = (text,)
        yield from (name for text in texts if text is not None for name in text.fields)


# -- statuses without a description --------------------------------------------------------------------------------


def _misspelt(rule: Rule, statuses: Mapping[str, str]) -> Iterator[Problem]:
    """Words that are one slip of the pen away from a status of followup.yaml; the CRM may have others."""
    right = {word.casefold(): word for word in (*statuses, *statuses.values())}
    for word, place in status_words(rule):
        folded = word.casefold()
        meant = next((right[each] for each in right if folded not in right and one_slip(folded, each)), None)
        if meant is not None:
            cure = f"write `{meant}`; or, when the CRM has both, map `{word}` under `statuses` too"
            yield finding("F305", place, f"the status `{word}` is none of followup.yaml's", rule.written_id, cure)


def status_words(rule: Rule) -> Iterator[tuple[str, Place]]:
    """The status words of a rule with their places."""
    tests = (leaf for root in conditions_of(rule) for leaf in leaves(root))
    for leaf in tests:
        if isinstance(leaf, FieldTest) and leaf.field == "status" and leaf.op in ("in", "not_in"):
            yield from ((str(value), leaf.place) for value in leaf.values)
    if isinstance(rule.when, FieldChange) and rule.when.field == "status":
        yield from ((str(value), rule.place) for value in (*rule.when.values, *rule.when.origins))
    for action in rule.then:
        if isinstance(action, SetAction) and "status" in action.values:
            yield str(action.values["status"]), action.place


_SHORTEST = 5
"""Letters: in shorter words a slip makes another word too easily (`new`, `now`)."""


def one_slip(one: str, other: str) -> bool:
    """Whether a letter too many, too few, another one, or two letters the other way round make one of the other."""
    if min(len(one), len(other)) < _SHORTEST or abs(len(one) - len(other)) > 1 or one == other:
        return False
    short, long = sorted((one, other), key=len)
    at = next((at for at, letter in enumerate(short) if letter != long[at]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or swapped


# -- the CRM's last description ------------------------------------------------------------------------------------


def _lacking(ruleset: RuleSet, config: Config, described: Described) -> Iterator[Problem]:
    """What `run` would refuse if the CRM is still as it was described."""
    kinds = described.schema.fields.keys()
    rules = tuple(rule for rule in ruleset.rules if rule.kind in kinds)
    scores = tuple(line for line in ruleset.scores if line.kind in kinds)
    schema = _today(described.schema, config)
    as_of = f" (by the CRM's description of {described.on})"
    _, problems = bind(replace(ruleset, rules=rules, scores=scores), schema, described.owners)
    yield from (replace(problem, message=problem.message + as_of) for problem in problems)
    for rule in rules:
        yield from _no_choice(rule, schema, as_of)


def _today(schema: CrmSchema, config: Config) -> CrmSchema:
    """The description with what followup.yaml has bound since: of that nothing is known, so anything may be right."""
    bound = config.fields or {}
    fields = {
        kind: {
            **known,
            **{name: FieldInfo(name, api, "text") for name, api in bound.items() if _is_new(name, api, known)},
        }
        for kind, known in schema.fields.items()
    }
    hidden = {kind: tuple(name for name in names if name not in bound) for kind, names in schema.hidden.items()}
    statuses = {**schema.statuses, **config.statuses}
    return replace(schema, fields=fields, hidden=hidden, statuses=statuses, enrollments=config.enrollments)


def _is_new(name: str, api: str, known: Mapping[str, FieldInfo]) -> bool:
    return name not in known or known[name].api_name.casefold() != api.casefold()


def _no_choice(rule: Rule, schema: CrmSchema, as_of: str) -> Iterator[Problem]:
    """Values that a picklist does not offer: a record can have one only from the time before it was retired."""
    infos = schema.fields.get(rule.kind, {})
    for leaf in (leaf for root in conditions_of(rule) for leaf in leaves(root)):
        if not isinstance(leaf, FieldTest) or leaf.field == "status" or leaf.op not in ("in", "not_in"):
            continue
        info = infos.get(leaf.field)
        for value in leaf.values if info is not None and info.type == "picklist" and info.values else ():
            if not _offered(value, info):
                text = f"{leaf.field} has no value {value!r}{as_of}"
                cure = f"the CRM offers {', '.join(info.values[:30]) if info is not None else 'nothing'}"
                yield finding("F319", leaf.place, text, rule.written_id, cure)


def _offered(value: Scalar, info: FieldInfo | None) -> bool:
    return info is not None and str(value).casefold() in {each.casefold() for each in info.values}
