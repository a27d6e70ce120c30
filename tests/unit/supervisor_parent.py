"""A parent for tests: `python -m tests.unit.supervisor_parent JSON` supervises what the JSON describes.

`{"stages": [[{"name", "code", "port"?}]], "stop_s"?, "start_s"?}`: each child is a Python program given as text; with a
port it counts as healthy when `/` there answers 200. Backoff is 50 ms doubling to 200 ms.
"""

import asyncio
import json
import os
import sys
from typing import Any

from rich.console import Console

from cli.child import ChildSpec
from cli.output import Output
from cli.restart import RestartPolicy
from cli.supervisor import Patience, Supervisor
from cli.up import supervise
from shared.clock import SystemClock


def main(described: dict[str, Any]) -> int:
    stages = [[_spec(child) for child in stage] for stage in described["stages"]]
    output = Output(Console(), [spec.name for stage in stages for spec in stage])
    patience = Patience(
        start_s=described.get("start_s", 10),
        stop_s=described.get("stop_s", 10),
        restart=RestartPolicy(first_s=0.05, most_s=0.2),
    )
    supervisor = Supervisor(stages, output, SystemClock(), patience)
    return asyncio.run(supervise(supervisor, lambda: output.say("all up")))


def _spec(child: dict[str, Any]) -> ChildSpec:
    port = child.get("port")
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "PORT": str(port)}
    return ChildSpec(
        child["name"],
        (sys.executable, "-c", child["code"]),
        environ,
        f"http://127.0.0.1:{port}/" if port else None,
    )


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
