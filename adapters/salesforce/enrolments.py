"""Puts leads and contacts into campaigns and cadences, takes them out, and looks up whether they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from adapters.salesforce import mapping, rows, soql
from adapters.salesforce.client import Client
from adapters.salesforce.errors import first_error, refusal
from adapters.salesforce.json_values import switch
from adapters.salesforce.locks import LOCKED, until_unlocked
from adapters.salesforce.mapping import ENDED_STATES
from adapters.salesforce.tasks import COLLECTION
from connector.domain.actions import MEMBER
from connector.domain.decision import PlannedAction, Receipt
from connector.domain.errors import FollowupError, OutcomeUnknownError, PermanentError
from connector.domain.ports import AdapterConfig

Call = tuple[Sequence[PlannedAction], Callable[[], list[Receipt]]]

MEMBER_COLUMNS = {"lead": "LeadId", "contact": "ContactId"}
UNKNOWN_ID = frozenset({"INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", "ENTITY_IS_DELETED", "NOT_FOUND"})
"""What Salesforce says of a row that names an id which is not there: the campaign's or the record's."""

ASSIGN = "actions/standard/assignTargetToSalesCadence"
REMOVE = "actions/standard/removeTargetFromSalesCadence"


class Enrolments:
    """Campaign members go in collections; a cadence takes a query and a call per lead."""

    def __init__(self, config: AdapterConfig, client: Client) -> None:
        self._config = config
        self._client = client

    def apply(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Enrol or remove each record; being in (or out) already is success."""
        refused, campaigns, cadences = self._sorted(actions)
        calls: list[Call] = [(group, _many(self._write_members, group)) for group in campaigns]
        calls += [([action], _one(self._write_tracker, action)) for action in cadences]
        return refused + self._explained(actions, rows.in_turn(calls, self._config.should_stop))

    def look_up(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        """Whether each record is in (or out) by now."""
        refused, campaigns, cadences = self._sorted(actions)
        found = [receipt for group in campaigns for receipt in self._members_as_they_are(group)]
        return refused + found + [self._tracker_as_it_is(action) for action in cadences]

    def _sorted(
        self, actions: Sequence[PlannedAction]
    ) -> tuple[list[Receipt], list[list[PlannedAction]], list[PlannedAction]]:
        """What cannot be done at all, the campaign actions in groups of one kind of record, and the cadence actions."""
        refused: list[Receipt] = []
        campaigns: dict[tuple[str, str], list[PlannedAction]] = {}
        cadences: list[PlannedAction] = []
        for action in actions:
            target = self._target(action)
            if action.record.kind not in MEMBER_COLUMNS:
                refused.append(
                    rows.failed(action, "WRONG_KIND", "only leads and contacts can be enrolled on Salesforce")
                )
            elif "campaign" in target:
                campaigns.setdefault((action.kind, action.record.kind), []).append(action)
            elif "cadence" in target:
                cadences.append(action)
            else:
                refused.append(
                    rows.failed(action, "NOT_BOUND", f"{_name(action)} is bound to nothing in followup.yaml")
                )
        return refused, list(campaigns.values()), cadences

    def _target(self, action: PlannedAction) -> Mapping[str, str]:
        return self._config.enrollments.get(_name(action), {})

    def _explained(self, actions: Sequence[PlannedAction], receipts: list[Receipt]) -> list[Receipt]:
        """Refusals of an id that is not there say so when that is the campaign's: Salesforce seldom tells whose it is."""
        refused = {receipt.key for receipt in receipts if receipt.state == "failed" and receipt.code in UNKNOWN_ID}
        bound = {
            action.key: (_name(action), self._target(action)["campaign"])
            for action in actions
            if action.key in refused and action.kind == "enroll" and "campaign" in self._target(action)
        }
        missing = self._missing({campaign for _, campaign in bound.values()}) if bound else set[str]()
        cures = {key: _cure(name) for key, (name, campaign) in bound.items() if campaign in missing}
        return [rows.with_message(one, cures[one.key]) if one.key in cures else one for one in receipts]

    def _missing(self, campaigns: Set[str]) -> set[str]:
        """Those of the campaigns that are not in the org; the ones that cannot be asked for now count as there."""
        asked = sorted(id for id in campaigns if mapping.is_sound_id(id))
        try:
            found = self._client.rows(soql.select(("Id",), "Campaign", soql.one_of("Id", asked))) if asked else []
        except FollowupError:  # the rows are settled: a question about them may not unsettle them
            return set(campaigns) - set(asked)
        there = {(mapping.text(row, "Id") or "")[:15] for row in found}
        return {id for id in campaigns if id not in asked or id[:15] not in there}

    def lasting(self, name: str) -> str | None:
        """Why what NAME is bound to cannot be left again; None when it can."""
        target = self._config.enrollments.get(name, {})
        return (
            None if target.get("campaign") or target.get("cadence") else f"{name} is bound to nothing in followup.yaml"
        )

    # -- campaigns -------------------------------------------------------------------------------------------------
    def _write_members(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        if actions[0].kind == "unenroll":
            return self._remove_members(actions)
        return until_unlocked(actions, self._add_members, self._config)

    def _add_members(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        payload = {"allOrNone": False, "records": [self._member(action) for action in actions]}
        return rows.of_call(actions, lambda: self._client.write("POST", COLLECTION, payload), _already_member)

    def _member(self, action: PlannedAction) -> Mapping[str, object]:
        target = self._target(action)
        status = {"Status": target["member_status"]} if target.get("member_status") else {}
        who = {MEMBER_COLUMNS[action.record.kind]: action.record.id}
        return {"attributes": {"type": "CampaignMember"}, "CampaignId": target["campaign"], **who, **status}

    def _remove_members(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        found = self._members(actions)
        there = [action for action in actions if action.key in found]
        gone = [Receipt(action.key, "confirmed", already=True) for action in actions if action.key not in found]
        others = [action for action in there if not _is_meant(action, found[action.key])]
        gone += [Receipt(action.key, "dropped", message="somebody put it in again since") for action in others]
        there = [action for action in there if action not in others]
        if not there:
            return gone

        def send(some: Sequence[PlannedAction]) -> list[Receipt]:
            query = {"ids": ",".join(found[action.key] for action in some), "allOrNone": "false"}
            return rows.of_call(some, lambda: self._client.write("DELETE", COLLECTION, query=query), _already_gone)

        return gone + until_unlocked(there, send, self._config)

    def _members_as_they_are(self, actions: Sequence[PlannedAction]) -> list[Receipt]:
        found = self._members(actions)
        return [_settled(action, found.get(action.key)) for action in actions]

    def _members(self, actions: Sequence[PlannedAction]) -> dict[str, str]:
        """The campaign member's id for each action whose pair is there."""
        who = MEMBER_COLUMNS[actions[0].record.kind]
        columns = ("Id", "CampaignId", who)
        bound = {self._target(action)["campaign"] for action in actions}
        campaigns = sorted(id for id in bound if mapping.is_sound_id(id))
        if not campaigns:
            return {}
        in_campaigns = soql.one_of("CampaignId", campaigns)
        pairs: dict[tuple[str, str], str] = {}
        ids = sorted({action.record.id for action in actions})
        for chunk in soql.chunks(ids, soql.select(columns, "CampaignMember", in_campaigns)):
            where = soql.both(in_campaigns, soql.one_of(who, chunk))
            for row in self._client.rows(soql.select(columns, "CampaignMember", where)):
                pair = ((mapping.text(row, "CampaignId") or "")[:15], (mapping.text(row, who) or "")[:15])
                pairs[pair] = mapping.text(row, "Id") or ""
        wanted = {action.key: (self._target(action)["campaign"][:15], action.record.id[:15]) for action in actions}
        return {key: pairs[pair] for key, pair in wanted.items() if pair in pairs}

    # -- cadences --------------------------------------------------------------------------------------------------
    def _write_tracker(self, action: PlannedAction) -> Receipt:
        """Assign or remove one target, after a look whether that is so already."""
        cadence = self._target(action)["cadence"]
        running = self._running(action)
        if action.kind == "unenroll":
            if running is None or not _is_cadence(running, cadence):
                return Receipt(action.key, "confirmed", already=True)
            body: dict[str, object] = {"targetId": action.record.id, "completionReasonCode": "ManuallyRemoved"}
            return self._act(action, REMOVE, body)
        if running is not None:
            if _is_cadence(running, cadence):
                return Receipt(action.key, "confirmed", mapping.text(running, "Id"), already=True)
            return rows.failed(action, "OTHER_CADENCE", "the record is in another cadence: remove it there first")
        body = {"salesCadenceNameOrId": cadence, "targetId": action.record.id}
        sender = action.fields.get("sender") or action.saw.get("owner")
        return self._act(action, ASSIGN, {**body, "userId": sender} if sender else body)

    def _act(self, action: PlannedAction, path: str, body: Mapping[str, object]) -> Receipt:
        """An invocable action; only `isSuccess` tells how it went, whatever the status of the answer."""
        try:
            answer = self._client.write("POST", path, {"inputs": [body]})
        except OutcomeUnknownError as error:
            return rows.all_of([action], "unknown", error)[0]
        except PermanentError as error:
            return rows.all_of([action], "failed", error)[0]
        result = answer[0] if isinstance(answer, list) and len(answer) == 1 else None
        success = switch(result.get("isSuccess")) if isinstance(result, Mapping) else None
        if not isinstance(result, Mapping) or success is None:
            return Receipt(action.key, "unknown", message="Salesforce's answer to the cadence action was unreadable")
        if success:
            return Receipt(action.key, "confirmed")
        code = first_error(result.get("errors"))[0] or "CADENCE_REFUSED"
        return Receipt(action.key, "retry" if code == LOCKED else "failed", code=code, message=refusal(code))

    def _tracker_as_it_is(self, action: PlannedAction) -> Receipt:
        running = self._running(action)
        ours = running is not None and _is_cadence(running, self._target(action)["cadence"])
        return _settled(action, (mapping.text(running, "Id") or "") if ours and running is not None else None)

    def _running(self, action: PlannedAction) -> Mapping[str, object] | None:
        """The cadence that is at work on the record, if any."""
        query = soql.select(
            ("Id", "ActionCadenceId", "State"), "ActionCadenceTracker", soql.equals("TargetId", action.record.id)
        )
        trackers: Iterable[Mapping[str, object]] = self._client.rows(query)
        return next((row for row in trackers if (mapping.text(row, "State") or "").lower() not in ENDED_STATES), None)


def _name(action: PlannedAction) -> str:
    return str(action.fields.get("in" if action.kind == "enroll" else "from") or "")


def _cure(name: str) -> str:
    return (
        f"the campaign of enrolment {name} is not in Salesforce (deleted, mistyped or hidden from the API user): "
        f"bind enrollments.{name}.campaign in followup.yaml to a campaign that exists"
    )


def _is_cadence(tracker: Mapping[str, object], cadence: str) -> bool:
    """A binding by name cannot be compared with the tracker's id: then the one that runs is taken for it."""
    return not mapping.is_id(cadence) or (mapping.text(tracker, "ActionCadenceId") or "")[:15] == cadence[:15]


def _is_meant(action: PlannedAction, member: str) -> bool:
    """Whether the membership is the one that is to end, where that is said."""
    meant = action.saw.get(MEMBER)
    return not isinstance(meant, str) or not meant or member[:15] == meant[:15]


def _settled(action: PlannedAction, member: str | None) -> Receipt:
    there = member is not None
    if there == (action.kind == "enroll"):
        return Receipt(action.key, "confirmed", member, already=True)
    return Receipt(action.key, "retry", message="not enrolled" if action.kind == "enroll" else "still enrolled")


def _already_member(action: PlannedAction, code: str, message: str) -> Receipt | None:
    return rows.already_there(action, message) if code == "DUPLICATE_VALUE" else None


def _already_gone(action: PlannedAction, code: str, message: str) -> Receipt | None:
    return rows.already_there(action, message) if code in ("ENTITY_IS_DELETED", "NOT_FOUND") else None


def _one(tracker: Callable[[PlannedAction], Receipt], action: PlannedAction) -> Callable[[], list[Receipt]]:
    return lambda: [tracker(action)]


def _many(
    members: Callable[[Sequence[PlannedAction]], list[Receipt]], group: Sequence[PlannedAction]
) -> Callable[[], list[Receipt]]:
    return lambda: members(group)
