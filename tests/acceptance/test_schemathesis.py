"""schemathesis, which makes up requests from the OpenAPI document, finds nothing on a real cluster.

It runs as a process of its own, as anybody would run it: its pytest plugin and its imports do not go together with
warnings that are errors. What it may not know of the API is in `tests.support.schemathesis_hooks`.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.cluster import Cluster
from tests.support.databases import Database

_ROOT: Final = Path(__file__).resolve().parents[2]

CONFIG: Final = """
hooks = "tests.support.schemathesis_hooks"

[generation]
# a NUL is refused in every text (tests/contract/test_bad_input.py); the document does not say so at each
allow-x00 = false
database = "none"

[checks.positive_data_acceptance]
# beyond what is usual 412, as a stale `If-Match` is: no schema knows the version. A 5xx, usual to it, is not to us
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 429]

[checks.negative_data_rejection]
# 412 for an `If-Match` that can be no tag of ours: it matches nothing
expected-statuses = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429]

[[operations]]
# 426 to whatever is no WebSocket handshake
include-operation-id = "openSocket"
[operations.checks.positive_data_acceptance]
expected-statuses = [426]
[operations.checks.negative_data_rejection]
expected-statuses = [426]

[[operations]]
# other methods of it are those of a task or a unit whose id is "stats", and so a 404
include-operation-id = [
    "countTasks", "submitJobs", "getJobStatistics", "registerUnit", "listAvailableUnits", "countUnits",
]
[operations.checks.unsupported_method]
enabled = false
"""


@pytest.mark.only_on("sqlite")
async def test_schemathesis_finds_nothing(database: Database, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    is_long = pytestconfig.getoption("--campaign")
    effort = ["--max-time", "600"] if is_long else ["--max-examples", "4", "--seed", "3"]
    async with Cluster(database.url, tmp_path, nodes=1) as cluster:
        own_id, token = await cluster.register()
        other_id, other_token = await cluster.register("other@example.com")
        (tmp_path / "document.json").write_text(await _document(cluster))
        (tmp_path / "schemathesis.toml").write_text(CONFIG)
        environ = os.environ | {
            "PYTHONPATH": str(_ROOT),
            "SCHEMATHESIS_OWN_ID": str(own_id),
            "SCHEMATHESIS_OTHER_ID": str(other_id),
            "SCHEMATHESIS_OWN_TOKEN": token,
            "SCHEMATHESIS_OTHER_TOKEN": other_token,
        }
        program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml"]
        asked = ["run", "document.json", "--url", cluster.nodes[0].url, "--no-color", *effort]
        process = await asyncio.create_subprocess_exec(
            *(*program, *asked),
            cwd=tmp_path,
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        async with cluster.client(0, token).get("/api/auth/me") as still:
            assert still.status == 200, "the session that made all the calls did not last: they were refused"
        assert process.returncode == 0, said.decode()
        assert "Traceback" not in cluster.nodes[0].log


async def _document(cluster: Cluster) -> str:
    async with cluster.client().get("/api/openapi.json") as response:
        return json.dumps(await response.json())
