"""Rules that start themselves again, alone or through others, without anybody having done anything in between.

What followup writes is not news, so most chains that look like loops end at once: a status that a rule sets makes no
rule with `becomes` act, its task is nobody's call. What remains: an offer that runs out, a new owner from whom a
silence is counted anew, and rules that come round by the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connector.domain.errors import Problem
from rules.actions import EnrollAction, NoteAction, OfferAction, ReassignAction, SetAction, UnenrollAction
from rules.checks.bench import clash, ways
from rules.checks.clash import Known
from rules.checks.findings import finding
from rules.checks.logic import Alternative, Goal, Literal
from rules.model import (
    EnrolledTest,
    Every,
    FieldTest,
    Leaf,
    OfferSettled,
    OwnerTest,
    QuietFor,
    QuietTest,
    Rule,
    SinceTest,
    TaskOverdue,
)

LONGEST = 6
"""Rules in a chain that is looked for."""

MOST_RULES = 60
"""Rules that may stand in a chain, each with at most MOST_WAYS ways to act; nothing is said of others."""

MOST_WAYS = 4


@dataclass(frozen=True, slots=True)
class _Node:
    """A rule that may fire any number of times, the ways in which it acts, and what each leaves behind."""

    rule: Rule
    before: tuple[Alternative, ...]
    after: tuple[Alternative, ...]


def loops(rules: Sequence[Rule], known: Known) -> Iterator[Problem]:
    """Every rule that begins a chain which leads back to it; each chain once."""
    nodes = [node for rule in rules if _repeats(rule) and (node := _node(rule, known)) is not None]
    linked = [node for node in nodes if len(node.before) <= MOST_WAYS and any(True for _ in _written(node.rule))]
    for rule in rules:
        yield from _offers_again(rule, rules, known)
    yield from _rounds(linked[:MOST_RULES], known)
    for node in nodes:
        yield from _piles_up(node, known)


def _repeats(rule: Rule) -> bool:
    return rule.once.per == "occasion" and rule.step is None


# -- offers --------------------------------------------------------------------------------------------------------


def _offers_again(rule: Rule, rules: Sequence[Rule], known: Known) -> Iterator[Problem]:
    """An offer made because an offer found nobody: nobody need do anything for that to happen again."""
    if rule.once.per != "occasion" or not _starts_on_silence(rule) or not _open_ended(rule, known):
        return
    chain = [each for each in rules if each is rule or _follows(each, rule)]
    places = [action.place for each in chain for action in each.then if isinstance(action, OfferAction)]
    if places:
        what = "an offer that runs out" if isinstance(rule.when, OfferSettled) else "a late task"
        again = (
            "that offer may run out"
            if isinstance(rule.when, OfferSettled)
            else "the task of the last offer is late one day"
        )
        text = f"{what} makes this rule offer the record anew, and {again} too: it never ends"
        yield finding("F451", places[0], text, rule.written_id)


def _starts_on_silence(rule: Rule) -> bool:
    """Whether an offer that nobody answers starts the rule: it runs out, and its last task stays open and is late."""
    if isinstance(rule.when, TaskOverdue):
        return not rule.when.types or "todo" in rule.when.types
    return rule.when == OfferSettled("expired")


def _follows(rule: Rule, first: Rule) -> bool:
    """Whether a rule is a later step of the cadence that the other one starts."""
    return rule.step is not None and first.step is not None and rule.step.cadence == first.step.cadence


# -- rounds --------------------------------------------------------------------------------------------------------


def _node(rule: Rule, known: Known) -> _Node | None:
    """The rule with the ways that no passing of time closes; None when there are none or too many."""
    if not isinstance(rule.when, QuietFor | Every):
        return None
    found = tuple((*way, *_not_there_yet(rule)) for way in _open_ended(rule, known))
    return _Node(rule, found, tuple(_after(rule, way) for way in found)) if found else None


def _not_there_yet(rule: Rule) -> Iterator[Literal]:
    """A hand-over to a person does something only while somebody else is the owner."""
    for action in rule.then:
        if isinstance(action, ReassignAction) and action.to is not None:
            yield Literal(OwnerTest("person", action.to, "then.reassign", action.place), Goal.NOT_TRUE)


def _open_ended(rule: Rule, known: Known) -> Sequence[Alternative]:
    """The ways to act that no passing of time closes."""
    return [way for way in ways(rule, known) or () if not any(map(_ends, way))]


def _ends(literal: Literal) -> bool:
    """Whether time alone will make this fail for good."""
    leaf = literal.leaf
    if isinstance(leaf, SinceTest):
        return leaf.up_to is not None if literal.holds else leaf.over is not None
    return isinstance(leaf, FieldTest) and leaf.op in ("within", "before", "after")


def _after(rule: Rule, way: Alternative) -> Alternative:
    """What holds once the rule has acted in this way and nobody has done anything since."""
    written = dict(_written(rule))
    kept = [literal for literal in way if not any(key == _about(literal.leaf) for key in written)]
    return (*kept, *(literal for literal in written.values() if literal is not None))


def _about(leaf: Leaf) -> object:
    """What a condition speaks of, as `_written` names it."""
    if isinstance(leaf, FieldTest):
        return leaf.field
    if isinstance(leaf, EnrolledTest):
        return ("enrolled", leaf.name)
    return "owner" if isinstance(leaf, OwnerTest) else leaf


def _written(rule: Rule) -> Iterator[tuple[object, Literal | None]]:
    """What the rule changes, and what is so afterwards as far as that is known."""
    for action in rule.then:
        place = action.place
        match action:
            case SetAction():
                for name, value in action.values.items():
                    yield name, Literal(FieldTest(name, "in", (value,), "then.set", place), Goal.TRUE)
            case EnrollAction():
                yield ("enrolled", action.name), Literal(EnrolledTest(action.name, "then.enroll", place), Goal.TRUE)
            case UnenrollAction():
                yield ("enrolled", action.name), Literal(EnrolledTest(action.name, "then.unenroll", place), Goal.FALSE)
            case ReassignAction(pool=str() as pool):
                yield "owner", Literal(OwnerTest("in_pool", pool, "then.reassign", place), Goal.TRUE)
            case ReassignAction(to=str() as to):
                role = to in ("manager", "source_rep")
                test = Literal(OwnerTest("person", to, "then.reassign", place), Goal.TRUE)
                yield "owner", None if role else test


def _rounds(nodes: Sequence[_Node], known: Known) -> Iterator[Problem]:
    """Chains in which each rule makes the next one act, back to the first."""
    edges: Mapping[str, Sequence[_Node]] = {
        node.rule.id: [other for other in nodes if _leads_to(node, other, known)] for node in nodes
    }
    told: set[frozenset[str]] = set()
    for node in nodes:
        chain = _way_back(node, edges)
        members = frozenset(each.rule.id for each in chain)
        if chain and members not in told:
            told.add(members)
            yield _round(chain)


def _way_back(start: _Node, edges: Mapping[str, Sequence[_Node]]) -> Sequence[_Node]:
    """The shortest chain from a rule back to itself; empty when there is none."""
    chains: list[tuple[_Node, ...]] = [(start,)]
    for _ in range(LONGEST):
        longer = []
        for chain in chains:
            for following in edges[chain[-1].rule.id]:
                if following is start:
                    return chain
                if following not in chain:
                    longer.append((*chain, following))
        chains = longer[:1_000]
    return ()


def _round(chain: Sequence[_Node]) -> Problem:
    first = chain[0].rule
    names = " -> ".join(node.rule.id for node in (*chain, chain[0]))
    if isinstance(first.when, QuietFor):
        text = "a record that nobody touches changes hands for ever, since each new owner starts the silence anew"
        return finding("F453", first.place, f"{text}: {names}", first.written_id)
    text = "what one rule writes makes the next one act, round and round, with nobody doing anything"
    return finding("F452", first.place, f"{text}: {names}", first.written_id)


def _leads_to(node: _Node, other: _Node, known: Known) -> bool:
    """Whether the one rule's writes make the other act when otherwise nothing happens."""
    if not any(clash((*after, *theirs), known) is None for after in node.after for theirs in other.before):
        return False
    by_silence = isinstance(node.rule.when, QuietFor), isinstance(other.rule.when, QuietFor)
    if any(by_silence):
        return all(by_silence) and _hands_over(node.rule, known)
    if node is other or any(_paced(literal) for each in (node, other) for way in each.before for literal in way):
        return False
    # By the clock it comes round anyway: a chain is one in which it could not act before the other had.
    return all(clash((*before, *theirs), known) is not None for before in node.before for theirs in other.before)


def _paced(literal: Literal) -> bool:
    """Whether a condition lets time pass first: a slow round of recycling is what its author meant."""
    leaf = literal.leaf
    return literal.holds and (isinstance(leaf, QuietTest) or (isinstance(leaf, SinceTest) and leaf.over is not None))


def _hands_over(rule: Rule, known: Known) -> bool:
    """Whether the rule gives a record to somebody else each time, whoever has it."""
    for action in rule.then:
        if isinstance(action, ReassignAction):
            pool = known.team.pools.get(action.pool or "")
            role = action.to in ("manager", "source_rep")
            return not role if pool is None else len(pool.members) > 1 and not action.except_previous
    return False


# -- by the clock --------------------------------------------------------------------------------------------------


def _piles_up(node: _Node, known: Known) -> Iterator[Problem]:
    """Something new each time that the clock comes round, for every record and without an end."""
    rule = node.rule
    if not isinstance(rule.when, Every) or rule.if_ is not None:
        return
    if not any(clash((*after, *before), known) is None for after in node.after for before in node.before):
        return
    for action in rule.then:
        if isinstance(action, NoteAction) or (
            isinstance(action, ReassignAction) and action.pool is not None and _hands_over(rule, known)
        ):
            what = "one more note" if isinstance(action, NoteAction) else "another owner"
            text = f"each time that `when.every` comes round every record gets {what}, and nothing ends that"
            yield finding("F454", action.place, text, rule.written_id)
