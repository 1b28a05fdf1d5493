"""What became of the variants: killed by a test, survived, or unfit to tell anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sabotage.variants import Variant

Answer = Mapping[str, Any]
"""What a trial told, see trial.py."""


@dataclass
class Tally:
    """How many variants ended how."""

    killed: int = 0
    survived: int = 0
    unusable: list[str] = field(default_factory=list)

    def tell(self, variant: Variant, answer: Answer | None) -> None:
        """Judge a variant by what its tests did, in one line."""
        if answer is None:
            self.unfit(variant, "does not end, or takes the whole process with it")
        elif answer["elsewhere"]:
            self.unfit(variant, f"was not tested: {answer['elsewhere'][0]} is not of the copy")
        elif answer["failed"]:
            self.killed += 1
            print(f"killed    {variant.name}: {answer['failed']}", flush=True)
        elif answer["broken"] or answer["code"] != 0:
            self.unfit(variant, f"does not run: {answer['broken'] or 'pytest ended with ' + str(answer['code'])}")
        else:
            self.survived += 1
            print(f"SURVIVED  {variant.name}: {variant.what}", flush=True)

    def unfit(self, variant: Variant, why: str) -> None:
        """A variant that proves nothing."""
        self.unusable.append(variant.name)
        print(f"UNFIT     {variant.name} {why}", flush=True)

    @property
    def line(self) -> str:
        more = f", {len(self.unusable)} unfit: {', '.join(self.unusable)}" if self.unusable else ""
        return f"{self.killed} killed, {self.survived} survived{more}"
