"""The oracle: after each step, what was promised is compared with what the CRM's own data and the diary say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connector.domain.decision import OutboxEntry, PlannedAction
from tests.simulation.acts import Deed
from tests.simulation.crm import Effect
from tests.simulation.scenario import Violation
from tests.simulation.stage import PassRecord, Stage

Finding = tuple[str, str]
"""The invariant that is broken, and what was seen."""


LIKELY = ("confirmed", "unknown", "claimed", "pending", "failed", "dead", "dropped", "held")
"""Which of several actions that fit a write it probably was: the one that is known to be done."""


@dataclass
class Oracle:
    """What the checks share: the stage, whose write was whose, and how often each invariant was put to the test."""

    stage: Stage
    checked: Counter[str] = field(default_factory=Counter)
    owner_of: dict[int, OutboxEntry] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    held_back: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.found: list[Finding] = []

    def expect(self, invariant: str, holds: bool, text: str = "") -> None:
        """Note that an invariant was looked at, and a violation when it does not hold."""
        self.checked[invariant] += 1
        if not holds:
            self.found.append((invariant, text))

    def flush(self, step: int) -> None:
        """What was found becomes violations of this step."""
        self.violations += [Violation(invariant, step, text) for invariant, text in self.found]
        self.found.clear()

    # -- whose write was it --------------------------------------------------------------------------------------
    def family(self, lead: str) -> frozenset[str]:
        """The ids of all leads that have become one with this one by merging."""
        crm = self.stage.crm
        home = crm.surviving(lead)
        ids = {deed.lead for deed in self.stage.actors.diary} | {lead}
        return frozenset(id_ for id_ in ids if crm.surviving(id_) == home) | {home}

    def deeds(self, lead: str) -> Sequence[Deed]:
        """The diary of a lead and all that was merged with it."""
        family = self.family(lead)
        return [deed for deed in self.stage.actors.diary if deed.lead in family or deed.detail.get("about") in family]

    def entry(self, effect: Effect, record: PassRecord) -> OutboxEntry | None:
        """The planned action that a write carries out; remembered."""
        known = self.owner_of.get(id(effect))
        if known is None:
            # Of two that fit and are both done, each was done once.
            used = Counter(entry.action.key for entry in self.owner_of.values())
            fitting = self._fitting(effect, record)
            known = min(fitting, key=lambda entry: (LIKELY.index(entry.state), used[entry.action.key]), default=None)
            if known is not None:
                self.owner_of[id(effect)] = known
        return known

    def _fitting(self, effect: Effect, record: PassRecord) -> Iterator[OutboxEntry]:
        if effect.kind in ("task", "note") and effect.key is not None:
            if effect.key in record.after:
                yield record.after[effect.key]
            return
        family = self.family(effect.lead)
        for entry in record.after.values():
            action = entry.action
            about = effect.kind == "amend" or action.record.id in family  # a converted lead's tasks are its contact's
            if entry.run and about and _alike(effect, action, self.stage.targets):
                before = record.before.get(action.key)
                if before is None or before.state != "confirmed":
                    yield entry

    def effects(self) -> Iterator[tuple[PassRecord, Effect]]:
        """Every write of ours so far."""
        for record in self.stage.passes:
            for effect in record.effects:
                yield record, effect


def _alike(effect: Effect, action: PlannedAction, targets: Mapping[str, Mapping[str, str]]) -> bool:
    if action.kind != effect.kind:
        return False
    if action.kind == "amend":
        return effect.task is not None and action.fields.get("task") == effect.task.id
    if action.kind in ("enroll", "unenroll"):
        name = str(action.fields.get("in") or action.fields.get("from"))
        return next(iter(targets[name].values())) in effect.values.values()
    names = ("owner",) if action.kind == "reassign" else tuple(action.fields)
    return all(str(effect.values.get(name, action.fields[name])) == str(action.fields[name]) for name in names) and any(
        name in effect.values for name in names
    )
