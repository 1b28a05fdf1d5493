"""HubSpot: reads a portal and writes follow-ups back to it. The SDK is loaded when a connection is opened."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from connector.domain.ports import Adapter, AdapterConfig

if TYPE_CHECKING:
    from collections.abc import Callable


def open_adapter(config: AdapterConfig) -> Adapter:
    """Connect to a portal. ConfigError when the token or the address is missing or malformed; sends nothing yet."""
    module = importlib.import_module("adapters.hubspot.adapter")
    build = cast("Callable[[AdapterConfig], Adapter]", module.HubSpotAdapter)
    return build(config)
