"""What schemathesis cannot know of this API: what must differ from call to call, and what must agree.

Loaded by its command line, as tests/acceptance/test_schemathesis.py tells it to.
"""

import os
import random
import re
import uuid
from typing import Any, Final

import schemathesis

_OWN_ID: Final = os.environ["SCHEMATHESIS_OWN_ID"]
_OTHER_ID: Final = int(os.environ["SCHEMATHESIS_OTHER_ID"])
_OWN_TOKEN: Final = os.environ["SCHEMATHESIS_OWN_TOKEN"]
_OTHER_TOKEN: Final = os.environ["SCHEMATHESIS_OTHER_TOKEN"]
_ENDS_A_SESSION: Final = ("logout", "logoutOfV1", "logoutEverywhere")
_CHANGES_SOMEBODY: Final = ("updateUser", "replaceUser", "changePassword")
_NOBODY: Final = 2**40
_EXPLAINS: Final = ("explainUser", "explainApplication")
_PERMISSIONS: Final = 17
_INSTANT: Final = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]")
_LARGEST: Final = 2**53 - 1
_FREE: Final = {"config", "metadata", "tasks", "result", "progress", "fields"}
_OPERATIONS: Final = ("start", "pause", "resume", "cancel", "retry", "reprioritise", "reschedule")
_TAKES: Final[dict[str, dict[str, Any]]] = {
    "retry": {"config": {}},
    "reprioritise": {"priority": 1},
    "reschedule": {"delayMs": 1},
}
_KEY: Final = re.compile(r"^[!-~]{1,255}$")


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    """Every call is an administrator's, but for the one that would end the session of all the others."""

    def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> str:
        return _OTHER_TOKEN if case.operation.definition.raw["operationId"] in _ENDS_A_SESSION else _OWN_TOKEN

    def set(self, case: schemathesis.Case[Any], data: str, context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Leave to chance only what the document says; what it cannot say is made right here."""
    operation = case.operation.definition.raw["operationId"]
    for name, value in list(case.headers.items()):
        # it follows links with what it found in answers, numbers too, and then cannot send them
        case.headers[name] = str(value)
    # failed sign-ins are counted by address: each call comes from another one, or all would soon be a 429
    case.headers["X-Forwarded-For"] = ".".join(str(random.randint(1, 254)) for _ in range(4))
    if _KEY.match(case.headers.get("Idempotency-Key") or ""):
        # a key is good for one request: for a second one it is a 422
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    _leave_whom_others_need(case, operation)
    query: Any = case.query or {}
    # only the API itself can make a good one
    query.pop("cursor", None)
    if isinstance(query.get("q"), str) and operation in ("listJobs", "listFailures"):
        # its terms are a language of their own
        query["q"] = "status:FAILED type:a*"
    if operation in _EXPLAINS and _is_an_id(query.get("departmentId")):
        # one that is nobody's is a 422
        query["departmentId"] = 1
    if isinstance(case.body, dict):
        _name_what_there_is(case.body)
        _mean_one_time(case.body)
        _say_which(case.body)
        _operate_with_what_it_takes(case.body, operation)
        _keep_within_reach(case.body)
        _ask_for_nothing_that_lasts(case.body, operation)
    _let_one_version_speak(case)


def _leave_whom_others_need(case: schemathesis.Case[Any], operation: str) -> None:
    """All other calls are made with the rights of one account, and tasks are given to the other."""
    whom = str(case.path_parameters.get("id"))
    if operation in _CHANGES_SOMEBODY and whom == _OWN_ID:
        case.path_parameters["id"] = _OTHER_ID
    if operation == "deleteUser" and whom in (_OWN_ID, str(_OTHER_ID)):
        case.path_parameters["id"] = _NOBODY


def _operate_with_what_it_takes(body: dict[str, Any], operation: str) -> None:
    """An operation on a job takes members that others do not, and only who completes one has a result."""
    if operation == "setJobStatus" and body.get("status") != "COMPLETED":
        body.pop("result", None)
    if operation == "operateJob" and body.get("operation") in _OPERATIONS:
        takes = _TAKES.get(body["operation"], {})
        for name in ("config", "priority", "runAt", "delayMs"):
            if name not in takes:
                body.pop(name, None)
        if body["operation"] != "retry" and not any(body.get(name) is not None for name in takes):
            body |= takes


def _ask_for_nothing_that_lasts(body: Any, operation: str) -> None:
    """What would be missing to all calls after this one, or keep them waiting."""
    if operation == "replaceDepartment":
        # most of them are below it, or it itself
        body.pop("parentId", None)
    if operation == "turnPermission" and body.get("status") == 0:
        body["status"] = 1
    if operation == "claimJobs":
        body["waitS"] = 0


def _keep_within_reach(body: Any) -> None:
    """The members that may be any JSON, in the body and in its reports."""
    reports = body.get("reports")
    for part in [body, *(reports if isinstance(reports, list) else ())]:
        for member in _FREE & part.keys() if isinstance(part, dict) else ():
            part[member] = _within_reach(part[member])


def _mean_one_time(body: dict[str, Any]) -> None:
    """An instant is of this century, and a job has one time: an instant or a delay."""
    if isinstance(body.get("runAt"), str):
        body["runAt"] = "2099-01-01T00:00:00.000Z"
        body.pop("delayMs", None)


def _say_which(body: dict[str, Any]) -> None:
    """A mode is one of a key, a step has a name and a line its number."""
    if isinstance(body.get("uniqueMode") or body.get("uniqueForS"), str | int) and body.get("uniqueKey") is None:
        body["uniqueKey"] = uuid.uuid4().hex
    reports = body.get("reports")
    for report in reports if isinstance(reports, list) else ():
        missing = {"step": ("name", "a step"), "log": ("line", 1)}
        if isinstance(report, dict) and isinstance(report.get("kind"), str) and report["kind"] in missing:
            name, value = missing[report["kind"]]
            report[name] = value if report.get(name) is None else report[name]


def _within_reach(value: Any) -> Any:
    """JSON of whatever shape, with numbers that every client reads back and no NUL, as every body must be."""
    if isinstance(value, dict):
        return {key.replace("\x00", ""): _within_reach(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_within_reach(member) for member in value]
    if _is_number(value):
        return max(-_LARGEST, min(value, _LARGEST))
    return value.replace("\x00", "") if isinstance(value, str) else value


def _name_what_there_is(body: dict[str, Any]) -> None:
    """An id that is nobody's is a 422, and so is a name that looks like somebody's e-mail."""
    for member, last in {"assignedToUserId": _OTHER_ID, "departmentId": 1, "parentId": 1, "roleId": 2}.items():
        if _is_number(body.get(member)):
            body[member] = min(body[member], last)
    if isinstance(body.get("expiresAt"), str) and _INSTANT.match(body["expiresAt"]):
        # of this century, and not a 30th of February
        body["expiresAt"] = "2099-12-31T00:00:00Z"
    granted = body.get("permissions")
    if isinstance(granted, list):
        body["permissions"] = [min(given, _PERMISSIONS) if _is_number(given) else given for given in granted]
    if isinstance(body.get("username"), str):
        body["username"] = body["username"].replace("@", "-")


def _is_an_id(given: object) -> bool:
    """In a query it may be a text."""
    text = str(given)
    return text.isascii() and text.isdigit() and 0 < int(text) < 2**53


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def _let_one_version_speak(case: schemathesis.Case[Any]) -> None:
    """Two places that name two versions are a 422."""
    body, query = case.body if isinstance(case.body, dict) else {}, case.query or {}
    if "version" in body:
        query.pop("version", None)
    if "version" in body or "version" in query:
        case.headers.pop("If-Match", None)
