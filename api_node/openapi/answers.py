"""The shapes of answers, for the document alone: handlers build them as plain values, and the contract tests hold every
answer they see against these."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.audit import ActorKind
from shared.commands import Label, OnOrOff, RowId, Title, Version
from shared.model import Status

Instant = Annotated[
    str,
    Field(
        description="UTC with milliseconds",
        examples=["2026-01-01T00:00:00.000Z"],
        json_schema_extra={"format": "date-time"},
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
    ),
]
Count = Annotated[int, Field(ge=0)]


class Shape(BaseModel):
    """Base of them all. Members may be added in later versions: a client must not mind."""

    model_config = ConfigDict(frozen=True)


class User(Shape):
    """An account."""

    id: RowId
    username: str
    email: str | None
    realName: str
    phone: str | None
    role: str = Field(description="`admin`, `employee`, or the name of another role")
    roleId: RowId
    roleName: str
    departmentId: RowId
    departmentName: str
    status: OnOrOff
    version: Version
    createdAt: Instant
    updatedAt: Instant


class Task(Shape):
    """A task on the board."""

    id: RowId
    title: Title
    category: Label | None
    tag: Label | None
    description: str | None
    status: Status
    createdByUserId: RowId
    assignedToUserId: RowId | None
    departmentId: RowId
    version: Version
    createdAt: Instant
    updatedAt: Instant


class DeletedTask(Task):
    """A task as it was when it went."""

    deletedAt: Instant


class Page(Shape):
    """One page of a list. `total` is exact up to 10,000; past that it says 10,000 and `totalIsCapped` is there."""

    total: Annotated[int, Field(ge=0, le=10_000)]
    totalIsCapped: Literal[True] = True
    page: Annotated[int, Field(ge=1)]
    pageSize: Annotated[int, Field(ge=1)]
    nextCursor: str | None = Field(description="`?cursor=` of the next page; null on the last one")


class TaskPage(Page):
    """One page of tasks."""

    tasks: list[Task]


class TaskStats(Shape):
    """The tasks of the board counted. Each of the three kinds of counts adds up to `total`."""

    total: Count
    byStatus: dict[Status, Count] = Field(description="all five")
    byCategory: dict[str, Count] = Field(description="the hundred categories with most tasks")
    uncategorised: Count
    otherCategories: Count = Field(description="tasks in further categories")
    byAssignee: dict[str, Count] = Field(description="by id of the account; the hundred with most tasks")
    unassigned: Count
    otherAssignees: Count = Field(description="tasks of further people")


class FieldFault(Shape):
    """One wrong member of a request."""

    field: str = Field(description="its path, such as `title`; `body` for the whole")
    message: str


class Account(Shape):
    """The account that asks."""

    user: User


class UserPage(Page):
    """One page of accounts."""

    users: list[User]


class NumberedPage(Shape):
    """One page of a list of the `/v1` door. `total` is exact up to 10,000."""

    total: Annotated[int, Field(ge=0, le=10_000)]
    totalIsCapped: Literal[True] = True
    page: Annotated[int, Field(ge=1)]
    size: Annotated[int, Field(ge=0)]


class UserList(NumberedPage):
    """One page of accounts."""

    items: list[User] = Field(alias="list")


class Profile(User):
    """The account that asks, and what it may."""

    permissions: list[str] = Field(description="codes, such as `board:view`")


class Department(Shape):
    """A department."""

    id: RowId
    name: str
    description: str | None
    parentId: RowId | None = Field(description="null at the top of the tree")
    status: OnOrOff
    version: Version
    createdAt: Instant
    updatedAt: Instant


class DepartmentNode(Department):
    """A department with what is right below it."""

    children: list["DepartmentNode"]


class DepartmentList(NumberedPage):
    """Every department that the viewer sees."""

    items: list[Department] = Field(alias="list")
    tree: list[DepartmentNode] = Field(default=[], description="without `keyword`")


class Role(Shape):
    """A role."""

    id: RowId
    name: str
    code: str | None = Field(description="`admin` or `employee`, of the built-in ones")
    description: str | None
    permissions: list[RowId] = Field(description="ids")
    status: OnOrOff
    version: Version
    createdAt: Instant
    updatedAt: Instant


class RoleList(NumberedPage):
    """One page of roles."""

    items: list[Role] = Field(alias="list")


class PermissionShape(Shape):
    """A permission."""

    id: RowId
    name: str
    code: str
    description: str | None
    status: OnOrOff
    version: Version


class LiveSecret(Shape):
    """A secret of an application that was not revoked: everything but itself."""

    id: RowId
    createdAt: Instant
    lastUsedAt: Instant | None


class Application(Shape):
    """A program that calls the API with keys of its own."""

    id: RowId
    name: str
    description: str | None
    departmentId: RowId = Field(description="it sees this one and below")
    departmentName: str
    scopes: list[str] = Field(description="codes of permissions, such as `board:view`")
    status: OnOrOff
    expiresAt: Instant | None
    secrets: list[LiveSecret]
    lastUsedAt: Instant | None = Field(description="by whichever key, exact to about a minute")
    createdByUserId: RowId | None
    version: Version
    createdAt: Instant
    updatedAt: Instant


class ApplicationWithKey(Application):
    """An application with a key that was just made."""

    key: str | None = Field(
        description="send it as `Authorization: Bearer ...`; null in a replay by `Idempotency-Key`, since a secret is "
        "not shown twice"
    )


class ApplicationList(NumberedPage):
    """One page of applications."""

    items: list[Application] = Field(alias="list")


class NamedDepartment(Shape):
    """A department by its id and name."""

    id: RowId
    name: str


class Reason(Shape):
    """One condition of a decision."""

    code: Literal[
        "exists",
        "is_on",
        "role_is_on",
        "department_is_on",
        "has_time_left",
        "permission_is_on",
        "is_granted",
        "is_in_sight",
    ]
    holds: bool
    message: str = Field(description="for people, in the language asked for")
    departments: list[NamedDepartment] = Field(
        default=[],
        description="of `department_is_on` that does not hold: which are turned off, of those that whoever asks sees",
    )


class Explanation(Shape):
    """Whether somebody can do something, and why. It is allowed when every reason holds."""

    permission: str
    departmentId: RowId | None = Field(description="what was asked about; null for none")
    allowed: bool
    isGlobal: bool = Field(description="an administrator's sight is not bound to a department")
    seesAssignedOnly: bool = Field(description="of the board's tasks it sees those assigned to it")
    reasons: list[Reason]


class UserExplanation(Explanation):
    """That of an account."""

    userId: RowId


class ApplicationExplanation(Explanation):
    """That of an application."""

    applicationId: RowId


class Tokens(Shape):
    """What a sign-in gives."""

    token: str = Field(description="the access token: send it as `Authorization: Bearer ...`")
    expiresIn: Count = Field(description="its life, in seconds")
    refreshToken: str | None = Field(
        description="good for one refresh; null in a replay by `Idempotency-Key`, since a secret is not shown twice"
    )


class Access(Tokens):
    """An account that signed in."""

    user: User
    warnings: list[FieldFault] = Field(default=[], description="what production would have refused")


class Nothing(Shape):
    """Nothing more to say."""


class LiveTicket(Shape):
    """What opens one WebSocket."""

    ticket: str = Field(description="send it as `GET /api/ws?ticket=`, once")
    expiresAt: Instant


class Health(Shape):
    """A health check."""

    status: Literal["ok", "disabled"]


class HealthV1(Shape):
    """A health check in the envelope of `/api/v1`, with the members of `data` beside it, too."""

    success: Literal[True]
    message: str
    data: Health
    timestamp: Instant
    status: Literal["ok", "disabled"]


class Up(Shape):
    """A health check in seed 004's words."""

    status: Literal["up"]
    timestamp: Instant


class HealthOfV1(Shape):
    """A health check in the envelope of `/v1`."""

    code: Literal[0]
    message: str
    data: Up


class Readiness(Shape):
    """What this node needs: `ok`, or the code of the error it met."""

    status: Literal["ok", "unavailable"]
    database: str
    queue: str
    stopping: bool


class QueueLane(Shape):
    """One lane of the writer."""

    name: str
    queueLength: Count
    inBatch: Count


class QueueStatus(Shape):
    """The queue service of this moment. What is not described here is for operators and may change."""

    model_config = ConfigDict(frozen=True, extra="allow")

    queueLength: Count = Field(description="commands that wait for a batch")
    processing: bool = Field(description="whether a batch is being written")
    accepted: Count = Field(description="commands taken and not yet answered")
    lanes: list[QueueLane]
    uptimeS: float
    database: str
    durability: str
    epoch: Count


class QueueStatusAnswer(Shape):
    """The queue service's answer, passed on."""

    success: Literal[True]
    data: QueueStatus


class _Fault(Shape):
    errorCode: str = Field(description="stable; what a program should look at")
    message: str = Field(description="for people, in the language asked for")
    requestId: str
    retryable: bool = Field(description="whether the same request may succeed later")
    outcome: Literal["not_applied", "applied", "unknown"] = Field(description="what became of the write")
    detail: str = Field("", description="more about it, in English")
    errors: list[FieldFault] = Field(default=[], description="the members at fault")
    current: dict[str, Any] = Field(
        default={}, description="of a conflict of versions or states: the object as it is now"
    )
    possible: list[str] = Field(default=[], description="of a wrong state: the operations that this one allows")
    usedBy: dict[str, Count] = Field(default={}, description="of what is in use: how many need it, by kind")


class Error(_Fault):
    """An error of the `/api` door."""

    error: Literal[True]
    statusCode: int


class ErrorV1(_Fault):
    """An error of the `/api/v1` door."""

    success: Literal[False]
    data: None
    timestamp: Instant


class ErrorOfV1(_Fault):
    """An error of the `/v1` door."""

    code: Literal[4001, 4003, 4004, 5000]
    data: None


class Accepted(Shape):
    """A write that is stored and will be applied."""

    operationId: str
    status: Literal["accepted"]


class StoredWrite(Shape):
    """A write that was answered 202, and what became of it."""

    operationId: str
    type: str = Field(description="the command, such as `create-task`")
    status: Literal["accepted", "applied", "refused"]
    createdAt: Instant
    endedAt: Instant | None
    statusCode: int | None = Field(description="of the answer it would have had; null while it waits")
    result: Task | DeletedTask | None = Field(description="the task, of a write that was applied")
    error: Error | None = Field(description="why it was refused")


class AuditActor(Shape):
    """Who did it. `name` is the user name they had then."""

    kind: ActorKind = Field(
        description="a person, a program, somebody who was not signed in, or the queue service itself"
    )
    id: RowId | None
    name: str | None


class AuditEntry(Shape):
    """One line of the audit log."""

    id: RowId
    at: Instant
    actor: AuditActor
    action: str = Field(examples=["user.update"])
    entity: str = Field(examples=["user"])
    entityId: RowId
    departmentId: RowId | None = Field(description="where what it is about belongs; null: nowhere")
    before: dict[str, Any] | None = Field(description="what it was; null: it was not there. Secrets are `***`")
    after: dict[str, Any] | None = Field(description="what it is; null: it is there no more")
    reason: str | None = Field(description="`X-Reason` of the request")
    requestId: str
    node: str = Field(description="the API node that it came by, `host:port`; empty: none")
    seal: str | None = Field(description="SHA-256 of the seal before it and of this entry; null: not sealed yet")


class AuditList(NumberedPage):
    """One page of the audit log."""

    items: list[AuditEntry] = Field(alias="list")
