"""How Salesforce says no: one exception for a whole request, and the shapes errors take in its answers."""

from __future__ import annotations

from collections.abc import Sequence


class CrmError(Exception):
    """The sandbox refuses, in Salesforce's words: `code` is errorCode (single calls) or statusCode (rows)."""

    def __init__(self, code: str, message: str, fields: Sequence[str] = (), status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = list(fields)
        self.status = status

    def body(self) -> list[dict[str, object]]:
        """The error as a single call answers it: an array of one object; `fields` only where it says something."""
        error: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields:
            error["fields"] = self.fields
        return [error]

    def row(self) -> dict[str, object]:
        """The error as a row of a collection says it."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}


def no_such_column(field: str, entity: str) -> CrmError:
    """A field that a query asks for and the user does not see, or that does not exist: Salesforce says the same."""
    return CrmError(
        "INVALID_FIELD",
        f"\n{field}\n^\nERROR at Row:1:Column:1\nNo such column '{field}' on entity '{entity}'. If you are attempting to"
        " use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the"
        " describe call for the appropriate names.",
    )


def no_such_field(field: str, entity: str) -> CrmError:
    """A field in a written record that the user does not see, or that does not exist."""
    return CrmError("INVALID_FIELD", f"No such column '{field}' on sobject of type {entity}")


def unsupported_type(entity: str, status: int = 400) -> CrmError:
    """An object in a query that does not exist or that the user may not see."""
    return CrmError(
        "INVALID_TYPE",
        f"\nFROM {entity}\n     ^\nERROR at Row:1:Column:1\nsObject type '{entity}' is not supported. If you are attempting"
        " to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the"
        " describe call for the appropriate names.",
        status=status,
    )


def not_found(message: str = "The requested resource does not exist") -> CrmError:
    """No such path or no such record."""
    return CrmError("NOT_FOUND", message, status=404)


def malformed(message: str) -> CrmError:
    """A query that is not SOQL."""
    return CrmError("MALFORMED_QUERY", message)


def bad_json(message: str) -> CrmError:
    """A body that is not what the resource expects."""
    return CrmError("JSON_PARSER_ERROR", message)
