"""The Salesforce connection: source, sink and doctor on one client."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from adapters.salesforce.catalog import Catalog
from adapters.salesforce.census import SalesforceCensus
from adapters.salesforce.client import Client
from adapters.salesforce.doctor import examine
from adapters.salesforce.fields import FieldMap
from adapters.salesforce.sink import SalesforceSink
from adapters.salesforce.soql import is_name
from adapters.salesforce.source import SalesforceSource
from connector.domain.decision import Finding
from connector.domain.errors import ConfigError
from connector.domain.model import Needs
from connector.domain.ports import AdapterConfig, Census, Sink, Source


class SalesforceAdapter:
    """One org as one API user sees it."""

    name = "salesforce"

    def __init__(self, config: AdapterConfig) -> None:
        _check_enrollments(config.enrollments)
        if config.task_key_field and not is_name(config.task_key_field):
            raise ConfigError("task_key_field in followup.yaml is not an API name, such as FollowupKey__c")
        self._config = config
        self._client = Client(config)
        self._catalog = Catalog(self._client, FieldMap(config.fields, config.records))
        self.source: Source = SalesforceSource(config, self._client, self._catalog)
        self.sink: Sink = SalesforceSink(config, self._client, self._catalog)
        self.census: Census = SalesforceCensus(self._client)

    @property
    def api_calls(self) -> int:
        """Requests sent so far, those for tokens included."""
        return self._client.usage.calls

    def doctor(self, needs: Needs) -> Iterable[Finding]:
        """Connection, permissions, fields, quota, clock and opt-out visibility, each with its cure."""
        return examine(self._config, self._client, self._catalog, needs)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()


def _check_enrollments(enrollments: Mapping[str, Mapping[str, str]]) -> None:
    for name, target in enrollments.items():
        if len({"campaign", "cadence"} & target.keys()) != 1:
            raise ConfigError(
                f"enrollments.{name} in followup.yaml needs `campaign: ID` or `cadence: ID` on Salesforce"
            )
        if "campaign" in target and not re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", target["campaign"]):
            raise ConfigError(f"enrollments.{name}.campaign in followup.yaml is not the id of a campaign (701...)")
