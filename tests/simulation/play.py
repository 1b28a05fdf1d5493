"""Plays a scenario to its end or to the first broken promise."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from tests.simulation import check_causes, check_due, check_rules, check_runs, check_writes, trouble
from tests.simulation.oracle import Oracle
from tests.simulation.scenario import Scenario, Spec, Violation
from tests.simulation.stage import PassRecord, Stage, staged

MOST_PASSES = 14
"""Passes within which everything is settled once the faults are over: an action is given up after its eighth try."""


@dataclass
class Outcome:
    """What came of a scenario: the broken promises of the first step that had any, and what was exercised."""

    seed: int
    violations: list[Violation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def play(scenario: Scenario) -> Outcome:
    """Play a scenario in a folder of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="simulation-", dir=_memory()) as name,
        staged(scenario, Path(name)) as stage,
    ):
        return _Player(stage).go()


def _memory() -> str | None:
    """A folder in memory where there is one: what is tested here is not the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a fresh folder is made in it


class _Player:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.oracle = Oracle(stage)
        self.outcome = Outcome(stage.scenario.seed)
        self.promises = 0

    def go(self) -> Outcome:
        """Every step, then the end."""
        steps = self.stage.scenario.steps
        for number, step in enumerate(steps):
            self._step(step, number)
            if self._broken(number):
                return self._told()
        self._end(len(steps))
        self._broken(len(steps))
        return self._told()

    def _broken(self, step: int) -> bool:
        self.oracle.flush(step)
        return bool(self.oracle.violations)

    def _step(self, step: Spec, number: int) -> None:
        stage = self.stage
        match step["do"]:
            case "pass":
                self._pass(step, number)
            case "wait":
                stage.firm.clock.move_by(timedelta(minutes=step["minutes"]))
            case "skew":
                stage.skew = timedelta(minutes=step["minutes"])
            case "release":
                if stage.passes:
                    stage.release(step["rule"], step["first"])
            case "edit":
                stage.edit(step)
            case "promise":
                self._promise(step, number)
            case "meddle":
                self._breathe()
                stage.meddle(step)
            case _:
                self._breathe()
                stage.actors.do(step)

    def _breathe(self) -> None:
        """Stamps are whole seconds in Salesforce: nobody changes in the same second what was read in it."""
        stage = self.stage
        if stage.passes and stage.passes[-1].crm_now == stage.firm.clock.peek():
            stage.firm.clock.move_by(timedelta(seconds=2))

    def _pass(self, spec: Spec, number: int) -> PassRecord:
        record = self.stage.run(spec, number)
        for checks in (check_runs, check_writes, check_rules, check_causes):
            checks.after_pass(self.oracle, record)
        return record

    def _settle(self, number: int) -> PassRecord | None:
        """Passes at one instant until there is nothing to do; None when the day's calls do not suffice.

        What is settled without a write (an offer that ran out) is looked at once more, and so is what waits for a person.
        """
        idle = 0
        for _ in range(MOST_PASSES):
            record = self._pass({"do": "pass"}, number)
            if record.outcome == "QuotaSpentError" or self.oracle.found:
                return None
            left = record.counts.get("left_over")
            busy = (
                record.effects
                or left
                or record.outcome != "done"
                or (record.counts["planned"] and not self._only_gone(record))
                or (record.counts["dropped"] and not self._only_gone(record))
            )
            idle = 0 if busy else idle + 1
            if idle == 2 or (idle and not record.counts["evaluated"]):
                return record
        self.oracle.expect("settled", False, f"after {MOST_PASSES} passes: {record.counts}")
        return None

    def _only_gone(self, record: PassRecord) -> bool:
        """Whether all that was planned was dropped for records that the CRM no longer has.

        Of one that was merged into another, which was deleted before the merge was read, the CRM never tells the end.
        """
        dropped = [entry for entry in record.after.values() if entry.state == "dropped" and entry.updated == record.now]
        leads = [self.stage.crm.lead(entry.action.record.id) for entry in dropped]
        told = record.counts["planned"] == record.counts["dropped"] <= len(leads)
        return told and all(lead is None or bool(lead.gone) for lead in leads)

    # -- explain's next_at ---------------------------------------------------------------------------------------------
    def _promise(self, step: Spec, number: int) -> None:
        """What explain says is next on a lead happens at that instant, and nothing does before."""
        stage = self.stage
        lead = stage.actors.names.get(step["lead"], "")
        if not stage.passes or not stage.actors.alive(lead):
            return
        trouble.clear(stage.firm)
        stage.firm.clock.move_by(timedelta(minutes=5))  # nothing is late any more
        if self._settle(number) is None:
            return
        verdicts = stage.explain(lead) or {}
        coming = {verdict.next_at for verdict in verdicts.values() if verdict.next_at is not None}
        if not coming:
            return
        at = min(coming)
        if at <= stage.now:
            self.oracle.expect("next_at", False, f"next_at {at} of {lead} is not after {stage.now}")
            return
        if at - stage.now > timedelta(days=60):
            return
        said = {rule: verdict.outcome for rule, verdict in verdicts.items() if verdict.next_at == at}
        self._at(at - timedelta(seconds=1))
        early = self._pass({"do": "pass"}, number)
        # What is held for want of a taker, or by a limit, goes as soon as there is room: no instant is told for that.
        free = {rule for rule, verdict in verdicts.items() if verdict.outcome == "held" and verdict.next_at is None}
        touched = [effect for effect in early.effects if effect.lead == lead and effect.kind != "amend"]
        touched = [
            each for each in touched if (known := self.oracle.entry(each, early)) and known.action.rule not in free
        ]
        self.oracle.expect(
            "next_at", not touched, f"{len(touched)} writes to {lead} before {at}, which explain had as next"
        )
        self._at(at)
        self._settle(number)
        after = stage.explain(lead) or {}
        for rule, outcome in said.items():
            verdict = after.get(rule)
            same = verdict is not None and verdict.next_at is not None and verdict.next_at <= at
            text = f"{rule} was {outcome} until {at} on {lead}, and is {verdict.outcome if verdict else 'gone'} then"
            moved = verdict is None or verdict.outcome not in ("waits", "fires") or not same
            self.oracle.expect("next_at", moved and not same, text)
            self.promises += 1

    def _at(self, instant: datetime) -> None:
        """Move the CRM's clock so that ours shows this instant."""
        self.stage.firm.clock.move_to(instant - self.stage.skew)

    # -- the end ---------------------------------------------------------------------------------------------------------
    def _end(self, number: int) -> None:
        """Faults are over: everything is settled, then nothing happens any more."""
        stage = self.stage
        trouble.clear(stage.firm)
        stage.skew = timedelta(0)
        stage.firm.clock.move_by(
            timedelta(hours=max(stage.scenario.options["end"], 48 if stage.scenario.options["daily"] else 0))
        )
        for _ in range(3):
            if (last := self._settle(number)) is not None or self.oracle.found:
                break
            stage.firm.clock.move_by(timedelta(days=1))  # the day's calls were used up
        if last is None:
            self.oracle.expect("settled", bool(self.oracle.found), "the day's calls do not suffice to settle")
            return
        check_runs.settled(self.oracle, last)
        check_writes.confirmed(self.oracle)
        check_due.missed(self.oracle)
        check_runs.quiet(self.oracle, self._pass({"do": "pass"}, number))

    # -- figures -----------------------------------------------------------------------------------------------------------
    def _told(self) -> Outcome:
        counts = self.outcome.counts
        stage = self.stage
        counts["passes"] = len(stage.passes)
        for record in stage.passes:
            counts[f"outcome {record.outcome}"] += 1
            for effect in record.effects:
                entry = self.oracle.owner_of.get(id(effect))
                counts[f"write {entry.action.kind if entry else effect.kind}"] += 1
            for fault in record.struck:
                counts[f"fault {fault}"] += 1
            for what in record.happened:
                counts[f"wire {what}"] += 1
        for name, count in stage.actors.done.items():
            counts[f"act {name}"] += count
        for name, count in self.oracle.checked.items():
            counts[f"checked {name}"] += count
        counts["releases"] += len(stage.released)
        self.outcome.violations = self.oracle.violations
        return self.outcome
