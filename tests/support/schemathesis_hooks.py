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
    if operation in _CHANGES_SOMEBODY and str(case.path_parameters.get("id")) == _OWN_ID:
        # not the rights that all other calls are made with
        case.path_parameters["id"] = _OTHER_ID
    if operation == "deleteUser" and str(case.path_parameters.get("id")) in (_OWN_ID, str(_OTHER_ID)):
        # nor those that tasks are given to
        case.path_parameters["id"] = _NOBODY
    # only the API itself can make a good one
    (case.query or {}).pop("cursor", None)
    if operation in _EXPLAINS and _is_an_id((case.query or {}).get("departmentId")):
        # one that is nobody's is a 422
        case.query["departmentId"] = 1
    if isinstance(case.body, dict):
        _name_what_there_is(case.body)
        if operation == "replaceDepartment":
            # most of them are below it, or it itself
            case.body.pop("parentId", None)
        if operation == "turnPermission" and case.body.get("status") == 0:
            # it would be missing to all calls after this one
            case.body["status"] = 1
    _let_one_version_speak(case)


def _name_what_there_is(body: dict[str, Any]) -> None:
    """An id that is nobody's is a 422, and so is a name that looks like somebody's e-mail."""
    for member, last in {"assignedToUserId": _OTHER_ID, "departmentId": 1, "parentId": 1, "roleId": 2}.items():
        if _is_number(body.get(member)):
            body[member] = min(body[member], last)
    if isinstance(body.get("expiresAt"), str) and _INSTANT.match(body["expiresAt"]):
        # of this century, and not a 30th of February
        body["expiresAt"] = "2030-01-01T00:00:00Z"
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
