"""The loaded rules behind one door: what they need, what they say of a record, what a pass does, why and why not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from connector.domain.decision import (
    Decision,
    Match,
    Moment,
    Outcome,
    Pause,
    Plan,
    PlannedAction,
    Reason,
    RuleInfo,
    Verdict,
)
from connector.domain.errors import ConfigError, Problem
from connector.domain.figures import LeadFigures
from connector.domain.model import CrmSchema, Needs, Owner, RecordState
from rules.actions import KINDS
from rules.binding import Binding, bind
from rules.calendar import Clocks, calendars_of
from rules.confirm import DISAGREEMENT, Confirmation
from rules.conflicts import Loss, contest
from rules.desk import Desk
from rules.engine import EngineKind
from rules.facts import Facts
from rules.figures import figures
from rules.fingerprint import fingerprints
from rules.judge import Judgement, judge
from rules.ledger import Ledger
from rules.model import Assigned, Created, FieldChange, Rule, RuleSet
from rules.needs import condition_fields, needs_of
from rules.planner import Planner
from rules.recheck import recheck
from rules.score import Scorer
from rules.sources import sourced
from rules.staff import Staff
from rules.upkeep import Upkeep


class FileRulebook:
    """The rules of the rule files. Every answer is a pure function of what is stored and of the moment.

    `engine` is `durable`, `plain` or `auto`; a match counts only when that engine and the plain evaluation agree.
    """

    def __init__(self, ruleset: RuleSet, problems: Sequence[Problem] = (), engine: str = "auto") -> None:
        self._ruleset = ruleset
        self._file_problems = tuple(problems)
        self._engine = _engine_kind(engine)
        self._calendars: Clocks = calendars_of(ruleset.team)
        self._infos: tuple[RuleInfo, ...] | None = None
        self._take(*bind(ruleset, None, ()))

    @property
    def rules(self) -> Sequence[RuleInfo]:
        """The rules that run, in the order of file and line."""
        if self._infos is None:  # a pass asks several times, and a fingerprint takes its time
            bound = self._binding
            digests = fingerprints(bound.rules, self._ruleset.team, bound.scores)
            self._infos = tuple(
                RuleInfo(
                    rule.id,
                    rule.why,
                    rule.place.file,
                    rule.place.line,
                    rule.kind,
                    digest,
                    tuple(KINDS[type(action)] for action in rule.then),
                    condition_fields(rule),
                )
                for rule, digest in zip(bound.rules, digests, strict=True)
            )
        return self._infos

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong in the files, then what the CRM lacks for them."""
        return (*self._file_problems, *self._crm_problems)

    def needs(self) -> Needs:
        """What to read for the rules that run."""
        return needs_of(self._binding.rules, self._binding.scores, self._ruleset.team, self._binding.schema)

    def bind(self, schema: CrmSchema | None, owners: Sequence[Owner]) -> Sequence[Problem]:
        """Put the rules together with a CRM; each problem names the rule it quarantines. None: words stand for themselves."""
        self._take(*bind(self._ruleset, schema, owners))
        return self._crm_problems

    def _take(self, binding: Binding, problems: Sequence[Problem]) -> None:
        self._binding = binding
        self._crm_problems = tuple(problems)
        self._rule_of: Mapping[str, Rule] = {rule.id: rule for rule in binding.rules}
        self._upkeep = Upkeep(binding, self._calendars)
        self._scoring = Scorer(binding.scores, self._calendars) if binding.scores else None
        self._confirmation: Confirmation | None = None
        self._infos = None

    def _confirmed(self, judgements: Sequence[Judgement], facts: Facts) -> tuple[tuple[Match, ...], tuple[str, ...]]:
        """The matches that the engine confirms, and the alarms; the engine is made when it is first asked."""
        if self._confirmation is None:
            self._confirmation = Confirmation(self._binding.rules, self._engine, self._calendars)
        return self._confirmation.confirmed(judgements, facts)

    def evaluate(self, states: Sequence[RecordState], moment: Moment) -> Sequence[Decision]:
        """What the rules say of each record, in the order of `states`."""
        return [self._decide(state, moment) for state in states]

    def reconsider(self, state: RecordState, moment: Moment, rules: Collection[str]) -> Decision:
        """What some of the rules say of a record; for who knows that the others cannot have changed their minds."""
        return self._decide(state, moment, rules)

    @property
    def single(self) -> frozenset[str]:
        """The rules whose trigger happens once in a record's life: once they have dealt with it, they have for good."""
        return frozenset(rule.id for rule in self._binding.rules if isinstance(rule.when, Created))

    @property
    def by_changes(self) -> frozenset[str]:
        """The rules whose occasions are changes of fields: until there is another one, what is settled stays so."""
        return frozenset(rule.id for rule in self._binding.rules if isinstance(rule.when, FieldChange | Assigned))

    def _decide(
        self, state: RecordState, moment: Moment, only: Collection[str] | None = None, *, told: bool = False
    ) -> Decision:
        """The decision; unless it is told, only what matches comes with its reasons in words."""
        facts = self._facts(state, moment)
        facts.tells = told
        judgements = self._judge(facts, only)
        matches, alarms = self._confirmed(judgements, facts)
        ends = [judgement.next_at for judgement in judgements]
        return Decision(
            state=_scored(state, facts) if matches else state,
            matches=matches,
            marks=tuple(mark for judgement in judgements for mark in judgement.marks),
            next_at=min((at for at in (*ends, self._upkeep.next_at(facts)) if at is not None), default=None),
            verdicts=tuple(judgement.verdict for judgement in judgements),
            alarms=alarms,
            would=tuple(judgement.verdict.rule for judgement in judgements if judgement.would),
            upkeep=self._upkeep.is_due(facts),
        )

    def _facts(self, state: RecordState, moment: Moment) -> Facts:
        return Facts(state, moment, self._ruleset.team, self._binding, self._scoring)

    def _judge(self, facts: Facts, only: Collection[str] | None = None) -> Sequence[Judgement]:
        """Every rule of the record's kind, in order, or only some of them."""
        kind = facts.record.ref.kind
        rules = (rule for rule in self._binding.rules if rule.kind == kind and (only is None or rule.id in only))
        judgements = []
        for rule in rules:
            judgement = judge(rule, facts, facts.moment, self._calendars)
            if judgement.match is not None and not facts.tells:
                facts.tells = True
                judgement = judge(rule, facts, facts.moment, self._calendars)
                facts.tells = False
            pause = facts.moment.pause_of(rule.id)
            if pause is not None:
                judgement = _paused(judgement, pause)
            facts.take(judgement.marks)  # a step that is passed over lets the next one begin
            judgements.append(judgement)
        return judgements

    def plan(self, decisions: Sequence[Decision], moment: Moment) -> Plan:
        """What the pass writes and holds back; a RecordPlan for every decision."""
        plan = Planner(self._ruleset, self._binding, self._calendars, moment).plan(decisions)
        due = [self._facts(decision.state, moment) for decision in decisions if decision.upkeep]
        if not due:
            return plan
        ledger = Ledger(moment.assignments)
        for line in plan.assignments:
            ledger.add(line)
        desk = Desk(moment, self._ruleset.team, Staff(self._binding, moment.now), ledger, self._calendars)
        return self._upkeep.kept(plan, due, desk)

    def recheck(self, action: PlannedAction, state: RecordState, moment: Moment) -> Reason | None:
        """None when the action still holds on the freshly read record, else the reason to drop it."""
        rule = self._rule_of.get(action.rule)
        return recheck(action, rule, self._facts(state, moment), self._calendars)

    def explain(self, state: RecordState, moment: Moment) -> Sequence[Verdict]:
        """The verdict of every rule of the record's kind, in the order of file and line."""
        decision = self._decide(state, moment, told=True)
        facts = self._facts(state, moment)
        losses = contest([self._rule_of[match.rule] for match in decision.matches], facts, self._calendars)
        confirmed = {match.rule for match in decision.matches}
        plan = self.plan([decision], moment)
        nobody = {match.rule: match.why for match in plan.waiting}
        takers = _takers(plan)
        told = (_told(verdict, verdict.rule in confirmed, losses, nobody, takers) for verdict in decision.verdicts)
        full = [self._upkeep.told(verdict, facts, nobody.get(verdict.rule)) for verdict in told]
        clocks = self._calendars.local(facts.zone)
        rules = self._rule_of
        return [sourced(each, rules[each.rule], facts, clocks[rules[each.rule].calendar]) for each in full]

    def figures(self, state: RecordState, moment: Moment) -> LeadFigures:
        """What a report counts of a lead at the moment's instant; days are those of the record's zone."""
        facts, names = self._facts(state, moment), self._ruleset.team.calendars
        clocks = self._calendars.local(facts.zone)
        return figures(facts, clocks["office" if "office" in names else next(iter(names), "office")])

    def offer_minimums(self) -> Mapping[str, int]:
        """How many offers each person is expected to accept in a month, by CRM id; only people of whom that is said."""
        persons = self._binding.persons.items()
        return {owner: person.monthly_offers for owner, person in persons if person.monthly_offers is not None}


def _paused(judgement: Judgement, pause: Pause) -> Judgement:
    """What a paused rule says: a match waits, and nothing is marked, so that nothing is lost."""
    verdict = judgement.verdict
    reasons = (*verdict.reasons, Reason("pause", False, f"{pause.told}; `followup resume` lets it go on", at=pause.at))
    outcome: Outcome = "held" if verdict.outcome == "fires" else verdict.outcome
    return Judgement(replace(verdict, outcome=outcome, reasons=reasons), judgement.match)


def _scored(state: RecordState, facts: Facts) -> RecordState:
    """The state with the score that is worked out here, for the texts and the ranking of what is planned."""
    if facts.score is None:
        return state
    return replace(state, record=replace(state.record, fields={**state.record.fields, "score": facts.score.value}))


def _engine_kind(word: str) -> EngineKind:
    kinds: tuple[EngineKind, ...] = get_args(EngineKind)
    for kind in kinds:
        if word == kind:
            return kind
    raise ConfigError(f"there is no engine `{word}`; choose one of {', '.join(kinds)}")


def _takers(plan: Plan) -> Mapping[str, tuple[Reason, ...]]:
    """Whom pools would choose for the rules that act now, and why."""
    found: dict[str, tuple[Reason, ...]] = {}
    for record in plan.records:
        for action in (*record.actions, *record.held):
            chosen = (reason for reason in record.reasons.get(action.key, ()) if reason.path.startswith("then."))
            found[action.rule] = (*found.get(action.rule, ()), *chosen)
    return found


def _told(
    verdict: Verdict,
    confirmed: bool,
    losses: Mapping[str, Loss],
    nobody: Mapping[str, str],
    takers: Mapping[str, tuple[Reason, ...]],
) -> Verdict:
    """The verdict as this pass would carry it out.

    `nobody` has the rules that no person could act for, and why; `takers` whom pools choose for the others.
    """
    if verdict.outcome != "fires":
        return verdict
    loss = losses.get(verdict.rule)
    if not confirmed:
        reason = Reason("engine", None, DISAGREEMENT)
        return replace(verdict, outcome="blocked", reasons=(*verdict.reasons, reason))
    if loss is not None:
        reason = Reason("priority", False, loss.reason)
        return replace(verdict, outcome="blocked" if loss.waits else "done", reasons=(*verdict.reasons, reason))
    if verdict.rule in nobody:
        reason = Reason("then", False, nobody[verdict.rule])
        return replace(verdict, outcome="held", reasons=(*verdict.reasons, reason))
    return replace(verdict, reasons=(*verdict.reasons, *takers.get(verdict.rule, ())))
