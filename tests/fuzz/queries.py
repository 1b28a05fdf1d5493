"""Target `queries`: SOQL and search bodies of any names, values, ids and instants mean what was meant, and fit.

The SOQL is read back with the sandbox's parser: its tables, columns and conditions are those asked for, its values
come out as they went in. Searches are built from any answers and any saved cursor and stay within HubSpot's limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote_plus

from hypothesis import strategies as st

from adapters.hubspot import windows
from adapters.hubspot.source import _hits
from adapters.hubspot.windows import Found, Group, Position, Reader
from adapters.salesforce import soql
from adapters.salesforce.streams import Cursor
from adapters.sandbox.salesforce.soql_parse import Compare, In, Joined, Select, parse
from connector.domain.errors import RetryableError
from tests.fuzz.lies import VALUES
from tests.fuzz.target import Case, Target

URL_LIMIT = 16_384
"""Bytes of URI and headers that Salesforce takes; 4,000 are left to host, token and other headers."""

_NAMES = st.one_of(
    st.sampled_from(["Id", "Name", "Tier__c", "OwnerId", "select", "Owner.Name", "Id FROM User", "a'b", "", "x" * 81]),
    st.text(max_size=12),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True),
)
_TEXTS = st.one_of(
    st.text(max_size=40), st.sampled_from(["'", "\\", "\\'", "' OR Id != '", "%", "_", "{", ":x", "\x00", "\ud800"])
)
_STAMPS = st.one_of(
    st.datetimes(min_value=datetime(1700, 1, 2), max_value=datetime(4000, 12, 30)).map(datetime.isoformat),  # noqa: DTZ001
    st.sampled_from(["1700-01-02T00:00:00", "4000-12-30T23:59:59.999999"]),
)
_PLAIN = st.one_of(
    st.sampled_from(sorted(VALUES)).map(lambda name: VALUES[name]), st.integers(), st.text(max_size=8), st.none()
)
_ROW = st.fixed_dictionaries(
    {"id": st.one_of(st.integers(0, 500).map(str), _PLAIN)},
    optional={
        "properties": st.one_of(
            _PLAIN,
            st.fixed_dictionaries(
                {
                    "lastmodifieddate": st.one_of(
                        _PLAIN, st.integers(1_772_000_000_000, 1_772_500_000_000).map(str), _STAMPS
                    )
                }
            ),
        ),
        "updatedAt": _PLAIN,
    },
)
_ANSWER = st.fixed_dictionaries(
    {
        "rows": st.lists(_ROW, max_size=4),
        "after": st.one_of(st.none(), st.none(), st.integers(0, 3).map(str)),
        "total": st.one_of(st.none(), st.integers(0, 9)),
    }
)
CURSORS = st.one_of(
    st.text(max_size=20),
    st.dictionaries(
        st.sampled_from(
            ["v", "fast", "last_id", "back", "trail", "seen", "properties", "sweep", "stamp", "id", "columns"]
        ),
        st.one_of(
            st.just(1),
            _PLAIN,
            st.integers(0, 1_772_500_000_000),
            st.lists(_PLAIN, max_size=2),
            st.dictionaries(
                st.sampled_from(["low", "high", "last", "settled", "stamp", "id"]),
                st.one_of(st.integers(0, 9), _PLAIN),
                max_size=4,
            ),
        ),
    ).map(lambda body: json.dumps(body)),
)
CASES = st.one_of(
    st.fixed_dictionaries(
        {
            "what": st.just("soql"),
            "columns": st.lists(_NAMES, min_size=1, max_size=3),
            "table": _NAMES,
            "values": st.lists(_TEXTS, min_size=1, max_size=6),
            "times": st.integers(1, 400),
            "stamp": _STAMPS,
            "minutes": st.integers(-840, 840),
        }
    ),
    st.fixed_dictionaries({"what": st.just("search"), "cursor": CURSORS, "answers": st.lists(_ANSWER, max_size=6)}),
    st.fixed_dictionaries({"what": st.just("cursor"), "cursor": CURSORS}),
)
_UNESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def check(case: Case) -> None:
    """Build it and read it back."""
    {"soql": _soql, "search": _search, "cursor": _cursor}[case["what"]](case)


def _soql(case: Case) -> None:
    columns, table = case["columns"], case["table"]
    if not all(map(soql.is_name, [*columns, table])):
        try:
            soql.select(columns, table)
        except ValueError:
            return
        raise AssertionError("a text that is no API name got into a query")
    if any(_WORDS.fullmatch(name) for name in (*columns, table)):
        return  # the stand-in's parser knows no field called `select`; Salesforce allows none either
    values = [f"{value}{n}" for n in range(case["times"]) for value in case["values"]]
    moment = datetime.fromisoformat(case["stamp"]).replace(tzinfo=timezone(timedelta(minutes=case["minutes"])))
    if re.search("[\x00\ud800-\udfff]", "".join(values)):
        return _refused(values)
    back: list[str] = []
    for chunk in soql.chunks(values, soql.select(columns, table)):
        query = soql.select(columns, table, soql.one_of(columns[0], chunk), (columns[-1],))
        assert len(quote_plus(query, errors="replace")) < URL_LIMIT - 4_000 + 200
        found = _shape(query, columns, table).where
        assert isinstance(found, In)
        assert isinstance(found.values, tuple)
        back += [_read(value.text) for value in found.values]
    assert back == values, "a value came out as another"
    _keyset(columns, table, moment, case["values"][0])


def _refused(values: Sequence[str]) -> None:
    """A lone surrogate or NUL is no text: nothing is built of it."""
    try:
        soql.one_of("Id", values)
    except ValueError:
        return
    raise AssertionError("what is no text got into a query")


_WORDS = re.compile(
    "SELECT|FROM|WHERE|AND|OR|NOT|IN|LIKE|ORDER|GROUP|BY|ASC|DESC|NULLS|FIRST|LAST|LIMIT|OFFSET|NULL|TRUE|FALSE|TODAY"
    "|YESTERDAY|TOMORROW|COUNT|COUNT_DISTINCT|MIN|MAX|SUM|AVG|TYPEOF|WHEN|THEN|ELSE|END",
    re.IGNORECASE,
)


def _keyset(columns: Sequence[str], table: str, moment: datetime, id_: str) -> None:
    """The condition behind a row: (stamp = t AND Id > i) OR stamp > t, in brackets, beside another."""
    where = soql.both(soql.equals(columns[0], id_), soql.after("SystemModstamp", moment, id_))
    found = _shape(soql.select(columns, table, where), columns, table).where
    assert isinstance(found, Joined)
    assert found.operator == "and"
    first, second = found.parts
    assert isinstance(first, Compare)
    assert _read(first.value.text) == id_
    if not id_:
        assert isinstance(second, Compare)
        return
    assert isinstance(second, Joined)
    assert second.operator == "or"
    assert len(second.parts) == 2


def _shape(query: str, columns: Sequence[str], table: str) -> Select:
    found = parse(query)
    assert found.object == table
    assert found.columns == tuple((name,) for name in columns)
    assert found.limit is None
    assert not found.group
    return found


def _read(text: str) -> str:
    """A SOQL string as the text it stands for."""
    return re.sub(r"\\(.)", lambda match: _UNESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


def _search(case: Case) -> None:
    """Any saved cursor, then any answers: what is asked stays within the limits, and reading ends."""
    answers, asked = list(case["answers"]), 0

    def search(groups: Sequence[Group], sort: str, descending: bool, after: str | None) -> Found:
        nonlocal asked
        asked += 1
        assert asked <= 3 * len(case["answers"]) + 200, "this reading does not end"
        _within_limits(groups)
        assert sort in ("lastmodifieddate", "hs_object_id")
        answer = answers.pop(0) if answers else {"rows": [], "after": None, "total": 0}
        return Found(tuple(_hits(answer["rows"], "contacts")), answer["after"], answer["total"])

    try:
        reader = Reader(Position.of(case["cursor"], ("email",)), "lastmodifieddate", 1_772_400_000_000, search)
        for _ in reader.pages():
            text = reader.position.text()
            assert Position.of(text, ("email",)).text() == text, "a cursor is read as it was saved"
    except RetryableError:
        pass


def _within_limits(groups: Sequence[Mapping[str, object]]) -> None:
    assert 1 <= len(groups) <= 5
    filters = [group["filters"] for group in groups]
    assert all(isinstance(each, list) and 1 <= len(each) <= 6 for each in filters)
    flat = [one for each in filters if isinstance(each, list) for one in each]
    assert len(flat) <= 18
    for one in flat:
        assert set(one) == {"propertyName", "operator", "value"}
        assert one["propertyName"] in ("lastmodifieddate", "hs_object_id")
        assert re.fullmatch(r"-?[0-9]+", one["value"]), one
    assert len(json.dumps({"filterGroups": groups})) < 2_900
    assert windows.LIMIT <= 200


def _cursor(case: Case) -> None:
    """Any saved cursor of Salesforce's streams is read, or means the beginning."""
    start = Cursor.load(case["cursor"]).start(frozenset({"Name"}), datetime(2026, 3, 2, tzinfo=UTC))
    if start.position.stamp is not None:
        parse(soql.select(["Id"], "Lead", soql.after("SystemModstamp", start.position.stamp, start.position.id)))


TARGET = Target("queries", "SOQL, HubSpot searches, saved cursors", CASES, check, share=1, quick=80)
