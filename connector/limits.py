"""The section `limits` of followup.yaml: the caps, the breaker, and the share of the CRM's calls."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

OFF = "off"
"""Written in place of a number, or of a whole threshold, it switches that off."""


class Section(BaseModel):
    """A group of settings: a word that is not among them is a mistake."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _is_off(value: object) -> bool:
    """Whether somebody wrote `off`, in a file or, unquoted, in YAML of another reader."""
    return value is False or (isinstance(value, str) and value.strip().lower() == OFF)


def _number(value: object) -> object:
    return None if _is_off(value) else value


def _threshold(value: object) -> object:
    return _all_off(value, ("records", "percent"), "{records: 500, percent: 25}")


def _breaker(value: object) -> object:
    return _all_off(value, ("per_rule", "per_pass"), "{per_rule: {records: 500}}")


def _all_off(value: object, words: tuple[str, ...], example: str) -> object:
    if _is_off(value):
        return dict.fromkeys(words, OFF)
    if isinstance(value, str | bool):
        raise ValueError(f"write `off`, or numbers such as {example}")
    return value


Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_number)]
Percent = Annotated[Annotated[float, Field(gt=0, le=100)] | None, BeforeValidator(_number)]


class PerRule(Section):
    """How many records one rule may match at once before all its matches are held; None: any number."""

    records: Count = 500
    percent: Percent = 25.0


class PerPass(Section):
    """How many records all rules together may match at once before the whole pass is held; None: any number."""

    records: Count = 1000
    percent: Percent = 50.0


class Breaker(Section):
    """Where a bulk edit is told from a busy morning."""

    per_rule: Annotated[PerRule, BeforeValidator(_threshold)] = PerRule()
    per_pass: Annotated[PerPass, BeforeValidator(_threshold)] = PerPass()


class Limits(Section):
    """Caps that hold for every rule without its own, the breaker, and the share of the CRM's daily calls that is ours."""

    per_rule_per_run: int = Field(default=100, ge=1)
    api_calls_share: float = Field(default=0.2, gt=0, le=1)
    breaker: Annotated[Breaker, BeforeValidator(_breaker)] = Breaker()
