"""One line of `scores` read: its meaning, or what is wrong with it beyond its shape."""

from __future__ import annotations

from connector.domain.errors import Problem
from rules.meaning import Reader, durations
from rules.model import FieldTest, ScoreLine, leaves
from rules.refusal import SCORE
from rules.schema import ScoreShape
from rules.yamlfile import MapNode


def score_line(shape: ScoreShape, node: MapNode, kind: str, reader: Reader) -> ScoreLine | Problem:
    """The meaning of a valid line for a kind of record; a Problem where it could give no score."""
    line = ScoreLine(
        kind=kind,
        points=shape.points,
        why=shape.why,
        place=reader.place(node),
        if_=None if shape.if_ is None else reader.conditions(shape.if_, node.entries["if"].value, "if"),
        activity=shape.per.activity if shape.per else None,
        per_value=shape.per.value if shape.per else None,
        at_most=shape.at_most,
        half_life=shape.half_life,
    )
    for leaf in leaves(line.if_) if line.if_ is not None else ():
        if isinstance(leaf, FieldTest) and leaf.field == "score":
            message = "a line of the score cannot ask for the score itself; ask for what it is made of"
            return Problem(leaf.place.file, leaf.place.line, leaf.place.column, message, code=SCORE)
    if any(duration.unit.startswith("business") for duration in durations(shape)):
        message = "a score has no calendar; write days or hours without `business`"
        return Problem(line.place.file, line.place.line, line.place.column, message, code=SCORE)
    return line
