"""Every path of HubSpot's API that this adapter uses, in one table, those the SDK sends included.

HubSpot moves to dated versions: v4 paths are unsupported from 30 March 2027, v1 to v3 from September 2027. A family
moves by changing its line below, say `OBJECTS = "/crm/objects/2026-03"`. An endpoint whose path is the one that
hubspot-api-client 12.0.0 hard-codes goes through the SDK; any other is sent by the same transport without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

OBJECTS = "/crm/v3/objects"
ASSOCIATIONS = "/crm/v4/associations"
PROPERTIES = "/crm/v3/properties"
PIPELINES = "/crm/v3/pipelines"
OWNERS = "/crm/v3/owners"
LISTS = "/crm/v3/lists"
SEQUENCES = "/automation/v4/sequences"
WORKFLOWS = "/automation/v2/workflows"
SINGLE_SEND = "/marketing/v4/email"
PREFERENCES = "/communication-preferences/v4"
ACCOUNT = "/account-info/v3"

Effect = Literal["read", "write", "repeatable"]
"""What repeating a request would do: nothing, a second effect, or the same effect once more."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: its name for people, its path with holes, what repeating it does, and the scope it needs."""

    name: str
    method: str
    template: str
    effect: Effect = "read"
    scope: str = ""
    sdk: tuple[str, str] | None = None
    """The template the SDK hard-codes, and where in the SDK the method is."""

    @property
    def through_sdk(self) -> bool:
        """Whether the SDK has this very path."""
        return self.sdk is not None and self.sdk[0] == self.template

    def path(self, args: tuple[str, ...]) -> str:
        """The path with its holes filled, in order, percent-encoded."""
        path = self.template
        for value in args:
            start, end = path.index("{"), path.index("}")
            path = path[:start] + quote(value, safe="") + path[end + 1 :]
        return path


_READ = "crm.objects.{object}.read"
_WRITE = "crm.objects.{object}.write"
_MEMBERS = "crm.lists.write"
_ENROLL = "automation.sequences.enrollments.write"

SEARCH = Endpoint(
    "search", "POST", OBJECTS + "/{object}/search", "read", _READ,
    ("/crm/v3/objects/{object}/search", "crm.objects.search_api.do_search"),
)  # fmt: skip
LIST_OBJECTS = Endpoint(
    "list", "GET", OBJECTS + "/{object}", "read", _READ,
    ("/crm/v3/objects/{object}", "crm.objects.basic_api.get_page"),
)  # fmt: skip
GET_OBJECT = Endpoint(
    "get", "GET", OBJECTS + "/{object}/{id}", "read", _READ,
    ("/crm/v3/objects/{object}/{id}", "crm.objects.basic_api.get_by_id"),
)  # fmt: skip
BATCH_READ = Endpoint(
    "batch read", "POST", OBJECTS + "/{object}/batch/read", "read", _READ,
    ("/crm/v3/objects/{object}/batch/read", "crm.objects.batch_api.read"),
)  # fmt: skip
BATCH_CREATE = Endpoint(
    "batch create", "POST", OBJECTS + "/{object}/batch/create", "write", _WRITE,
    ("/crm/v3/objects/{object}/batch/create", "crm.objects.batch_api.create"),
)  # fmt: skip
BATCH_UPDATE = Endpoint(
    "batch update", "POST", OBJECTS + "/{object}/batch/update", "write", _WRITE,
    ("/crm/v3/objects/{object}/batch/update", "crm.objects.batch_api.update"),
)  # fmt: skip
ASSOCIATED = Endpoint(
    "associations", "POST", ASSOCIATIONS + "/{from}/{to}/batch/read", "read", _READ,
    ("/crm/v4/associations/{from}/{to}/batch/read", "crm.associations.v4.batch_api.get_page"),
)  # fmt: skip
PROPERTY_LIST = Endpoint(
    "properties", "GET", PROPERTIES + "/{object}", "read", "crm.schemas.{object}.read",
    ("/crm/v3/properties/{object}", "crm.properties.core_api.get_all"),
)  # fmt: skip
PIPELINE_LIST = Endpoint(
    "pipelines", "GET", PIPELINES + "/{object}", "read", _READ,
    ("/crm/v3/pipelines/{object}", "crm.pipelines.pipelines_api.get_all"),
)  # fmt: skip
OWNER_LIST = Endpoint(  # the SDK's path ends in a slash; so does the one HubSpot's specification has
    "owners", "GET", OWNERS + "/", "read", "crm.objects.owners.read",
    ("/crm/v3/owners/", "crm.owners.owners_api.get_page"),
)  # fmt: skip
LIST_GET = Endpoint(
    "list details", "GET", LISTS + "/{list}", "read", "crm.lists.read",
    ("/crm/v3/lists/{list}", "crm.lists.lists_api.get_by_id"),
)  # fmt: skip
LIST_MEMBERS = Endpoint(
    "list members", "GET", LISTS + "/{list}/memberships", "read", "crm.lists.read",
    ("/crm/v3/lists/{list}/memberships", "crm.lists.memberships_api.get_page"),
)  # fmt: skip
LIST_ADD = Endpoint(
    "list add", "PUT", LISTS + "/{list}/memberships/add", "repeatable", _MEMBERS,
    ("/crm/v3/lists/{list}/memberships/add", "crm.lists.memberships_api.add"),
)  # fmt: skip
LIST_REMOVE = Endpoint(
    "list remove", "PUT", LISTS + "/{list}/memberships/remove", "repeatable", _MEMBERS,
    ("/crm/v3/lists/{list}/memberships/remove", "crm.lists.memberships_api.remove"),
)  # fmt: skip
SEQUENCE_STATE = Endpoint(
    "sequence state", "GET", SEQUENCES + "/enrollments/contact/{contact}", "read", "automation.sequences.read"
)
SEQUENCE_ENROLL = Endpoint("sequence enrolment", "POST", SEQUENCES + "/enrollments", "write", _ENROLL)
WORKFLOW_STATE = Endpoint("workflow state", "GET", WORKFLOWS + "/enrollments/contacts/{contact}", "read", "automation")
WORKFLOW_ENROLL = Endpoint(
    "workflow enrolment", "POST", WORKFLOWS + "/{workflow}/enrollments/contacts/{email}", "write", "automation"
)
WORKFLOW_LEAVE = Endpoint(
    "workflow removal", "DELETE", WORKFLOWS + "/{workflow}/enrollments/contacts/{email}", "repeatable", "automation"
)
SEND_ONE = Endpoint("single send", "POST", SINGLE_SEND + "/single-send", "repeatable", "transactional-email")
OUT_OF_ALL = Endpoint(
    "opt-out question", "GET", PREFERENCES + "/statuses/{email}/unsubscribe-all", "read",
    "communication_preferences.read",
)  # fmt: skip
SUBSCRIPTIONS = Endpoint(
    "subscription question", "GET", PREFERENCES + "/statuses/{email}", "read", "communication_preferences.read"
)
ACCOUNT_DETAILS = Endpoint("account details", "GET", ACCOUNT + "/details", "read", "")

ENDPOINTS: tuple[Endpoint, ...] = (
    SEARCH, LIST_OBJECTS, GET_OBJECT, BATCH_READ, BATCH_CREATE, BATCH_UPDATE, ASSOCIATED, PROPERTY_LIST, PIPELINE_LIST,
    OWNER_LIST, LIST_GET, LIST_MEMBERS, LIST_ADD, LIST_REMOVE, SEQUENCE_STATE, SEQUENCE_ENROLL,
    WORKFLOW_STATE, WORKFLOW_ENROLL, WORKFLOW_LEAVE, SEND_ONE, OUT_OF_ALL, SUBSCRIPTIONS, ACCOUNT_DETAILS,
)  # fmt: skip
"""The whole table."""


def scope_of(endpoint: Endpoint, args: tuple[str, ...]) -> str:
    """The scope a call needs, as HubSpot's settings page names it."""
    kind = args[0] if args and endpoint.scope.count("{object}") else "contacts"
    known = kind if kind in ("contacts", "deals", "leads") else "contacts"  # activities hang on the contacts' scopes
    return endpoint.scope.replace("{object}", known)
