"""People at the board, for locust: they sign in, look, open, edit, meet conflicts, create, delete, and stay signed in.

`python -m loadtest` (make load) runs it; by itself: `locust -f loadtest/locustfile.py --accounts FILE --outcome FILE`.
Every write carries an Idempotency-Key, as the API asks of its clients, so the edge may send it again when a node dies.
(It imports gevent, which replaces parts of the standard library: nothing else may import it.)
Refusals that are documented are counted apart (`loadtest/answers.py`); anything else is a failure.
"""

import json
import logging
import random
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

from locust import FastHttpUser, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import RescheduleTask, StopUser
from locust.stats import StatsEntry

from loadtest.answers import Expected, judge

TELLS_EVERY_S: Final = 5.0
REFRESHES_AFTER: Final = 0.7
"""The share of an access token's life after which a person gets a new one."""

SIGN_IN_TRIES: Final = 5
FIRST_TASKS: Final = 3
"""What every administrator writes on arrival, so that there is something to do for all."""

STALE: Final = "/api/tasks/{id} (stale on purpose)"
_STATUSES: Final = ("todo", "in-progress", "in-review", "done")


@dataclass
class Shared:
    """What all people of this run know: who they can be, and which tasks somebody set out to delete."""

    accounts: list[dict[str, Any]] = field(default_factory=list)
    arrivals: Iterator[int] = field(default_factory=count)
    deleted: set[int] = field(default_factory=set)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)


shared: Final = Shared()


class Person(FastHttpUser):
    """One person at a browser."""

    wait_time = between(0.2, 1.2)
    network_timeout = 30.0
    connection_timeout = 5.0

    def on_start(self) -> None:
        # two of five are administrators, the first to arrive among them: somebody has to write tasks for the others
        is_administrator = next(shared.arrivals) % 5 in (0, 2)
        self.account = shared.accounts[0] if is_administrator else random.choice(shared.accounts)
        self.seen: list[int] = []
        self.sign_in()
        if self.is_administrator:
            for _ in range(FIRST_TASKS):
                self.create_a_task()

    def sign_in(self) -> None:
        body = {"email": self.account["email"], "password": self.account["password"]}
        self.token, self.refresh_token = "", ""
        for _ in range(SIGN_IN_TRIES):
            answer = self.ask("POST", "/api/auth/login", body, {200})
            if answer is not None:
                self._holds(answer["data"])
                return
            time.sleep(1)
        raise StopUser

    @property
    def is_administrator(self) -> bool:
        return bool(self.account["role"] == "admin")

    @task(10)
    def look_at_the_board(self) -> None:
        query = random.choice(("", "?status=todo", "?assignee=me", "?sort=-updatedAt", "?pageSize=50"))
        page = self.ask("GET", f"/api/tasks{query}", None, {200}, name="/api/tasks")
        if page is None:
            return
        self.seen = [found["id"] for found in page["data"]["tasks"]]
        if (cursor := page["data"]["nextCursor"]) and not query and random.random() < 0.3:
            self.ask("GET", f"/api/tasks?cursor={cursor}", None, {200}, name="/api/tasks (next page)")

    @task(6)
    def open_a_task(self) -> None:
        self.opened(self._some_task())

    @task(6)
    def edit_a_task(self) -> None:
        """Open, think, write; when somebody was faster, look at what they wrote and write again."""
        found = self.opened(self._some_task())
        if found is None:
            return
        time.sleep(random.uniform(0.05, 0.5))
        answer = self.edit(found["id"], found["version"])
        if answer is not None and "current" in answer:
            self.edit(found["id"], answer["current"]["version"])

    @task(1)
    def lose_to_oneself(self) -> None:
        """Write twice on one version, as from two tabs: the second must be refused."""
        found = self.opened(self._some_task())
        if found is None or self.edit(found["id"], found["version"]) is None:
            return
        path, body = f"/api/tasks/{found['id']}", {"status": "done", "version": found["version"]}
        # 200 is not among what may come: that would be a lost update
        self.ask("PATCH", path, body, set(), version=found["version"], task_id=found["id"], name=STALE)

    @task(3)
    def create_a_task(self) -> None:
        if not self.is_administrator:
            raise RescheduleTask
        body = {
            "title": f"Call back {random.randrange(1000)}",
            "category": random.choice(("sales", "support", "家务")),
            "description": "They called at noon and asked for the numbers of last month." * random.randint(1, 4),
            "assignedToUserId": random.choice(shared.accounts)["id"],
        }
        answer = self.ask("POST", "/api/tasks", body, {201})
        if answer is not None:
            self.seen.append(answer["data"]["id"])

    @task(1)
    def delete_a_task(self) -> None:
        if not self.is_administrator:
            raise RescheduleTask
        found = self.opened(self._some_task())
        if found is None:
            return
        shared.deleted.add(found["id"])
        path = f"/api/tasks/{found['id']}"
        query = f"?version={found['version']}"
        self.ask(
            "DELETE", path + query, None, {200}, version=found["version"], task_id=found["id"], name="/api/tasks/{id}"
        )
        self.seen = [task_id for task_id in self.seen if task_id != found["id"]]

    @task(1)
    def look_at_the_numbers(self) -> None:
        self.ask("GET", "/api/tasks/stats", None, {200})

    @task(1)
    def stay_signed_in(self) -> None:
        """Ask for new tokens now and then; sign in again when the old ones were used up."""
        is_due = monotonic() > self._refreshes_at
        if not is_due and random.random() < 0.8:
            self.ask("GET", "/api/auth/me", None, {200})
            return
        body = {"refreshToken": self.refresh_token}
        answer = self.ask("POST", "/api/auth/refresh", body, {200}, one_of_two_refreshes=True)
        if answer is None:
            self.sign_in()
        else:
            self._holds(answer["data"])

    def opened(self, task_id: int | None) -> dict[str, Any] | None:
        """The task as it is now; None when there is none, or none any more."""
        if task_id is None:
            return None
        answer = self.ask("GET", f"/api/tasks/{task_id}", None, {200}, task_id=task_id, name="/api/tasks/{id}")
        return cast("dict[str, Any]", answer["data"]) if answer is not None and "data" in answer else None

    def edit(self, task_id: int, version: int) -> dict[str, Any] | None:
        """Change a task: the answer, a conflict's with `current`; None for a failure and for a task that is gone."""
        body = {"status": random.choice(_STATUSES), "description": f"seen at {version}", "version": version}
        path = f"/api/tasks/{task_id}"
        return self.ask("PATCH", path, body, {200}, version=version, task_id=task_id, name="/api/tasks/{id}")

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        statuses: set[int],
        *,
        name: str | None = None,
        version: int | None = None,
        task_id: int | None = None,
        one_of_two_refreshes: bool = False,
    ) -> dict[str, Any] | None:
        """Send one request and judge the answer: its body when it is fine or a conflict, None otherwise."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if method != "GET":
            headers["Idempotency-Key"] = uuid.uuid4().hex
        with self.client.request(method, path, name=name, json=body, headers=headers, catch_response=True) as response:
            answer = _json(response.content)
            found = {str(key).lower(): str(value) for key, value in (response.headers or {}).items()}
            expected = Expected(
                frozenset(statuses),
                version=version,
                is_deleted=task_id in shared.deleted,
                one_of_two_refreshes=one_of_two_refreshes,
            )
            judgement = judge(response.status_code, found, answer, expected)
            if judgement.kind == "failed":
                response.failure(judgement.why if response.status_code else f"no answer: {response.error}")
                return None
            response.success()
        if judgement.kind == "refused":
            shared.refusals[f"{method} {name or path}", judgement.why] += 1
            if response.status_code == 429:
                time.sleep(float(found["retry-after"]))
            if response.status_code != 409:
                return None
        return cast("dict[str, Any]", answer)

    def _holds(self, granted: dict[str, Any]) -> None:
        self.token, self.refresh_token = granted["token"], granted["refreshToken"]
        self._refreshes_at = monotonic() + REFRESHES_AFTER * granted.get("expiresIn", 900)

    def _some_task(self) -> int | None:
        if not self.seen:
            self.look_at_the_board()
        return random.choice(self.seen) if self.seen else None


def _json(content: bytes | str | None) -> Any:
    try:
        return json.loads(content or "")
    except ValueError:
        return None


def _options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--accounts", required=True, help="JSON: [{id, email, password, role}], an admin first")
    parser.add_argument("--outcome", required=True, help="where the numbers of the run are written as JSON")


def _begin(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    if options is None:
        raise RuntimeError("run by locust's command line only")
    logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)  # its tables: the outcome says the same
    shared.accounts = json.loads(Path(options.accounts).read_text())
    threading.Thread(target=_tell, args=(environment,), daemon=True).start()


def _tell(environment: Environment) -> None:
    began = monotonic()
    while environment.runner is not None:
        time.sleep(TELLS_EVERY_S)
        total = environment.stats.total
        p50, p99 = (total.get_current_response_time_percentile(share) or 0 for share in (0.5, 0.99))
        sys.stdout.write(
            f"{monotonic() - began:5.0f} s  {environment.runner.user_count:3} people  "
            f"{total.current_rps:6.1f} requests/s  p50 {p50:.0f} ms  p99 {p99:.0f} ms  "
            f"refusals {shared.refusals.total()}  failures {total.num_failures}\n"
        )
        sys.stdout.flush()


def _write(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    if options is None:
        return
    stats = environment.stats
    entries = [_row(entry) for _, entry in sorted(stats.entries.items())]
    refusals = [{"request": request, "code": code, "count": n} for (request, code), n in shared.refusals.most_common()]
    errors = [
        {"request": f"{e.method} {e.name}", "error": str(e.error), "count": e.occurrences}
        for e in stats.errors.values()
    ]
    outcome = {"total": _row(stats.total), "requests": entries, "refusals": refusals, "errors": errors}
    Path(options.outcome).write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n")


def _row(entry: StatsEntry) -> dict[str, Any]:
    p50, p95, p99 = (entry.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99))
    return {
        "request": f"{entry.method} {entry.name}".strip(),
        "count": entry.num_requests,
        "perSecond": entry.total_rps,
        "p50Ms": p50,
        "p95Ms": p95,
        "p99Ms": p99,
        "maxMs": entry.max_response_time,
        "failures": entry.num_failures,
    }


_hooks: Any = events  # locust's own types leave add_listener out
_hooks.init_command_line_parser.add_listener(_options)
_hooks.test_start.add_listener(_begin)
_hooks.quitting.add_listener(_write)
