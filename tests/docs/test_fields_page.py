"""docs/fields.md says what the adapters do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adapters.hubspot import fields as hubspot
from adapters.salesforce import fields as salesforce

PAGE = (Path(__file__).parent.parent.parent / "docs" / "fields.md").read_text(encoding="utf-8")


def _table(heading: str) -> list[dict[str, str]]:
    """One dict per column of the table under a heading: our word and the CRM's name, empty ones left out."""
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| `")
    ]
    width = len(rows[0])
    return [{row[0].strip("`"): row[column] for row in rows if row[column]} for column in range(1, width)]


def test_the_salesforce_table_is_what_the_adapter_reads() -> None:
    assert _table("Salesforce") == [dict(salesforce.DEFAULTS[kind]) for kind in ("lead", "contact", "deal")]


def test_the_hubspot_table_is_what_the_adapter_reads() -> None:
    def shown(fields: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        return {word: ", ".join(names) for word, names in fields.items()}

    kinds = (hubspot.CONTACT_FIELDS, hubspot.LEAD_FIELDS, hubspot.DEAL_FIELDS)
    assert _table("HubSpot") == [shown(fields) for fields in kinds]
