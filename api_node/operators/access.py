"""`/v1/users/{id}/permissions/{code}` and the same of an application: why somebody can, or cannot."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_node.console.users import seen_person
from api_node.node import Node
from api_node.operators.answers import shown
from api_node.operators.applications import seen_application
from api_node.parameters import optional_id, require_known
from api_node.queries import departments, roles
from api_node.reads import answering_database_errors
from api_node.why import Verdict, judge, told
from shared.applications import Application
from shared.errors import FieldError, Invalid, NotFound
from shared.model import User
from shared.organisation import OFF, Department, PermissionRow, Place
from shared.principal import Principal


async def explain_user(request: Request, viewer: Principal) -> Response:
    """200 with whether an account holds a permission at this moment, and every condition of that in order.

    With `?departmentId=`, also whether what is in that department exists for it. For oneself, and for who manages
    accounts and sees this one. 404 for an account that is not there for whoever asks, and for an unknown permission;
    422 for a department that is not.
    """
    user, place = await seen_person(request, viewer)
    return await _explained(request, viewer, {"userId": user.id}, user, place)


async def explain_application(request: Request, viewer: Principal) -> Response:
    """The same of an application: for itself, and for who manages applications and sees it."""
    found = await seen_application(request, viewer)
    named = {"applicationId": found.application.id}
    return await _explained(request, viewer, named, found.application, found.place)


async def _explained(
    request: Request, viewer: Principal, named: dict[str, int], who: User | Application, place: Place
) -> Response:
    require_known(request, ("departmentId",))
    permission = await _permission(request)
    about = await _department(request, viewer)
    verdict = judge(who, place, permission, Node.of(request).clock.now(), about.path if about else None)
    off = await _turned_off(request, viewer, place)
    return shown(
        named
        | {
            "permission": permission.code,
            "departmentId": about.id if about else None,
            "allowed": verdict.is_allowed,
            "isGlobal": verdict.is_global,
            "seesAssignedOnly": verdict.sees_assigned_only,
            "reasons": _reasons(request, verdict, place, permission, off, is_person=isinstance(who, User)),
        }
    )


def _reasons(
    request: Request,
    verdict: Verdict,
    place: Place,
    permission: PermissionRow,
    off: list[Department],
    *,
    is_person: bool,
) -> list[dict[str, Any]]:
    shown_of: list[dict[str, Any]] = []
    for name, holds in verdict.reasons:
        words = told((name, holds), place, permission.code, is_person=is_person, language=request.state.language)
        reason: dict[str, Any] = {"code": name, "holds": holds, "message": words}
        if name == "department_is_on" and not holds:
            reason["departments"] = [{"id": department.id, "name": department.name} for department in off]
        shown_of.append(reason)
    return shown_of


async def _permission(request: Request) -> PermissionRow:
    async with answering_database_errors():
        known = await roles.permissions(Node.of(request).engine)
    code = request.path_params["code"]
    found = next((permission for permission in known if permission.code == code), None)
    if found is None:
        raise NotFound
    return found


async def _department(request: Request, viewer: Principal) -> Department | None:
    """The department that is asked about. Raises Invalid for one that whoever asks does not see."""
    department_id = optional_id(request, "departmentId")
    if department_id is None:
        return None
    async with answering_database_errors():
        found = await departments.by_id(Node.of(request).engine, viewer, department_id)
    if found is None:
        raise Invalid(errors=[FieldError("departmentId", "names no department")])
    return found


async def _turned_off(request: Request, viewer: Principal, place: Place) -> list[Department]:
    """Of a department and all above it, those whose own status is off, from the top down; those alone that whoever asks
    sees."""
    async with answering_database_errors():
        line = await departments.down_to(Node.of(request).engine, viewer, place.path)
    return [department for department in line if department.status == OFF]
