"""`/api/v1/execution-units` (seed 001): the programs that run jobs, and what they and the cluster say to each other.

A unit belongs to the department of whoever registers it, and is called by its id there: what a unit asks, and what is
done to it, is about a unit of one's own department.
"""

import re
from typing import Any, Final, get_args

from starlette.requests import Request
from starlette.responses import Response

from api_node.forward import forward, written
from api_node.node import Node
from api_node.parameters import choices, optional_id, require_known, search_text
from api_node.programs.answers import PAGES, applied, listed, page_of, shown
from api_node.queries import units
from api_node.queries.units import UnitFilter
from api_node.reads import answering_database_errors
from api_node.unanswered import Outcome
from shared.clock import iso
from shared.commands import validated
from shared.errors import NotFound
from shared.http.body import read_json
from shared.http.hanging_up import while_somebody_waits
from shared.job_commands import UNIT_ID, Beat, Claim, NewUnit, ReportList
from shared.jsonio import MAX_VALUES_OF_A_BATCH
from shared.principal import Principal
from shared.units import UnitKey, UnitStatus, unit_view

_UNIT_ID: Final = re.compile(UNIT_ID)
_MAX_ID: Final = 100
_LIVING: Final = ("ONLINE", "DRAINING")


async def register(request: Request, actor: Principal) -> Response:
    """201 with the unit, 200 when it was there before, and how it is to behave: it is OFFLINE when it has not beaten
    for `leaseS`, and is asked to beat every `beatS` seconds. 422.

    A unit registers each time it starts. With a `bootNonce` that is another one each time, what its process before held
    goes back at once, and that one's calls are refused from then on.
    """
    body, raw = await read_json(request)
    new = validated(NewUnit, body).model_dump(exclude_unset=True)
    return applied(request, await forward(request, "register-unit", new, actor=actor, raw=raw))


async def beat(request: Request, actor: Principal) -> Response:
    """200 with the unit; `cancel`: the jobs that it should give up, `lost`: those it names and does not hold any more,
    `drain`: whether it is given no more. 404 for one that is not registered, 409 when another process registered as it.

    Bare, as seed 001 prints it, all of its leases go on. With `leases`, those that it does not name go back.
    """
    key = _key(request, actor)
    body, _ = await read_json(request, max_values=MAX_VALUES_OF_A_BATCH)
    said = validated(Beat, body)
    node = Node.of(request)
    told = await node.units.beat(key, said)
    async with answering_database_errors():
        unit = await units.by_name_id(node.engine, actor, key[1], department_id=key[0])
    if unit is None:
        raise NotFound
    # the row follows within some seconds
    fresh = {"currentLoad": said.currentLoad, "metadata": said.metadata, "lastHeartbeatAt": iso(node.clock.now())}
    return shown(request, unit_view(unit) | fresh | told)


async def claim(request: Request, actor: Principal) -> Response:
    """200 with `{jobs}`: leased to the unit as of now, at most `max`, as soon as there are any; none once `waitS` is
    over. 404 for one that is not registered, 409 when another process registered as it.

    The same `claimId` again gets the same jobs, as long as the unit holds them: a claim whose answer got lost is sent
    again. Whoever hangs up while it waits is given nothing.
    """
    key = _key(request, actor)
    body, _ = await read_json(request)
    wish = validated(Claim, body)
    jobs = await while_somebody_waits(request, Node.of(request).units.claim(key, wish))
    return shown(request, {"jobs": jobs or []})


async def report(request: Request, actor: Principal) -> Response:
    """200 with `{results}`, one for each report, in order: `{status: 200}`, also with `already: true` for one that was
    applied before; `{status: 409, errorCode: "stale_attempt"}` for an attempt that no longer runs, or that the unit
    does not hold by this `leaseToken`; `{status: 404, errorCode: "not_found"}`.

    Each is judged for itself. A report may be sent again until it is answered.
    """
    unit_id = _unit_id(request)
    body, raw = await read_json(request)
    said = validated(ReportList, body).model_dump(exclude_unset=True)
    return applied(request, await forward(request, "report-jobs", said | {"unitId": unit_id}, actor=actor, raw=raw))


async def drain(request: Request, actor: Principal) -> Response:
    """200 with the unit: it finishes what it has and is given no more. 404."""
    return applied(request, await _changed(request, actor, "DRAINING"))


async def take_out(request: Request, actor: Principal) -> Response:
    """200 with the unit: it is given no more, what it has goes back at once, and beats do not bring it back. 404."""
    return applied(request, await _changed(request, actor, "OFFLINE"))


async def let_in(request: Request, actor: Principal) -> Response:
    """200 with the unit: it is given jobs again. 404."""
    return applied(request, await _changed(request, actor, "ONLINE"))


async def deregister(request: Request, actor: Principal) -> Response:
    """204: the unit is forgotten, and what it has goes back at once. 404."""
    headers = written(await _changed(request, actor, "GONE"))
    headers.pop("ETag", None)
    return Response(status_code=204, headers=headers)


async def list_units(request: Request, viewer: Principal) -> Response:
    """200 with `{items, total, page, limit, nextCursor}`, newest first. 422 naming a wrong parameter.

    `?status=` (several, repeated or separated by commas); `?page=&limit=` or `?cursor=&limit=`.
    """
    require_known(request, (*PAGES, "status"), repeatable=("status",))
    return await _page(request, viewer, UnitFilter(statuses=choices(request, "status", get_args(UnitStatus))))


async def list_available(request: Request, viewer: Principal) -> Response:
    """200 with those that are ONLINE and, by their last beat, have less work than they can do at once, as a list.

    `?taskType=`: of those that run this type of job.
    """
    require_known(request, (*PAGES, "taskType"))
    return await _page(request, viewer, UnitFilter(task_type=search_text(request, "taskType"), has_room=True))


async def get_statistics(request: Request, viewer: Principal) -> Response:
    """200 with the number of units, in all and by status, and the `capacity` and `currentLoad` of those that are not
    OFFLINE, together."""
    require_known(request, ())
    async with answering_database_errors():
        found = await units.counts(Node.of(request).engine, viewer)
    living = [found[status] for status in _LIVING if status in found]
    return shown(
        request,
        {
            "total": sum(counted.count for counted in found.values()),
            "byStatus": {status: found[status].count if status in found else 0 for status in get_args(UnitStatus)},
            "capacity": sum(counted.capacity for counted in living),
            "currentLoad": sum(counted.load for counted in living),
        },
    )


async def get_unit(request: Request, viewer: Principal) -> Response:
    """200 with the unit; 404 for one that whoever asks does not see.

    One's own department's, or else the first one of this id below it; `?departmentId=` says which.
    """
    require_known(request, ("departmentId",))
    unit_id, department_id = _unit_id(request), optional_id(request, "departmentId")
    async with answering_database_errors():
        unit = await units.by_name_id(Node.of(request).engine, viewer, unit_id, department_id)
    if unit is None:
        raise NotFound
    return shown(request, unit_view(unit))


def _unit_id(request: Request) -> str:
    """The id in the path. What can be none names nothing: NotFound."""
    given: str = request.path_params["id"]
    if len(given) > _MAX_ID or not _UNIT_ID.fullmatch(given):
        raise NotFound
    return given


def _key(request: Request, actor: Principal) -> UnitKey:
    return actor.who.department_id, _unit_id(request)


async def _changed(request: Request, actor: Principal, to: str) -> Outcome:
    change: dict[str, Any] = {"unitId": _unit_id(request), "to": to}
    return await forward(request, "change-unit", change, actor=actor)


async def _page(request: Request, viewer: Principal, wanted: UnitFilter) -> Response:
    asked = page_of(request)
    async with answering_database_errors():
        page = await units.page(
            Node.of(request).engine,
            viewer,
            wanted,
            page_size=asked.size,
            page_number=asked.number,
            before_id=asked.before_id,
        )
    return listed(
        request,
        [unit_view(unit) for unit in page.units],
        asked,
        total=page.total,
        total_is_capped=page.total_is_capped,
        next_before_id=page.next_before_id,
    )
