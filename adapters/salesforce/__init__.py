"""The Salesforce adapter. Importing it is cheap: the client library loads when an adapter is opened."""

from __future__ import annotations

import importlib
from typing import cast

from connector.domain.ports import Adapter, AdapterConfig


def open_adapter(config: AdapterConfig) -> Adapter:
    """Connect to the org that the configuration names; ConfigError when a setting is missing or wrong."""
    module = importlib.import_module("adapters.salesforce.adapter")
    return cast("Adapter", module.SalesforceAdapter(config))
