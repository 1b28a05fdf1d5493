"""May this contact be mailed? Asked of HubSpot before every enrolment, since a first mail cannot be taken back.

`hs_email_optout` is null until somebody sets it, and null says "unknown", not "yes". The authority is then HubSpot's
communication preferences, asked by e-mail address: who is out of all mail, or else, where HubSpot does not answer
that, the status of each subscription. A contact about whom HubSpot says nothing is not enrolled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.http import TimedOutError
from adapters.hubspot.client import HubSpotClient, Json
from adapters.hubspot.errors import FORBIDDEN, NOT_FOUND
from adapters.hubspot.fields import CONTACTS, LEADS, PRIMARY_CONTACT, object_type_of
from adapters.hubspot.mapping import Row, properties_of
from adapters.hubspot.paths import OUT_OF_ALL, SUBSCRIPTIONS
from adapters.hubspot.rows import batch_read
from connector.domain.decision import PlannedAction, Receipt, ReceiptState
from connector.domain.errors import ConfigError, PermanentError, RetryableError, ThrottledError
from connector.domain.model import RecordRef
from connector.domain.ports import AdapterConfig

OPT_OUT = "hs_email_optout"

ASKED_AT_ONCE = 100
"""Enrolments in one batch: each may cost two questions of its own beside the batch read they share."""

MOST_SILENCE = 3
"""Questions of one batch without an answer after which no more are put; the rest waits for the next pass."""

MAY_BE_MAILED = frozenset({"SUBSCRIBED", "NOT_SPECIFIED"})
OUT = "UNSUBSCRIBED"
"""The words HubSpot's specification has for the status of a subscription, and of all mail."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """The contact that a mail goes to; the address is for HubSpot alone, never for a message."""

    contact: str
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a contact is not enrolled, now (`retry`) or for good (`failed`)."""

    state: ReceiptState
    code: str
    message: str

    def receipt(self, action: PlannedAction) -> Receipt:
        """The refusal as what became of an action."""
        return Receipt(action.key, self.state, code=self.code, message=self.message)


NO_CONTACT = Refusal("failed", "NO_CONTACT", "the record has no contact that an e-mail could go to")
NO_ROW = Refusal("failed", "RECORD_MISSING", "HubSpot does not know this contact (any more)")
NO_EMAIL = Refusal("failed", "NO_EMAIL", "the contact has no e-mail address")
OPTED_OUT = Refusal("failed", "OPTED_OUT", "the contact has opted out of e-mail in HubSpot: it is not enrolled")
SAYS_NOTHING = Refusal("retry", "OPT_OUT_UNKNOWN", "HubSpot does not say whether this contact may be mailed")
MAY_NOT_ASK = Refusal(
    "retry",
    "OPT_OUT_NOT_VISIBLE",
    "HubSpot does not let us ask whether this contact may be mailed: "
    f"grant the token the scope {SUBSCRIPTIONS.scope}; it is not enrolled until then",
)


class Consent:
    """Asks whom HubSpot lets us mail. It only reads."""

    def __init__(self, client: HubSpotClient, config: AdapterConfig) -> None:
        self._client = client
        self._config = config

    def ask(self, actions: Sequence[PlannedAction]) -> tuple[dict[str, Addressee], list[Receipt]]:
        """Whom each action may mail, by its key, and a receipt for every action that may mail nobody, or not yet.

        Raises what ends a pass (throttled, quota spent, no answer in time, a contact that may not be read).
        """
        contacts = contacts_of(self._client, self._config, [action.record for action in actions])
        rows = batch_read(self._client, CONTACTS, list(contacts.values()), ("email", OPT_OUT))
        refusals = self._refusals({contact: rows.get(contact) for contact in contacts.values()})
        free: dict[str, Addressee] = {}
        receipts: list[Receipt] = []
        for action in actions:
            contact = contacts.get(action.record)
            refusal = NO_CONTACT if contact is None else refusals[contact]
            if contact is None or refusal is not None:
                receipts.append((refusal or NO_CONTACT).receipt(action))
            else:
                free[action.key] = Addressee(contact, _email(rows[contact]))
        return free, receipts

    def refusal_of(self, email: str) -> Refusal | None:
        """What HubSpot's communication preferences hold against a mail to this address; None when nothing."""
        for endpoint in (OUT_OF_ALL, SUBSCRIPTIONS):
            try:
                # Without `verbose` the documentation promises an empty answer, which would read like consent.
                answer = self._client.call(
                    endpoint, email, channel="EMAIL", verbose=True if endpoint is OUT_OF_ALL else None
                )
            except ConfigError:
                return MAY_NOT_ASK
            except PermanentError as error:
                if error.code == NOT_FOUND:
                    continue
                return MAY_NOT_ASK if error.code == FORBIDDEN else SAYS_NOTHING
            out = _out(answer)
            return SAYS_NOTHING if out is None else OPTED_OUT if out else None
        return SAYS_NOTHING

    def _refusals(self, rows: Mapping[str, Row | None]) -> dict[str, Refusal | None]:
        """One verdict for each contact; the preferences are asked only where the contact itself says nothing."""
        found: dict[str, Refusal | None] = {}
        silent = 0
        for contact, row in rows.items():
            if row is None or not _email(row):
                found[contact] = NO_ROW if row is None else NO_EMAIL
                continue
            said = str(properties_of(row).get(OPT_OUT) or "").lower()
            if said in ("true", "false"):
                found[contact] = OPTED_OUT if said == "true" else None
                continue
            if MAY_NOT_ASK in found.values() or silent >= MOST_SILENCE:
                found[contact] = MAY_NOT_ASK if MAY_NOT_ASK in found.values() else SAYS_NOTHING
                continue
            try:
                found[contact] = self.refusal_of(_email(row))
            except (ThrottledError, TimedOutError):
                raise
            except RetryableError:  # an outage, or an answer that cannot be read
                silent += 1
                found[contact] = SAYS_NOTHING
        return found


def contacts_of(client: HubSpotClient, config: AdapterConfig, records: Sequence[RecordRef]) -> Mapping[RecordRef, str]:
    """The contacts these records stand for: themselves, or the primary contacts of rows of the leads object."""
    found = {ref: ref.id for ref in records if object_type_of(ref.kind, config) == CONTACTS}
    leads = [ref for ref in records if object_type_of(ref.kind, config) == LEADS]
    rows = batch_read(client, LEADS, [ref.id for ref in leads], [PRIMARY_CONTACT]) if leads else {}
    for ref in leads:
        contact = properties_of(rows.get(ref.id, {})).get(PRIMARY_CONTACT)
        if contact:
            found[ref] = str(contact)
    return found


def _email(row: Row) -> str:
    return str(properties_of(row).get("email") or "").strip()


def _out(answer: Json) -> bool | None:
    """Whether any status in the answer is an opt-out; None when the answer is incomplete or cannot be understood."""
    results, numbers = answer.get("results"), answer.get("numErrors")
    if not isinstance(results, list):
        return None
    words = {str(row.get("status") or "").upper() if isinstance(row, Mapping) else "" for row in results}
    if OUT in words:
        return True
    whole = str(answer.get("status") or "COMPLETE").upper() == "COMPLETE" and not numbers and not answer.get("errors")
    return False if whole and words <= MAY_BE_MAILED else None
