"""Which member of a pool gets a record: in turn, by weight, by load, or by who fits best; ties go to whose turn it is.

A candidate is a member whom the CRM knows as an active user, who is not away today, not barred from this record, and
has not got as many records today as their `daily` allows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from connector.domain.decision import Assignment
from connector.domain.model import Owner, RecordState
from rules.desk import Desk
from rules.ledger import DIGITS
from rules.staff import owner_chain
from rules.team import Criterion, Person, Pool, Turn

NOT_SKILLS = frozenset({"owner", "owner_name", "status", "industry", "name", "company", "email", "phone", "zone"})
"""Text fields that say who a prospect is or where the work stands, not what one has to know for them."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who gets it: the name in team.yaml, the CRM's user, what part of it was whose by right, and why this person."""

    person: str
    owner: Owner
    shares: Mapping[str, float]
    why: str

    def line(self, pool: str, state: RecordState, rule: str, desk: Desk) -> Assignment:
        """The ledger's line for it."""
        return Assignment(pool, self.person, state.record.ref, rule, desk.now, self.why, self.shares)


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    owner: Owner
    person: Person


def choose(
    pool: Pool,
    state: RecordState,
    desk: Desk,
    *,
    how: Turn | None = None,
    match: Sequence[Criterion] = (),
    barred: Collection[str] = (),
) -> Chosen | None:
    """Who of the pool gets the record now; None when nobody can. Takes no turn: add the line to the ledger for that.

    `how` and `match` are the pool's own where they are not given; `barred` has the CRM ids of people who may not get it.
    """
    found = candidates(pool, desk, barred)
    if not found:
        return None
    match how or pool.how:
        case "round_robin":
            return _in_turn(pool, found, desk, {each.name: 1.0 for each in found})
        case "weighted":
            return _in_turn(pool, found, desk, {each.name: each.person.weight for each in found})
        case "least_loaded":
            return _least_loaded(pool, found, desk)
        case "match":
            return _best_fit(pool, found, state, desk, tuple(match) or pool.match)


def candidates(pool: Pool, desk: Desk, barred: Collection[str] = ()) -> Sequence[_Candidate]:
    """The members who can get a record of the pool now, in the pool's order."""
    staff = desk.staff
    found = []
    for name in pool.members:
        owner, person = staff.named(name), desk.team.people.get(name)
        if owner is None or person is None or owner.id in barred or not staff.works(owner) or staff.absent(owner):
            continue
        if person.daily is not None:
            today = desk.ledger.on_day(name, staff.today(owner), staff.zone(owner))
            if today >= person.daily:
                continue
        found.append(_Candidate(name, owner, person))
    return found


def _in_turn(pool: Pool, found: Sequence[_Candidate], desk: Desk, weights: Mapping[str, float]) -> Chosen:
    """The one with the highest credit once this lead is shared out; ties go to who has waited longest.

    Those who never got one come in the pool's order, as its author wrote it: that favours nobody by more than the one
    lead that somebody has to be first with, because what they got counts from then on.
    """
    total = sum(weights.values())
    shares = {name: weight / total for name, weight in weights.items() if weight > 0} if total > 0 else {}
    if not shares:
        shares = {each.name: 1 / len(found) for each in found}
    ledger = desk.ledger

    def rank(each: _Candidate) -> tuple[float, int]:
        credit = ledger.credit(pool.name, each.name) + shares[each.name]
        return (-round(credit, DIGITS), ledger.last(pool.name, each.name))

    first = min((each for each in found if each.name in shares), key=rank)
    got, could = ledger.got(pool.name, first.name), ledger.could(pool.name, first.name)
    so_far = f"{got} of {could} so far" if could else "none so far"
    why = f"whose turn it is: {so_far}, share {shares[first.name]:.0%}".replace("%", " %")
    return Chosen(first.name, first.owner, shares, why)


def _among(pool: Pool, best: Sequence[_Candidate], desk: Desk) -> Chosen:
    """Whoever's turn it is among those who are equally good; they alone share the lead."""
    chosen = _in_turn(pool, best, desk, {each.name: 1.0 for each in best})
    return replace(chosen, why=f"; of {len(best)} alike, {chosen.why}" if len(best) > 1 else "")


def _least_loaded(pool: Pool, found: Sequence[_Candidate], desk: Desk) -> Chosen:
    """Who has the fewest open records, those of this pass included."""
    loads, ledger = desk.moment.loads, desk.ledger
    load = {each.name: loads.get(each.owner.id, 0) + ledger.in_this_pass(each.name) for each in found}
    least = min(load.values())
    chosen = _among(pool, [each for each in found if load[each.name] == least], desk)
    return replace(chosen, why=f"who has the fewest open records, {least}{chosen.why}")


def _best_fit(
    pool: Pool, found: Sequence[_Candidate], state: RecordState, desk: Desk, criteria: Sequence[Criterion]
) -> Chosen:
    """Who meets the most criteria, an earlier one counting for more than a later one; nobody fitting, whose turn it is."""
    fits = {each.name: tuple(_fit(criterion, each, state, desk) for criterion in criteria) for each in found}

    def rank(each: _Candidate) -> tuple[int, tuple[bool, ...]]:
        met = tuple(map(bool, fits[each.name]))
        return sum(met), met

    most = max(map(rank, found))
    if not most[0]:
        chosen = _in_turn(pool, found, desk, {each.name: 1.0 for each in found})
        return replace(chosen, why=f"nobody fits; {chosen.why}")
    chosen = _among(pool, [each for each in found if rank(each) == most], desk)
    return replace(chosen, why=f"fits: {', '.join(filter(None, fits[chosen.person]))}{chosen.why}")


def _fit(criterion: Criterion, candidate: _Candidate, state: RecordState, desk: Desk) -> str:
    """How the candidate meets the criterion, in words; empty when they do not."""
    fields = state.record.fields
    skills = {skill.casefold() for skill in candidate.person.skills}
    match criterion:
        case "industry":
            industry = fields.get("industry")
            return f"industry {industry}" if isinstance(industry, str) and industry.casefold() in skills else ""
        case "history":
            return _history(candidate.owner, state, desk)
        case "skill":
            met = (
                f"{name.removeprefix('custom.')} {value}"
                for name, value in sorted(fields.items())
                if name not in NOT_SKILLS and isinstance(value, str) and value.casefold() in skills
            )
            return next(met, "")


def _history(owner: Owner, state: RecordState, desk: Desk) -> str:
    """What the candidate had to do with the record or its company."""
    if owner.id in owner_chain(state):
        return "owned it before"
    ids = {owner.id, owner.user_id}
    if any(each.actor in ids for each in state.activities if each.actor is not None):
        return "was in touch before"
    company = state.record.fields.get("company")
    known = desk.moment.company_owners.get(company.strip().casefold(), ()) if isinstance(company, str) else ()
    return "knows the company from another record" if owner.id in known else ""
