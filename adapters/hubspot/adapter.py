"""The HubSpot adapter put together: one client, one description of the portal, a source, a sink and a doctor."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.hubspot.census import HubSpotCensus
from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.doctor import examine
from adapters.hubspot.schema import Catalog
from adapters.hubspot.sink import HubSpotSink
from adapters.hubspot.source import HubSpotSource
from connector.domain.decision import Finding
from connector.domain.model import Needs
from connector.domain.ports import AdapterConfig, Census, Sink, Source


class HubSpotAdapter:
    """A connection to one portal; see `connector.domain.ports.Adapter`."""

    name = "hubspot"

    def __init__(self, config: AdapterConfig) -> None:
        self._config = config
        self._client = HubSpotClient(config)
        self._catalog = Catalog(self._client, config)
        source = HubSpotSource(self._client, config, self._catalog)
        self.source: Source = source
        self.census: Census = HubSpotCensus(self._client, config)
        self.sink: Sink = HubSpotSink(self._client, config, self._catalog, source.known_owners)

    @property
    def api_calls(self) -> int:
        """HTTP requests sent so far."""
        return self._client.usage.calls

    def doctor(self, needs: Needs) -> Iterable[Finding]:
        """What works and what does not, each with its cure."""
        return examine(self._client, self._config, self._catalog, self.source, needs)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()
