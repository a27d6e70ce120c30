"""What an answer means to a person who uses the API: fine, a refusal the documentation promises, or a failure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["fine", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a person may rightly get: one of `statuses`, or a documented refusal.

    `version` is the one a write was decided on: its 409 must show a newer one. `is_deleted`: the task was deleted by
    somebody before the answer came, so 404 is right. `one_of_two_refreshes`: the edge may have sent a refresh of tokens
    twice (a node died over it), so the second can find the token used up.
    """

    statuses: frozenset[int]
    version: int | None = None
    is_deleted: bool = False
    one_of_two_refreshes: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """`why` names the refusal by its error code, or says what is wrong."""

    kind: Kind
    why: str = ""


def judge(status: int, headers: Mapping[str, str], body: Any, expected: Expected) -> Judgement:
    """`headers` by lower-case name; `body` is decoded JSON, None for what could not be read."""
    if status in expected.statuses:
        return Judgement("fine") if body is not None or status == 304 else Judgement("failed", "no JSON")
    code = body.get("errorCode") if isinstance(body, dict) else None
    if not isinstance(code, str) or body.get("statusCode") != status:
        return Judgement("failed", f"{status} without the error envelope: {str(body)[:200]}")
    if status == 429 and headers.get("retry-after", "").isdigit():
        return Judgement("refused", code)
    if status == 404 and expected.is_deleted:
        return Judgement("refused", code)
    if status == 409 and expected.version is not None and _current_version(body) > expected.version:
        return Judgement("refused", code)
    if expected.one_of_two_refreshes and code == "token_superseded":
        return Judgement("refused", code)
    return Judgement("failed", f"{status} {code}: {body.get('message')}")


def _current_version(body: Mapping[str, Any]) -> int:
    """The version of the object that a 409 shows; 0 when it shows none."""
    current = body.get("current")
    version = current.get("version") if isinstance(current, dict) else None
    return version if isinstance(version, int) else 0
