"""Finds adapters by name: the built-in ones and third parties', through the entry-point group `followup.adapters`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from connector.domain.errors import ConfigError
from connector.domain.ports import Adapter, AdapterConfig

GROUP = "followup.adapters"

BUILT_IN: dict[str, str] = {
    "salesforce": "adapters.salesforce:open_adapter",
    "hubspot": "adapters.hubspot:open_adapter",
}
"""Used when the package's own metadata is not installed, as in a source tree."""


def _found() -> dict[str, EntryPoint]:
    built_in = {name: EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()}
    installed = {point.name: point for point in entry_points(group=GROUP)}
    return {**installed, **built_in}


def adapter_names() -> tuple[str, ...]:
    """The CRMs that can be named in `crm:`, in alphabetical order."""
    return tuple(sorted(_found()))


def open_adapter(config: AdapterConfig) -> Adapter:
    """Connect the adapter that `config.crm` names; its SDK is loaded only now. ConfigError when there is none such."""
    point = _found().get(config.crm)
    if point is None:
        raise ConfigError(f"no adapter is called {config.crm!r}; there are: {', '.join(adapter_names())}")
    try:
        module = importlib.import_module(point.module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"the adapter {config.crm!r} needs the module {error.name!r}: install it") from None
    factory = cast("Callable[[AdapterConfig], Adapter]", getattr(module, point.attr))
    return factory(config)
