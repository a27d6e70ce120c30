"""`/api/v1/tasks` (seed 001): submit jobs, one or many, and see what becomes of them. Its "task" is our job."""

from contextlib import suppress
from datetime import datetime
from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import etag, forward, written
from api_node.job_why import Facts, why
from api_node.node import Node
from api_node.parameters import choices, path_id, require_known, search_text
from api_node.prefer import WAIT, preferred_wait_s
from api_node.programs.answers import PAGES, applied, listed, page_of, shown
from api_node.programs.batch import Batch, JobBatch
from api_node.programs.history import history, job_with_attempts
from api_node.programs.job_query import read_query
from api_node.programs.submission import submission
from api_node.queries import jobs, queues
from api_node.queries.jobs import JobFilter
from api_node.reads import answering_database_errors
from shared.clock import iso
from shared.commands import validated
from shared.errors import FieldError, Invalid, NotFound, Unavailable
from shared.http.body import MAX_BATCH_BODY_BYTES, read_json
from shared.http.hanging_up import while_somebody_waits
from shared.job_commands import NewJob
from shared.jobs import TERMINAL, Job, JobAttempt, JobStatus, is_by_hand, job_view
from shared.jsonio import MAX_VALUES_OF_A_BATCH
from shared.permissions import Permission
from shared.policy import has_permission
from shared.principal import Principal

OF_A_LIST: Final = (*PAGES, "status", "taskType", "queue", "name", "q")


async def submit_job(request: Request, actor: Principal) -> Response:
    """201 with the job, in the department of whoever submits it. It runs as soon as a unit of that department is free
    that runs its `taskType`, and not before `runAt`. 422.

    With a `uniqueKey` that another job has: 200 with that one and `conflict: true`; 409 where `uniqueMode` is `reject`.
    Who may not see jobs is shown its id, status and version alone.

    Where no `maxAttempts` is named, the setting TASK_MAX_RETRY_COUNT says how many. `Prefer: wait=20`: the answer comes
    when the job has ended, or after so many seconds (30 at most), and shows it as it is then; for who may see jobs.
    """
    body, raw = await read_json(request)
    new = submission(request, validated(NewJob, body))
    outcome = await forward(request, "submit-job", new, actor=actor, raw=raw)
    wait_s = preferred_wait_s(request)
    if wait_s is None or not has_permission(actor, Permission.TASK_VIEW):
        return applied(request, outcome)
    job = None
    with suppress(Unavailable):  # it is submitted, whether anybody can be asked about it now or not
        await _wait_for_its_end(request, outcome.data["id"], wait_s)
        async with answering_database_errors():
            job = await jobs.by_id(Node.of(request).engine, actor, outcome.data["id"])
    if job is None:
        return applied(request, outcome)
    headers = written(outcome) | etag(job.version) | {"Preference-Applied": WAIT}
    conflict = {"conflict": True} if "conflict" in outcome.data else {}
    return shown(request, job_view(job, Node.of(request).clock.now()) | conflict, outcome.status, headers)


async def submit_jobs(request: Request, actor: Principal) -> Response:
    """200 with `{results}`, one for each of `tasks`, in order: `{status: 201, id}`, `{status: 200, id, conflict: true}`
    where another job has its unique key, or `{status, errorCode, message}`.

    Each is judged for itself: a wrong one holds up none of the others. They are written 500 at a time. With an
    `Idempotency-Key` the same body may be sent again, and what was submitted keeps its ids. The request as a whole is
    refused when its first 500 are: then nothing was submitted. The body has at most 10 MiB, each task at most 1 MiB.
    """
    body, raw = await read_json(request, MAX_BATCH_BODY_BYTES, MAX_VALUES_OF_A_BATCH)
    batch = Batch(request, actor, raw)
    for task in validated(JobBatch, body).tasks:
        await batch.take(task)
    return shown(request, {"results": await batch.results()}, headers=batch.headers())


async def list_jobs(request: Request, viewer: Principal) -> Response:
    """200 with `{items, total, page, limit, nextCursor}`, newest first. 422 naming a wrong parameter.

    Filters: `?status=` (several, repeated or separated by commas), `?taskType=`, `?queue=`, `?name=` (text in it), and
    `?q=`: terms that must all hold, `status: type: queue: unit: group: tag: error: after: before:`, and text in the
    name, such as `status:FAILED type:send_* error:"no route" after:2h report`. Pages: `?page=&limit=` or
    `?cursor=&limit=`, the cursor with the filters it came from.
    """
    require_known(request, OF_A_LIST, repeatable=("status",))
    asked = page_of(request)
    node = Node.of(request)
    wanted = _filter(request, node.clock.now())
    async with answering_database_errors():
        page = await jobs.page(
            node.engine, viewer, wanted, page_size=asked.size, page_number=asked.number, before_id=asked.before_id
        )
    now = node.clock.now()
    return listed(
        request,
        [job_view(job, now) for job in page.jobs],
        asked,
        total=page.total,
        total_is_capped=page.total_is_capped,
        next_before_id=page.next_before_id,
    )


def _filter(request: Request, now: datetime) -> JobFilter:
    """What the query asks for. Raises Invalid naming the parameter that is wrong."""
    exact = {name: search_text(request, name) for name in ("taskType", "queue", "name")}
    wanted = JobFilter(
        statuses=choices(request, "status", get_args(JobStatus)),
        task_types=() if exact["taskType"] is None else (exact["taskType"],),
        queues=() if exact["queue"] is None else (exact["queue"],),
        words=() if exact["name"] is None else (exact["name"],),
    )
    asked = request.query_params.get("q")
    return wanted if asked is None else read_query(asked, wanted, now)


async def get_job(request: Request, viewer: Principal) -> Response:
    """200 with the job, its `attempts` (the newest 500, oldest first; the one that runs has no `endedAt`) and its ETag;
    404 for one that whoever asks does not see.

    `Prefer: wait=20`: the answer comes when the job has ended, or after so many seconds, 30 at most.
    """
    job, attempts = await _seen(request, viewer)
    wait_s = preferred_wait_s(request)
    if wait_s is not None and job.status not in TERMINAL:
        with suppress(Unavailable):
            await _wait_for_its_end(request, job.id, wait_s)
        job, attempts = await _seen(request, viewer)
    headers = {} if wait_s is None else {"Preference-Applied": WAIT}
    shown_job = job_with_attempts(job, attempts, Node.of(request).clock.now())
    return shown(request, shown_job, headers=etag(job.version) | headers)


async def get_statistics(request: Request, viewer: Principal) -> Response:
    """200 with `{total, byStatus, byType, byQueue}`: how many jobs there are, of those that whoever asks sees.

    `byStatus` has all six; `byType` and `byQueue` have the hundred with most jobs, each by status, and `otherTypes` and
    `otherQueues` count the rest. Exact, and as fast for ten million as for ten.
    """
    require_known(request, ())
    async with answering_database_errors():
        found = await queues.statistics(Node.of(request).engine, viewer)
    return shown(
        request,
        {
            "total": found.by_status.total(),
            "byStatus": {status: found.by_status[status] for status in get_args(JobStatus)},
            "byType": found.by_type.largest,
            "otherTypes": found.by_type.others,
            "byQueue": found.by_queue.largest,
            "otherQueues": found.by_queue.others,
        },
    )


async def list_failures(request: Request, viewer: Principal) -> Response:
    """200 with `{items, others}`: the jobs that FAILED, by type and kind of failure, those with most jobs first. 422
    naming a wrong parameter.

    Failures are of one kind when the class of the error, its message but for numbers, ids and what is quoted, and the
    place in its trace are the same. Filters as in the list: `?taskType=`, `?queue=`, `?name=`, `?q=`; `?q=group:` of
    that list shows the jobs of one kind.
    """
    require_known(request, ("taskType", "queue", "name", "q"))
    node = Node.of(request)
    wanted = _filter(request, node.clock.now())
    if wanted.statuses - {"FAILED"}:
        raise Invalid(errors=[FieldError("q", "asks for other states: these are the jobs that are FAILED")])
    async with answering_database_errors():
        found, others = await jobs.failures(node.engine, viewer, wanted)
    items = [
        {
            "failureGroup": each.latest.failure_group,
            "taskType": each.latest.task_type,
            "errorType": each.latest.error_type,
            "errorMessage": each.latest.error_message,
            "latestId": each.latest.id,
            "count": each.count,
            "firstAt": iso(each.first_at),
            "lastAt": iso(each.last_at),
        }
        for each in found
    ]
    return shown(request, {"items": items, "others": others})


async def _wait_for_its_end(request: Request, job_id: int, wait_s: int) -> None:
    """For so long at most, and as long as the client does. Raises Unavailable where nobody can be asked."""
    await while_somebody_waits(request, Node.of(request).units.finished(job_id, wait_s))


async def get_history(request: Request, viewer: Principal) -> Response:
    """200 with `{items}`, oldest first: the job was `created`, each attempt `started` and `ended` (of the newest 500),
    the job was `completed`, one way or the other; and what was done to it, by whom and why (the newest 500). 404 for
    one that whoever asks does not see."""
    job, attempts = await _seen(request, viewer)
    async with answering_database_errors():
        done = await jobs.interventions(Node.of(request).engine, job.id)
    return shown(request, {"items": history(job, attempts, done)})


async def get_why(request: Request, viewer: Principal) -> Response:
    """200 with the one fact that keeps the job from running, or what it does instead: `reason` for programs, `message`
    for people. With that out of the way, the next one shows. 404 for one that whoever asks does not see."""
    node, language = Node.of(request), request.state.language
    now = node.clock.now()
    job = await seen_job(request, viewer)
    async with answering_database_errors():
        facts = await _facts(node, job, now)
    return shown(request, why(job, facts, now, language))


async def _facts(node: Node, job: Job, now: datetime) -> Facts:
    """What there is to be known besides the row; nothing is asked for that its state makes no use of."""
    done = None
    actions = _BROUGHT_ABOUT_BY.get(job.status)
    if actions is not None and (job.status != "RUNNING" or is_by_hand(job)):
        done = await jobs.last_intervention(node.engine, job.id, actions)
    if job.status != "PENDING" or job.run_at > now:
        return Facts(done=done)
    key = job.department_id, job.queue
    outlook, allowance = None, None
    with suppress(Unavailable):
        outlook, allowance = await node.units.outlook(key, job.task_type)
    return Facts(
        outlook=outlook,
        allowance=allowance,
        queue=await queues.set_up(node.engine, key),
        ahead=await jobs.ahead(node.engine, job, now),
        done=done,
    )


_BROUGHT_ABOUT_BY: Final[dict[JobStatus, tuple[str, ...]]] = {
    "PAUSED": ("pause",),
    "CANCELLED": ("cancel",),
    "RUNNING": ("begin",),
}


async def seen_job(request: Request, viewer: Principal) -> Job:
    """The job in the path, as whoever asks sees it. Raises NotFound for one that they do not see."""
    async with answering_database_errors():
        job = await jobs.by_id(Node.of(request).engine, viewer, path_id(request))
    if job is None:
        raise NotFound
    return job


async def _seen(request: Request, viewer: Principal) -> tuple[Job, list[JobAttempt]]:
    async with answering_database_errors():
        found = await jobs.with_attempts(Node.of(request).engine, viewer, path_id(request))
    if found is None:
        raise NotFound
    job, attempts = found
    return job, list(attempts)
