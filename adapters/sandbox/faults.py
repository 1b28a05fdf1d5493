"""Faults the sandbox commits on purpose: refused, lost, garbled or hung answers, chosen by method, path and count."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FaultKind = Literal["answer", "answer_after", "drop_before", "drop_after", "hang", "garble_after"]


@dataclass(frozen=True)
class Fault:
    """One fault. It strikes requests whose method and path match, after `skip` of them, `times` times (None: for ever).

    `answer` replies with status/body/headers and does nothing; `answer_after` does the work, then replies so anyway;
    `drop_before` / `drop_after` close the connection before / after doing the work; `hang` never answers;
    `garble_after` does the work and cuts the JSON of the answer in half. `body_matches` is searched in the raw request
    body, for faults that mean one row or one query.
    """

    kind: FaultKind
    method: str = ".*"
    path: str = ".*"
    body_matches: str | None = None
    skip: int = 0
    times: int | None = 1
    status: int = 503
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


class FaultPlan:
    """The faults still to come, and which requests have been struck."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, list[int]]] = []
        self.struck: list[tuple[str, str, FaultKind]] = []

    def add(self, fault: Fault) -> None:
        """Plan a fault."""
        with self._lock:
            self._faults.append((fault, [0, 0]))

    def clear(self) -> None:
        """Forget every fault that is still to come."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str, body: str) -> Fault | None:
        """The fault that strikes this request, if any; counts it."""
        with self._lock:
            for fault, counts in self._faults:
                if not re.fullmatch(fault.method, method) or not re.search(fault.path, path):
                    continue
                if fault.body_matches is not None and not re.search(fault.body_matches, body):
                    continue
                counts[0] += 1
                if counts[0] <= fault.skip or (fault.times is not None and counts[1] >= fault.times):
                    continue
                counts[1] += 1
                self.struck.append((method, path, fault.kind))
                return fault
        return None
