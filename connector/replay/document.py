"""The JSON document of `followup replay`."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from connector.replay.compare import Line, Replay, RuleTally, Tally, gap_text


def replay_document(replay: Replay, zone: tzinfo) -> dict[str, object]:
    """What `replay --json` prints: all lines, whatever `--limit` says."""
    return {
        "since": _iso(replay.since),
        "until": _iso(replay.until),
        "every": replay.every,
        "records": replay.records,
        "passes": replay.passes,
        "evaluated": replay.evaluated,
        "missing": [
            {
                "what": gap.what,
                "kind": gap.kind,
                "field": gap.field,
                "records": gap.records,
                "until": None if gap.until is None else _iso(gap.until),
                "text": gap_text(gap, zone),
            }
            for gap in replay.gaps
        ],
        "rules": [{"rule": rule, **_rule(tally)} for rule, tally in replay.rules.items()],
        "days": [
            {"day": day.isoformat(), "rules": {rule: _tally(tally) for rule, tally in sorted(rules.items())}}
            for day, rules in replay.days.items()
        ],
        "lines": [_line(line) for line in replay.lines],
        "waiting": [
            {"at": _iso(stay.at), "rule": stay.rule, "record": str(stay.record), "why": stay.why}
            for stay in replay.stays
        ],
        "notices": list(replay.alarms),
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _tally(tally: Tally) -> dict[str, object]:
    return {"would": tally.would, "did": tally.did, "both": tally.both, "held": tally.held}


def _rule(tally: RuleTally) -> dict[str, object]:
    return {
        **_tally(tally),
        "matches": tally.matches,
        "records": tally.records,
        "owners": tally.owners,
        "caps": tally.caps,
        "waiting": tally.waiting,
        "baseline": tally.baseline,
    }


def _line(line: Line) -> dict[str, object]:
    action = line.action
    return {
        "at": _iso(line.at),
        "side": line.side,
        "rule": action.rule,
        "record": str(action.record),
        "occasion": action.occasion,
        "kind": action.kind,
        "fields": dict(action.fields),
        "old": dict(action.old),
        "why": action.why,
        "key": action.key,
        "held": line.note,
    }
