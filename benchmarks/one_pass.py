"""One pass in this process, measured: seconds, processor seconds, peak memory and what it did, as one JSON line."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from connector.bootstrap import connect, load_workspace
from connector.run import run_pass


def main() -> None:
    """Run a pass over the workspace named on the command line."""
    began, used = time.perf_counter(), time.process_time()
    with connect(load_workspace(Path(sys.argv[1]))) as connection:
        result = run_pass(connection)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu": round(time.process_time() - used, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
        "exit": result.exit_code,
        "counts": result.summary.counts,
        "baseline": dict(result.baseline),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
