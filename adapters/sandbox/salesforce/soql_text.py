"""Makes a SOQL text safe to parse: every literal becomes a numbered mark, every name is quoted, nothing else gets in.

sqlglot knows SQL, not SOQL. What SOQL has of its own (datetimes without quotes, LAST_N_DAYS:7, backslash escapes, TYPEOF,
objects called Group) is taken out here; a character that SOQL has no use for is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from adapters.sandbox.salesforce.errors import malformed

_TOKEN = re.compile(
    r"""(?P<string>'(?:[^'\\]|\\.)*')
      | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d))
      | (?P<date>\d{4}-\d\d-\d\d(?![\dT-]))
      | (?P<relative>[A-Za-z_]+:\d+)
      | (?P<number>[+-]?\d+(?:\.\d+)?(?![\w:.-]))
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign><=|>=|!=|<>|[=<>(),.])
      | (?P<space>\s+)""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset(
    [
        "SELECT",
        "FROM",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "ORDER",
        "GROUP",
        "BY",
        "ASC",
        "DESC",
        "NULLS",
        "FIRST",
        "LAST",
        "LIMIT",
        "OFFSET",
        "NULL",
        "TRUE",
        "FALSE",
    ]
)
_FUNCTIONS = frozenset(("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"))
_TYPEOF = re.compile(
    r"TYPEOF\s+(\w+)\s+((?:WHEN\s+\w+\s+THEN\s+[\w\s,.]+?)+?)(?:\s+ELSE\s+([\w\s,.]+?))?\s+END\b", re.I | re.S
)
_WHEN = re.compile(r"WHEN\s+(\w+)\s+THEN\s+([\w\s,.]+?)(?=\s+WHEN\b|\s*$)", re.I | re.S)
MAX_LENGTH = 100_000


@dataclass(frozen=True)
class Literal:
    """A literal of the query: string (still escaped), datetime, date, relative (LAST_N_DAYS:7) or number."""

    kind: str
    text: str


@dataclass(frozen=True)
class TypeOf:
    """TYPEOF relation WHEN type THEN fields ... ELSE fields END."""

    relation: str
    cases: tuple[tuple[str, tuple[str, ...]], ...]
    otherwise: tuple[str, ...]


@dataclass
class Prepared:
    """A query ready for the parser, with the literals and TYPEOF parts its marks stand for."""

    sql: str = ""
    literals: list[Literal] = field(default_factory=list)
    typeofs: list[TypeOf] = field(default_factory=list)

    def mark(self, kind: str, text: str) -> str:
        """Keep a literal and give back the mark that stands for it."""
        self.literals.append(Literal(kind, text))
        return f"'{len(self.literals) - 1}'"


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _take_typeof(soql: str, prepared: Prepared) -> str:
    """Replace each TYPEOF outside a string by the name TYPEOF__n."""

    def replace(found: re.Match[str]) -> str:
        if found.group(0).startswith("'"):
            return found.group(0)
        cases = tuple((kind, _names(fields)) for kind, fields in _WHEN.findall(found.group(2)))
        prepared.typeofs.append(TypeOf(found.group(1), cases, _names(found.group(3)) if found.group(3) else ()))
        return f"TYPEOF__{len(prepared.typeofs) - 1}"

    return re.sub(rf"'(?:[^'\\]|\\.)*'|{_TYPEOF.pattern}", replace, soql, flags=re.I | re.S)


def _word(word: str, before: str, after: str) -> str:
    upper = word.upper()
    if upper in _FUNCTIONS and after.lstrip().startswith("("):
        return upper
    if upper in ("GROUP", "ORDER") and not re.match(r"\s+BY\b", after, re.I):
        return f'"{word}"'  # an object of that name
    if upper == "DESC" and before != "." and not re.match(r"\s+NULLS\b", after, re.I):
        return "DESC NULLS FIRST"  # SOQL's default in both directions
    if upper in _KEYWORDS and before != ".":
        return upper
    return f'"{word}"'


def prepare(soql: str) -> Prepared:
    """Check the characters and words of a query and rewrite it for the parser; MALFORMED_QUERY when it is not SOQL."""
    if len(soql) > MAX_LENGTH:
        raise malformed(f"SOQL statements cannot be longer than {MAX_LENGTH} characters.")
    prepared = Prepared()
    soql = _take_typeof(soql, prepared)
    parts: list[str] = []
    position = 0
    before = ""
    while position < len(soql):
        found = _TOKEN.match(soql, position)
        if found is None:
            raise malformed(f"unexpected token: '{soql[position]}'")
        position = found.end()
        kind = str(found.lastgroup)
        text = found.group(0)
        if kind == "space":
            parts.append(" ")
            continue
        if kind == "word":
            parts.append(_word(text, before, soql[position : position + 20]))
        else:
            parts.append(text if kind == "sign" else prepared.mark(kind, text[1:-1] if kind == "string" else text))
        before = text
    prepared.sql = "".join(parts)
    return prepared


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


def _unescape(found: re.Match[str]) -> str:
    char = found.group(1)
    if len(char) == 5:
        return chr(int(char[1:], 16))
    if char in _ESCAPES:
        return _ESCAPES[char]
    raise malformed(f"Invalid string literal: illegal character sequence '\\{char}' in string literal.")


def plain_text(escaped: str) -> str:
    """The text a string literal means; `\\_` and `\\%` belong to LIKE only."""
    return _ESCAPE.sub(_unescape, escaped)


def like_pattern(escaped: str) -> re.Pattern[str]:
    """What a LIKE literal matches: % any text, _ one character, both literal behind a backslash, case ignored."""
    pieces = re.findall(r"\\u[0-9A-Fa-f]{4}|\\.|.", escaped, re.DOTALL)
    pattern = ""
    for piece in pieces:
        if piece == "%":
            pattern += ".*"
        elif piece == "_":
            pattern += "."
        elif piece in ("\\%", "\\_"):
            pattern += re.escape(piece[1])
        else:
            pattern += re.escape(plain_text(piece))
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)
