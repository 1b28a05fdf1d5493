"""A sandbox in a process of its own, so that its time and memory are not counted as ours. Speaks lines on stdin/stdout."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.hubspot import SandboxHubSpot
from adapters.sandbox.salesforce import SandboxSalesforce
from adapters.sandbox.server import SandboxServer

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def main() -> None:
    """Load the org, say where it listens, then obey: `move HOURS`, `change N STATUS`, `requests`, `stop`."""
    crm, leads, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    clock = SandboxClock(START - timedelta(days=30))
    org = SandboxSalesforce(clock) if crm == "salesforce" else SandboxHubSpot(clock, burst_limit=None)
    status = {"salesforce": ("Open - Not Contacted", "Interested"), "hubspot": ("NEW", "INTERESTED")}[crm]
    owners = [org.add_person(name.title(), f"{name}@example.com") for name in ("ana", "ben", "cleo", "eva")]
    rows = [
        {
            "name": f"Lead {number}",
            "email": f"lead{number}@example.org",
            "status": status[0],
            "owner": owners[number % 3],
            "country": "DE",
        }
        for number in range(leads)
    ]
    ids = list(org.load(rows, calls))
    target = org.add_enrollment_target("Brochure")
    clock.move_to(START)
    with SandboxServer(org) as server:
        print(json.dumps({"url": server.url, "target": dict(target)}), flush=True)
        for line in sys.stdin:
            word, *rest = line.split()
            if word == "stop":
                break
            if word == "move":
                clock.move_to(START + timedelta(hours=float(rest[0])))
            elif word == "change":
                for number, lead in enumerate(ids[: int(rest[0])]):
                    org.set_fields(lead, {"status": status[1]}, by=owners[number % 3])
            print(json.dumps({"requests": len(server.requests), "writes": len(org.writes)}), flush=True)


if __name__ == "__main__":
    main()
