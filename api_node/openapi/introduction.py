"""What the document says before the first operation: once, for all of them."""

from collections.abc import Mapping
from typing import Final

from api_node.openapi.operation import Tag

INTRODUCTION: Final = """\
One board of tasks, shared by people who change it at the same time; and jobs, which programs submit and programs run.

**Signing in.** `POST /api/auth/register` and `/api/auth/login` answer with a token: send it as
`Authorization: Bearer TOKEN`. A program sends the key of its application in the same place (`POST /v1/applications`),
and may do what its scopes say; what concerns a person's own account refuses it.

**Bodies** are JSON (`Content-Type: application/json`, UTF-8, at most 1 MiB). A member that is unknown or only read is
refused.

**Versions.** Whatever can be changed has a `version`, and its `ETag` is `"v<version>"`. Send back the one you decided
on, in the body, as `?version=` or as `If-Match`: if somebody was faster you get a 409 or 412 with the object as it is
now under `current`, and nothing was changed.

**Once.** With an `Idempotency-Key` a write may be sent again without harm: it happens once, and the stored answer
comes back with `Idempotency-Replayed: true`.

**Audit.** What is done to accounts, departments, roles and permissions is put on record with it. Say why in `X-Reason`.

**Errors** carry `errorCode` (for programs), `message` (for people, in zh-CN or en by `Accept-Language`), `requestId`,
`retryable` and `outcome`: whether the write was applied. `errors` names the members at fault.
"""

TAGS: Final[Mapping[Tag, str]] = {
    "Accounts": "Signing in, and the people who do",
    "Organisation": "Departments, roles and permissions, and who is given what",
    "Applications": "Programs with keys of their own",
    "Audit": "Who did what, when and why",
    "Jobs": "Work for programs: submit it, see what becomes of it",
    "Queues": "The lines of jobs: limit, pause, resume, see how they run",
    "Execution units": "The programs that run jobs: register, beat, claim, report",
    "Board": "Tasks: list, read, create, change, delete",
    "Live events": "Changes as they happen",
    "Operation": "For those who run it",
    "Health": "For balancers and monitors; every door has its own envelope",
    "Reference": "This page and the document it is made from",
}
