"""The JSON of a CRM's answer: what a database, a terminal or a CRM cannot take does not come in."""

from __future__ import annotations

import json

import pytest

from adapters.answers import REPLACED, decoded


@pytest.mark.parametrize(
    "body",
    [b'{"a": "x\\u0000"}', b'{"a": "x\\uD800"}', b'{"a": "x\xed\xa0\x80"}', b'\xef\xbb\xbf{"a": "x\\udfff"}'],
)
def test_a_character_that_is_none_is_replaced_however_it_is_written(body: bytes) -> None:
    assert decoded(body) == {"a": f"x{REPLACED}"}


def test_every_other_character_stays() -> None:
    text = "Zoë 😀 \u202e \ufffd"
    for plain in (False, True):
        assert decoded(json.dumps({text: [text]}, ensure_ascii=plain).encode()) == {text: [text]}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_another_encoding_than_utf_8_is_no_answer(encoding: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decoded('{"a": "é"}'.encode(encoding))


def test_a_character_that_is_none_does_not_come_in_by_another_encoding() -> None:
    with pytest.raises(ValueError, match=r"."):
        decoded('{"a": "\ud800"}'.encode("utf-16-le", "surrogatepass"))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": NaN}', b"[" * 100_000])
def test_what_is_no_json_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decoded(body)
