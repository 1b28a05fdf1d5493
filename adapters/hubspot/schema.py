"""What this portal looks like: visible properties, pipeline stages, and our words for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.fields import (
    CONTACT_STATUSES,
    CONTACTS,
    DEALS,
    LEAD_STATUSES,
    LEADS,
    KindView,
    object_type_of,
    property_info,
    view_of,
)
from adapters.hubspot.paths import ACCOUNT_DETAILS, PIPELINE_LIST, PROPERTY_LIST
from adapters.hubspot.rows import rows_of
from connector.domain.errors import ConfigError, FollowupError, PermanentError
from connector.domain.model import KINDS, CrmSchema, FieldInfo, Needs
from connector.domain.ports import AdapterConfig

TASKS = "tasks"

OBJECT_TYPE_IDS: Mapping[str, str] = {CONTACTS: "0-1", DEALS: "0-3", LEADS: "0-136"}
"""HubSpot's numbers for its object types, as they stand in the addresses of its pages."""


class Catalog:
    """The portal's description, read once per pass (by `describe`) and shared by source, sink and doctor."""

    def __init__(self, client: HubSpotClient, config: AdapterConfig) -> None:
        self._client = client
        self._config = config
        self._visible: dict[str, Mapping[str, FieldInfo]] = {}
        self._unique: dict[str, frozenset[str]] = {}

    def refresh(self) -> None:
        """Forget what was read, so that a field that has gone since is noticed."""
        self._visible.clear()
        self._unique.clear()

    def properties(self, object_type: str) -> Mapping[str, FieldInfo]:
        """The visible properties of an object type under their HubSpot names."""
        if object_type not in self._visible:
            rows = rows_of(self._client.call(PROPERTY_LIST, object_type))
            infos = {info.name: info for row in rows if (info := property_info(row)) is not None}
            self._visible[object_type] = self._with_stages(object_type, infos)
            self._unique[object_type] = frozenset(
                str(row.get("name")) for row in rows if row.get("hasUniqueValue") is True
            )
        return self._visible[object_type]

    def unique(self, object_type: str) -> frozenset[str]:
        """The properties that HubSpot keeps unique over all records of a type."""
        self.properties(object_type)
        return self._unique[object_type]

    def view(self, kind: str) -> KindView:
        """How one of our kinds looks here."""
        object_type = object_type_of(kind, self._config)
        types = (object_type, CONTACTS) if object_type == LEADS else (object_type,)
        return view_of(kind, self._config, {one: self.properties(one) for one in types})

    def task_key_field(self) -> str | None:
        """The task property that carries our key; ConfigError when the one that was configured cannot."""
        name = self._config.task_key_field
        if name and name not in self.properties(TASKS):
            raise ConfigError(
                f"task_key_field: tasks have no property {name}: create a unique single-line text property of that name, "
                "or leave the setting out (then a marker line in the task's text carries the key)"
            )
        return name

    def describe(self, needs: Needs) -> CrmSchema:
        """The description the rules are bound to; a field that is not visible is listed as hidden."""
        views: dict[str, KindView] = {kind: self.view(kind) for kind in KINDS if kind in needs.kinds}
        for kind, view in views.items():
            if not view.fields:
                raise PermanentError(f"HubSpot shows no property of {view.object_type}: check the scopes for {kind}")
        wanted = {
            kind: needs.fields.get(kind, frozenset()) | needs.written_fields.get(kind, frozenset()) for kind in views
        }
        return CrmSchema(
            crm="hubspot",
            fields={kind: view.infos for kind, view in views.items()},
            statuses=self._statuses(views),
            enrollments=tuple(sorted(self._config.enrollments)),
            hidden={kind: tuple(sorted(view.hidden(wanted[kind]))) for kind, view in views.items()},
            pages=self._pages(views),
        )

    def _pages(self, views: Mapping[str, KindView]) -> Mapping[str, str]:
        """Where a person sees a record; nothing when the portal does not tell, since only reports link there."""
        try:
            account = self._client.call(ACCOUNT_DETAILS)
        except FollowupError:
            return {}
        host, portal = account.get("uiDomain"), account.get("portalId")
        if not host or not portal:
            return {}
        types = {kind: OBJECT_TYPE_IDS.get(view.object_type) for kind, view in views.items()}
        return {
            kind: f"https://{host}/contacts/{portal}/record/{type_}/{{id}}" for kind, type_ in types.items() if type_
        }

    def _statuses(self, views: Mapping[str, KindView]) -> Mapping[str, str]:
        """Our status words: HubSpot's own values where the portal still has them, then what followup.yaml says."""
        leads = object_type_of("lead", self._config) == LEADS
        standard = LEAD_STATUSES if leads else CONTACT_STATUSES
        view = views.get("lead") or views.get("contact")
        info = view.infos.get("status") if view else None
        values = {value.lower() for value in info.values} if info else set()
        kept = {word: value for word, value in standard.items() if not values or value.lower() in values}
        return {**kept, **self._config.statuses}

    def _with_stages(self, object_type: str, infos: dict[str, FieldInfo]) -> dict[str, FieldInfo]:
        """Deals and leads keep their statuses as pipeline stages, which the property list does not always spell out."""
        name = {"deals": "dealstage", LEADS: "hs_pipeline_stage"}.get(object_type)
        if name is None or name not in infos or infos[name].values:
            return infos
        stages = tuple(_stages(rows_of(self._client.call(PIPELINE_LIST, object_type))))
        infos[name] = replace(infos[name], type="picklist", values=stages)
        return infos


def _stages(pipelines: Iterable[Mapping[str, object]]) -> Iterable[str]:
    seen: dict[str, None] = {}
    for pipeline in pipelines:
        stages = pipeline.get("stages")
        for stage in stages if isinstance(stages, list) else []:
            if isinstance(stage, Mapping) and stage.get("archived") is not True and stage.get("id") is not None:
                seen[str(stage["id"])] = None
    return seen
