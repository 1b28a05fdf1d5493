"""Finds adapters by name: the built-in ones and third parties', through the entry-point group `followup.adapters`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import cast

from connector.domain.errors import ConfigError
from connector.domain.model import Needs
from connector.domain.permissions import Permission
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


def permissions_of(needs: Needs, config: AdapterConfig) -> tuple[Permission, ...]:
    """The least that the CRM has to grant for these needs; no SDK is loaded and no network asked.

    An adapter tells it by a function `permissions(needs, config)` in a module `permissions` beside its factory.
    """
    tell = cast(
        "Callable[[Needs, AdapterConfig], tuple[Permission, ...]]",
        _module_beside(config.crm, "permissions").permissions,
    )
    return tell(needs, config)


def permission_set_of(crm: str, found: Sequence[Permission]) -> str:
    """The permissions as a file that the CRM can deploy; ConfigError where it has none such."""
    write = getattr(_module_beside(crm, "permissions"), "permission_set", None)
    if write is None:
        raise ConfigError(f"{crm} deploys no permissions from a file: grant what `followup doctor --permissions` lists")
    return cast("Callable[[Sequence[Permission]], str]", write)(found)


def _module_beside(crm: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{_point(crm).module}.{name}")
    except ModuleNotFoundError:
        raise ConfigError(f"the adapter {crm!r} does not tell its {name}: ask who made it") from None


def _point(crm: str) -> EntryPoint:
    if crm in BUILT_IN:  # it wins over an installed one of its name, so that nobody need look through what is installed
        return EntryPoint(crm, BUILT_IN[crm], GROUP)
    point = _found().get(crm)
    if point is None:
        raise ConfigError(f"no adapter is called {crm!r}; there are: {', '.join(adapter_names())}")
    return point


def open_adapter(config: AdapterConfig) -> Adapter:
    """Connect the adapter that `config.crm` names; its SDK is loaded only now. ConfigError when there is none such."""
    point = _point(config.crm)
    try:
        module = importlib.import_module(point.module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"the adapter {config.crm!r} needs the module {error.name!r}: install it") from None
    factory = cast("Callable[[AdapterConfig], Adapter]", getattr(module, point.attr))
    return factory(config)
