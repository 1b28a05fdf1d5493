"""Knows what the org looks like to this user: describes each object once and remembers it for the pass."""

from __future__ import annotations

from adapters.salesforce.client import Client
from adapters.salesforce.fields import OBJECTS, FieldMap, ObjectDescription, described
from connector.domain.errors import ConfigError, PermanentError


class Catalog:
    """Described objects, one request each, and the names that lead there."""

    def __init__(self, client: Client, fields: FieldMap) -> None:
        self.fields = fields
        self._client = client
        self._objects: dict[str, ObjectDescription] = {}

    def sobject(self, name: str) -> ObjectDescription:
        """An object's description; PermanentError when this user may not see it."""
        if name not in self._objects:
            self._objects[name] = described(name, self._client.get(f"sobjects/{name}/describe"))
        return self._objects[name]

    def record(self, kind: str) -> ObjectDescription:
        """The object behind a kind of record; ConfigError when this user may not see it."""
        return self._required(OBJECTS[kind])

    def task(self) -> ObjectDescription:
        """Task; ConfigError when this user may not see it."""
        return self._required("Task")

    def forget(self) -> None:
        """Describe again at the next occasion."""
        self._objects.clear()

    def _required(self, name: str) -> ObjectDescription:
        try:
            return self.sobject(name)
        except PermanentError as error:
            raise ConfigError(f"the API user cannot see {name} ({error.code}): grant it Read on {name}") from None
