"""`/api/v1/tasks/{id}/steps` and `/logs`: what the attempts at a job leave behind while they run."""

import re
from collections.abc import Sequence
from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import Response

from api_node.node import Node
from api_node.parameters import MAX_PAGE_SIZE, number, require_known
from api_node.prefer import WAIT, preferred_wait_s
from api_node.programs.answers import shown
from api_node.programs.jobs import seen_job
from api_node.queries import jobs
from api_node.reads import answering_database_errors
from shared.errors import FieldError, Invalid
from shared.http.hanging_up import while_somebody_waits
from shared.jobs import TERMINAL, Job, LogLevel, LogLine, line_view, step_view
from shared.jsonio import loads
from shared.principal import Principal

LEVELS: Final = get_args(LogLevel)
USUAL_LINES: Final = 100

_LOOK_EVERY_S: Final = 0.5
"""How often a node looks for what an attempt says, for somebody who waits for it."""

CURSOR: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")


async def get_steps(request: Request, viewer: Principal) -> Response:
    """200 with `{items, progress}`: the parts of the job that are done, in that order, and what its last attempt said
    of how far it is. 404 for one that whoever asks does not see."""
    require_known(request, ())
    job = await seen_job(request, viewer)
    async with answering_database_errors():
        done = await jobs.steps(Node.of(request).engine, job.id)
    progress = None if job.progress is None else loads(job.progress)
    return shown(request, {"items": [step_view(step) for step in done], "progress": progress})


async def get_logs(request: Request, viewer: Principal) -> Response:
    """200 with `{items, nextCursor, isOver}`: what the attempts say, oldest first, `?limit=` at a time (100). 404 for
    one that whoever asks does not see.

    `?level=warning`: that and what matters more. `nextCursor` is always there: `?cursor=` goes on from it, also when
    there was no more. With `Prefer: wait=20` an answer without lines comes only after so many seconds (30 at most), or
    when the job is over: asked again and again, the log is followed as it is written.
    """
    require_known(request, ("limit", "cursor", "level"))
    limit, after, level = number(request, "limit", USUAL_LINES, MAX_PAGE_SIZE), _after(request), _level(request)
    levels = LEVELS[LEVELS.index(level) :]
    wait_s = preferred_wait_s(request)

    async def look() -> tuple[Job, Sequence[LogLine]]:
        job = await seen_job(request, viewer)
        async with answering_database_errors():
            found = await jobs.log_lines(Node.of(request).engine, job.id, levels=levels, after=after, limit=limit)
        return job, found

    async def tail(job: Job, lines: Sequence[LogLine], wait_s: int) -> tuple[Job, Sequence[LogLine]]:
        clock = Node.of(request).clock
        give_up_at = clock.monotonic() + wait_s
        while not lines and job.status not in TERMINAL and (left := give_up_at - clock.monotonic()) > 0:
            await clock.sleep(min(_LOOK_EVERY_S, left))
            job, lines = await look()
        return job, lines

    job, lines = await look()
    if wait_s is not None:
        job, lines = await while_somebody_waits(request, tail(job, lines, wait_s)) or (job, lines)
    last = (lines[-1].attempt, lines[-1].line) if lines else after
    answer = {
        "items": [line_view(line) for line in lines],
        "nextCursor": f"{last[0]}.{last[1]}",
        "isOver": job.status in TERMINAL and len(lines) < limit,
    }
    return shown(request, answer, headers={} if wait_s is None else {"Preference-Applied": WAIT})


def _after(request: Request) -> tuple[int, int]:
    given = request.query_params.get("cursor")
    if given is None:
        return 0, 0
    found = CURSOR.fullmatch(given)
    if found is None:
        raise Invalid(errors=[FieldError("cursor", "must be the nextCursor of an answer")])
    return int(found[1]), int(found[2])


def _level(request: Request) -> LogLevel:
    given = request.query_params.get("level", LEVELS[0])
    level: LogLevel | None = next((level for level in LEVELS if level == given), None)
    if level is None:
        raise Invalid(errors=[FieldError("level", f"must be one of {', '.join(LEVELS)}")])
    return level
