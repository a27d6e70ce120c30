"""`python -m tests.support.unit_process ID TYPE WORK_S KEY URL...`: an execution unit as a process of its own, to be
killed.

It registers under a new boot nonce, beats, claims, works for WORK_S seconds and completes, until it is killed, asking
one node after the other until it is answered. Standard output has a line for each attempt that it began, and one for
each that it reported: `began <job> <attempt>`, `ended <job> <attempt> <status>`.
"""

import asyncio
import itertools
import sys
import uuid
from collections.abc import Iterable
from typing import Any

import aiohttp

PAUSE_S = 0.1
BEAT_S = 2.0
AT_ONCE = 20


class UnitProcess:
    """One life of a unit."""

    def __init__(self, unit_id: str, task_type: str, work_s: float, key: str, urls: list[str]) -> None:
        self._id, self._type, self._work_s = unit_id, task_type, work_s
        self._urls = itertools.cycle(urls)
        self._nonce = uuid.uuid4().hex
        self._headers = {"Authorization": f"Bearer {key}"}

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as http:
            self._http = http
            new = {"id": self._id, "unitType": self._type, "unitName": "a unit", "capacity": AT_ONCE}
            await self._ask("register", new | {"bootNonce": self._nonce})
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat())
                group.create_task(self._work())

    async def _beat(self) -> None:
        while True:
            await self._ask(f"{self._id}/heartbeat", {"currentLoad": 0, "bootNonce": self._nonce})
            await asyncio.sleep(BEAT_S)

    async def _work(self) -> None:
        while True:
            wish = {"max": AT_ONCE, "waitS": 2, "claimId": uuid.uuid4().hex, "bootNonce": self._nonce}
            jobs = (await self._ask(f"{self._id}/claim", wish))["jobs"]
            _say("began", jobs)
            if jobs:
                await asyncio.sleep(self._work_s)
                names = ("taskId", "attempt", "leaseToken")
                reports = [{name: job[name] for name in names} | {"kind": "complete"} for job in jobs]
                results = (await self._ask(f"{self._id}/reports", {"reports": reports}))["results"]
                _say("ended", jobs, [result["status"] for result in results])

    async def _ask(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """The data of the answer; the same call again until there is one."""
        while True:
            try:
                url = f"{next(self._urls)}/api/v1/execution-units/{what}"
                async with self._http.post(url, json=body) as response:
                    if response.status in (200, 201):
                        data: dict[str, Any] = (await response.json())["data"]
                        return data
                    if response.status < 500:
                        raise SystemExit(f"{what}: {response.status} {await response.text()}")
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(PAUSE_S)


def _say(what: str, jobs: list[dict[str, Any]], results: Iterable[object] = itertools.repeat("")) -> None:
    for job, result in zip(jobs, results, strict=False):
        sys.stdout.write(f"{what} {job['taskId']} {job['attempt']} {result}".rstrip() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(UnitProcess(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4], sys.argv[5:]).run())
