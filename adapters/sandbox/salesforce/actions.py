"""The standard invocable actions: sales cadences and plain e-mail. No key makes them safe to repeat, as in real life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.sandbox.salesforce.errors import CrmError, bad_json, not_found
from adapters.sandbox.salesforce.fields import Row
from adapters.sandbox.salesforce.ids import full_id
from adapters.sandbox.salesforce.records import Records

Json = dict[str, object]
_ENDED = ("Complete", "Error")


@dataclass(frozen=True)
class SentMail:
    """A mail that emailSimple sent; it does not look at anybody's opt-out."""

    to: str
    subject: str
    body: str


class Actions:
    """Runs actions for the API user; one result per input, in their order."""

    def __init__(self, records: Records, user: str) -> None:
        self._records = records
        self._user = user
        self.sent: list[SentMail] = []
        self.failed_status = 200

    def run(self, name: str, body: object) -> tuple[int, list[Json]]:
        """The HTTP status and the results; the status of a failed action is not documented, so it can be set."""
        known = {
            "assignTargetToSalesCadence": self._assign,
            "removeTargetFromSalesCadence": self._remove,
            "emailSimple": self._mail,
        }
        cadence = "ActionCadence" in self._records.db.forbidden
        if name not in known or (cadence and name != "emailSimple"):
            raise not_found()
        inputs = body.get("inputs") if isinstance(body, dict) else None
        if not isinstance(inputs, list):
            raise bad_json("The inputs parameter is missing")
        results: list[Json] = []
        for given in inputs:
            try:
                if not isinstance(given, dict):
                    raise bad_json("An input is an object")
                self._records.db.strike(name, given)
                known[name](given)
                results.append({"actionName": name, "errors": None, "isSuccess": True, "outputValues": None})
            except CrmError as problem:
                outputs = {"error": problem.message}
                results.append(
                    {"actionName": name, "errors": [problem.row()], "isSuccess": False, "outputValues": outputs}
                )
        return (200 if all(result["isSuccess"] for result in results) else self.failed_status), results

    def _target(self, given: Mapping[str, object]) -> Row:
        identity = full_id(str(given.get("targetId") or ""))
        row = self._records.db.row(identity) if identity else None
        if row is None or row["IsDeleted"] or identity is None or identity[:3] not in ("00Q", "003"):
            raise CrmError("UNKNOWN_EXCEPTION", "The target is not a lead or contact that can be assigned.")
        if row.get("IsConverted"):
            raise CrmError("UNKNOWN_EXCEPTION", "A converted lead cannot be a cadence target.")
        return row

    def _running(self, target: str) -> Sequence[Row]:
        rows = self._records.db.tables["ActionCadenceTracker"].where("TargetId", target)
        return [row for row in rows if row["State"] not in _ENDED and not row["IsDeleted"]]

    def _assign(self, given: Mapping[str, object]) -> None:
        wanted = str(given.get("salesCadenceNameOrId") or "")
        cadences = self._records.db.tables["ActionCadence"].rows.values()
        cadence = next((c for c in cadences if wanted and wanted in (c["Name"], c["Id"], str(c["Id"])[:15])), None)
        if cadence is None or cadence["State"] != "Active":
            raise CrmError("UNKNOWN_EXCEPTION", "The sales cadence does not exist or is not active.")
        target = self._target(given)
        if self._running(str(target["Id"])):
            raise CrmError("UNKNOWN_EXCEPTION", "The target is already assigned to a sales cadence.")
        user = full_id(str(given.get("userId") or self._user))
        row = self._records.db.row(user) if user else None
        if row is None or row.get("IsActive") is not True:
            raise CrmError("UNKNOWN_EXCEPTION", "The user is not an active user with Sales Engagement.")
        values = {"ActionCadenceId": cadence["Id"], "TargetId": target["Id"], "OwnerId": user, "State": "Active"}
        self._records.insert("ActionCadenceTracker", values, self._user)

    def _remove(self, given: Mapping[str, object]) -> None:
        tracker = full_id(str(given.get("actionCadenceTrackerId") or ""))
        row = self._records.db.row(tracker) if tracker else None
        running = [row] if row is not None else self._running(full_id(str(given.get("targetId") or "")) or "")
        if not running:
            raise CrmError("UNKNOWN_EXCEPTION", "The target is not assigned to a sales cadence.")
        for found in running:
            reason = str(given.get("completionReasonCode") or "ManuallyRemoved")
            disposition = given.get("completionDisposition")
            changes = {
                "State": "Complete",
                "CompletionReason": reason,
                "CompletionDisposition": disposition if isinstance(disposition, str) else None,
            }
            self._records.update("ActionCadenceTracker", str(found["Id"]), changes, self._user)

    def _mail(self, given: Mapping[str, object]) -> None:
        to, subject, text = (str(given.get(name) or "") for name in ("emailAddresses", "emailSubject", "emailBody"))
        if not to or not subject or not text:
            raise CrmError(
                "MISSING_ARGUMENT", "Missing required input parameter: emailAddresses, emailSubject or emailBody"
            )
        self.sent.append(SentMail(to, subject, text))
