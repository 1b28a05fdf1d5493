"""The shapes of rule files and team.yaml, as pydantic models: which words stand where, and what each may hold.

Every scalar arrives as text and is typed by its shape. Whatever is wrong becomes a sentence for the author (`rules.shape`), at
the place of the key or value. References (people, pools, calendars, enrolments) are checked against `rules.references.Names`,
which validation gets as its context.
"""

from rules.schema.actions import Action, Enroll, OfferShape, Reassign, Task, Unenroll
from rules.schema.conditions import (
    AttemptsTests,
    BooleanTest,
    Conditions,
    CustomTest,
    DateTest,
    Elapsed,
    EnrolledTests,
    NextStepTests,
    NumberTest,
    OwnerTests,
    RepliedTests,
    TextTest,
)
from rules.schema.files import (
    CadenceShape,
    Defaults,
    FileShape,
    LimitShape,
    PerShape,
    RuleShape,
    ScoreShape,
    StepShape,
)
from rules.schema.when import ActivityTrigger, AttemptsTrigger, Quiet, ScoreTrigger, TaskTrigger, Trigger

__all__ = [
    "Action", "ActivityTrigger", "AttemptsTests", "AttemptsTrigger", "BooleanTest", "CadenceShape", "Conditions", "CustomTest",
    "DateTest", "Defaults", "Elapsed", "Enroll", "EnrolledTests", "FileShape", "LimitShape", "NextStepTests",
    "NumberTest", "OfferShape", "OwnerTests", "PerShape", "Quiet", "Reassign", "RepliedTests", "RuleShape", "ScoreShape",
    "ScoreTrigger", "StepShape", "Task", "TaskTrigger", "TextTest", "Trigger", "Unenroll",
]  # fmt: skip
