"""What people and prospects do in the CRM, one function each, and the diary that the oracle keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.company import STATUSES, Company
from tests.simulation.crm import HubSpot, Salesforce
from tests.simulation.scenario import Spec


@dataclass(frozen=True)
class Deed:
    """Something a person did, by the CRM's clock: `what` as in the step, `lead` the CRM's id."""

    what: str
    lead: str
    at: datetime
    number: int
    detail: Mapping[str, Any] = field(default_factory=dict)


class Actors:
    """Everybody but us. A deed that cannot be done now (the lead is gone, there is no such task) is left undone."""

    def __init__(self, firm: Company, crm: Salesforce | HubSpot) -> None:
        self.firm = firm
        self.crm = crm
        self.names: dict[str, str] = {}
        self.diary: list[Deed] = []
        self.done: dict[str, int] = {}
        self.last = self.now()
        self.queue = firm.org.add_queue("Inbound") or ""
        firm.people["dirk"] = firm.org.add_person("Dirk Old", "dirk@example.com")
        firm.org.deactivate(firm.people["dirk"])
        self._acts: Mapping[str, Callable[[Spec, str], Mapping[str, Any] | None]] = {
            "call": self._call,
            "email": lambda step, lead: self._mail(step, lead, "outbound"),
            "reply": lambda step, lead: self._mail(step, lead, "inbound"),
            "autoreply": lambda step, lead: self._mail(step, lead, "inbound", automated=True),
            "meeting": self._meeting,
            "note": lambda step, lead: {"id": firm.org.add_note(lead, self._by(step), "An offer was asked for")},
            "status": self._status,
            "refuse": lambda _step, lead: self._status({"status": "do_not_contact"}, lead),
            "owner": self._owner,
            "field": lambda step, lead: self._set(lead, step["fields"]),
            "opt_out": lambda _step, lead: self._set(lead, {"opted_out": True}),
            "opt_in": lambda _step, lead: self._set(lead, {"opted_out": False}),
            "convert": self._convert,
            "merge": self._merge,
            "delete": self._delete,
            "complete": self._complete,
            "defer": self._defer,
            "delete_task": self._delete_task,
            "task": self._task,
            "open_email": self._open_email,
            "unsubscribe": self._unsubscribe,
        }

    def now(self) -> datetime:
        """The CRM's now."""
        return self.firm.clock.peek()

    def do(self, step: Spec) -> bool:
        """Do it if it can be done; whether it was."""
        what = step["do"]
        if what in ("lead", "hide", "show", "deactivate", "late"):
            self._done(what)
            getattr(self, f"_{what}")(step)
            return True
        lead = self.names.get(step["lead"], "")
        if not self.alive(lead):
            return False
        detail = self._acts[what](step, lead)
        if detail is None:
            return False
        self._done(what)
        self.note_down(what, lead, detail)
        return True

    def note_down(self, what: str, lead: str, detail: Mapping[str, Any]) -> None:
        """A line of the diary."""
        self.diary.append(Deed(what, lead, self.now(), len(self.diary), detail))

    def _done(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1
        self.last = self.now()

    def alive(self, lead: str) -> bool:
        """Whether people can still do something with this lead."""
        if not lead:
            return False
        if isinstance(self.crm, Salesforce):
            row = self.crm.db.tables["Lead"].rows.get(lead)
            return row is not None and not row["IsDeleted"] and not row["IsConverted"]
        found = self.crm.portal.tables["contacts"].rows.get(lead)
        return found is not None and found.archived_at is None

    def _by(self, step: Spec) -> str:
        return self.firm.people[step.get("by", "ana")]

    def _lead(self, step: Spec) -> None:
        self.lead(step["made"])

    def lead(self, made: Spec) -> None:
        """A new lead."""
        if made["name"] in self.names or (made["owner"] == "queue" and not self.queue):
            return
        owner = self.queue if made["owner"] == "queue" else self.firm.people[made["owner"]]
        fields = {"email": f"{made['name'].lower()}@example.org", **made["fields"]}
        id_ = self.firm.lead(f"Mara {made['name']}", owner, made["status"], **fields)
        self.names[made["name"]] = id_
        self.last = self.now()
        detail = {"status": made["status"], "owner": owner, **made["fields"]}
        self.note_down("lead", id_, detail)
        for _ in range(made["calls"]):
            self.firm.call(id_)
            self.note_down("call", id_, {"outcome": "no_answer"})

    def _call(self, step: Spec, lead: str) -> Mapping[str, Any]:
        self.firm.org.log_call(lead, self._by(step), step["outcome"], inbound=step["inbound"])
        return {"outcome": step["outcome"], "inbound": step["inbound"]}

    def _mail(self, step: Spec, lead: str, way: str, *, automated: bool = False) -> Mapping[str, Any]:
        return {"id": self.firm.org.log_email(lead, self._by(step), way, "Your offer", automated=automated)}

    def _meeting(self, step: Spec, lead: str) -> Mapping[str, Any]:
        start = self.now() + timedelta(hours=step["hours"])
        self.firm.org.book_meeting(lead, self._by(step), start, timedelta(hours=1), "Offer")
        return {"start": start, "end": start + timedelta(hours=1)}

    def _set(self, lead: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
        before = self.firm.org.fields_of(lead)
        self.firm.org.set_fields(lead, fields, by=self.firm.people["ana"])
        return {name: (before.get(name), value) for name, value in fields.items()}

    def _status(self, step: Spec, lead: str) -> Mapping[str, Any]:
        return self._set(lead, {"status": STATUSES[self.firm.crm][step["status"]]})

    def _owner(self, step: Spec, lead: str) -> Mapping[str, Any] | None:
        owner = self.queue if step["owner"] == "queue" else self.firm.people[step["owner"]]
        return self._set(lead, {"owner": owner}) if owner else None

    def _convert(self, _step: Spec, lead: str) -> Mapping[str, Any]:
        self.firm.org.convert(lead)
        return {}

    def _merge(self, step: Spec, lead: str) -> Mapping[str, Any] | None:
        loser = self.names.get(step["loser"], "")
        if not self.alive(loser) or loser == lead:
            return None
        survivor = self.firm.org.merge(lead, loser)
        for name, id_ in list(self.names.items()):
            if id_ in (lead, loser):
                self.names[name] = survivor
        return {"loser": loser, "survivor": survivor}

    def _delete(self, _step: Spec, lead: str) -> Mapping[str, Any]:
        self.firm.org.delete(lead)
        return {}

    def _nth(self, step: Spec, lead: str) -> str | None:
        """One of the open tasks, those of the lead first: people do what they find on their list."""
        tasks = [*self.firm.org.open_tasks(lead), *self.firm.org.open_tasks()]
        return tasks[step["nth"] % len(tasks)].id if tasks else None

    def _on_task(self, task: str | None, do: Callable[[str], object], what: str) -> Mapping[str, Any] | None:
        if task is None:
            return None
        found = self.crm.snapshot().tasks[task]
        do(task)
        return {"task": task, "key": found.key, "about": found.lead, "type": found.type, "what": what}

    def _complete(self, step: Spec, lead: str) -> Mapping[str, Any] | None:
        def do(task: str) -> None:
            self.firm.org.complete_task(task, by=self._by(step), outcome=step["outcome"])

        return self._on_task(self._nth(step, lead), do, "complete")

    def _defer(self, step: Spec, lead: str) -> Mapping[str, Any] | None:
        return self._on_task(
            self._nth(step, lead), lambda task: self.firm.org.defer_task(task, by=self._by(step)), "defer"
        )

    def _delete_task(self, step: Spec, lead: str) -> Mapping[str, Any] | None:
        return self._on_task(self._nth(step, lead), self.firm.org.delete_task, "delete")

    def _task(self, step: Spec, lead: str) -> Mapping[str, Any]:
        due = self.now() + timedelta(hours=step["hours"])
        return {"task": self.firm.org.add_task(lead, self._by(step), step["type"], "By hand", due)}

    def _open_email(self, _step: Spec, lead: str) -> Mapping[str, Any] | None:
        mails = [deed.detail["id"] for deed in self.diary if deed.what == "email" and deed.lead == lead]
        if not mails:
            return None
        self.firm.org.open_email(mails[-1])
        return {}

    def _unsubscribe(self, _step: Spec, lead: str) -> Mapping[str, Any] | None:
        if not isinstance(self.crm, HubSpot):
            return None
        self.firm.org.unsubscribe(lead)
        return {}

    def _hide(self, _step: Spec) -> None:
        if isinstance(self.crm, Salesforce):
            self.firm.org.hide_field("Lead", "HasOptedOutOfEmail")
        else:
            self.firm.org.hide_property("contacts", "hs_email_optout")

    def _show(self, _step: Spec) -> None:
        if isinstance(self.crm, Salesforce):
            self.firm.org.show_field("Lead", "HasOptedOutOfEmail")
        else:
            self.crm.portal.tables["contacts"].hidden.discard("hs_email_optout")

    def _deactivate(self, step: Spec) -> None:
        self.firm.org.deactivate(self.firm.people[step["person"]])

    def _late(self, step: Spec) -> None:
        """From now on rows are seen only a while after their stamps."""
        if isinstance(self.crm, Salesforce):
            self.firm.org.late_rows(step["what"], timedelta(minutes=step["minutes"]) if step["minutes"] else None)
