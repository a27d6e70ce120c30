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
_KEY: Final = re.compile(r"^[!-~]{1,255}$")


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    """Every call is an administrator's, but for the one that would end the session of all the others."""

    def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> str:
        return _OTHER_TOKEN if case.operation.definition.raw["operationId"] == "logout" else _OWN_TOKEN

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
    if operation == "updateUser" and str(case.path_parameters.get("id")) == _OWN_ID:
        # not the rights that all other calls are made with
        case.path_parameters["id"] = _OTHER_ID
    # only the API itself can make a good one
    (case.query or {}).pop("cursor", None)
    if isinstance(case.body, dict):
        _name_somebody(case.body)
    _let_one_version_speak(case)


def _name_somebody(body: dict[str, Any]) -> None:
    """An id that is nobody's is a 422."""
    given = body.get("assignedToUserId")
    if isinstance(given, int | float) and not isinstance(given, bool):
        body["assignedToUserId"] = min(given, _OTHER_ID)


def _let_one_version_speak(case: schemathesis.Case[Any]) -> None:
    """Two places that name two versions are a 422."""
    body, query = case.body if isinstance(case.body, dict) else {}, case.query or {}
    if "version" in body:
        query.pop("version", None)
    if "version" in body or "version" in query:
        case.headers.pop("If-Match", None)
