"""What each kind of fault is on either CRM: the shapes of refusal that they really have."""

from __future__ import annotations

from adapters.sandbox.faults import Fault
from tests.company import Company
from tests.simulation.scenario import Spec

HTML = "<html><body>Please wait</body></html>"
_WRITE = {
    "salesforce": ("POST|PATCH|DELETE", r"/composite/sobjects|/actions/"),
    "hubspot": ("POST|PUT|PATCH", r"/batch/(create|update)|/memberships/"),
}
_READ = {"salesforce": ("GET", r"/query"), "hubspot": ("POST|GET", r"/search|/batch/read")}
_LIMIT = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]
_BUSY = [
    {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded."}
]
_BROKEN = [{"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred."}]
_SECONDLY = {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}
_TEN = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "policyName": "TEN_SECONDLY_ROLLING",
}
_DAILY = {"status": "error", "message": "You have reached your daily limit.", "policyName": "DAILY"}
_GONE = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]

_ANSWERS: dict[str, dict[str, tuple[int, object]]] = {
    "outage": {"salesforce": (503, HTML), "hubspot": (502, HTML)},
    "html": {"salesforce": (200, HTML), "hubspot": (200, HTML)},
    "throttled": {"salesforce": (403, _BUSY), "hubspot": (429, _TEN)},
    "busy": {"salesforce": (403, _BUSY), "hubspot": (429, _SECONDLY)},
    "daily": {"salesforce": (403, _LIMIT), "hubspot": (429, _DAILY)},
    "server_error": {"salesforce": (500, _BROKEN), "hubspot": (500, {"status": "error", "message": "internal error"})},
    "token": {"salesforce": (401, _GONE), "hubspot": (401, {"status": "error", "category": "INVALID_AUTHENTICATION"})},
}
_KINDS = {
    "outage_after": "answer_after",
    "drop_before": "drop_before",
    "drop_after": "drop_after",
    "garble": "garble_after",
}
_ROWS = {
    "salesforce": ("UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
    "hubspot": ("VALIDATION_ERROR", "CONFLICT"),
}


def strike(firm: Company, spec: Spec) -> None:
    """Plan this fault for the requests to come."""
    crm, kind, times = firm.crm, spec["kind"], spec["times"]
    if kind == "row":
        _rows(firm, spec)
        return
    if kind == "lookups":
        _lookups(firm)
        return
    method, path = (".*", ".*") if spec["where"] == "any" else (_WRITE if spec["where"] == "write" else _READ)[crm]
    if kind in _ANSWERS:
        status, body = _ANSWERS[kind][crm]
        fault = Fault("answer", method, path, None, spec["skip"], times, status, body)
    else:
        fault = Fault(_KINDS[kind], method, path, None, spec["skip"], times, 502, HTML)  # type: ignore[arg-type]
    firm.server.faults.add(fault)


def clear_faults(firm: Company) -> None:
    """What was planned for one pass and did not strike is forgotten."""
    firm.server.faults.clear()
    (firm.org._db.row_faults if firm.crm == "salesforce" else firm.org.portal.faults).clear()


def clear(firm: Company) -> None:
    """No more trouble of any kind: rows are seen at once, too."""
    clear_faults(firm)
    if firm.crm == "salesforce":
        for table in firm.org._db.tables.values():
            table.late_by = None


def _rows(firm: Company, spec: Spec) -> None:
    """Single rows of a batch are refused, for now or for good: the 207s and the collections with a 200."""
    code = _ROWS[firm.crm][spec["skip"] % 2]
    name = ("Task", "Lead", "CampaignMember") if firm.crm == "salesforce" else ("tasks", "contacts", "notes")
    firm.org.fail_rows(name[spec["times"] % len(name)], lambda _row: True, code, "refused", spec["times"])


def _lookups(firm: Company) -> None:
    """What the server keeps for the client is lost: query cursors and the token."""
    if firm.crm == "salesforce":
        firm.org.expire_cursors()
        firm.org.expire_tokens()
