"""What people read: one message for each error code in each language. The zh-CN words are the seeds' own.

A test asserts that every code of `shared.errors` has a message in every language.
"""

from types import MappingProxyType
from typing import Final, Literal

Language = Literal["zh-CN", "en"]

MESSAGES: Final = MappingProxyType(
    {
        "malformed_request": ("请求格式错误", "The request could not be read"),
        "unauthenticated": (
            "未登录或登录已过期，请重新登录",
            "Not signed in, or the token is no longer valid: log in again",
        ),
        "bad_credentials": ("账号或密码错误", "Wrong user name, e-mail or password"),
        "token_superseded": (
            "登录凭证已刷新，请使用最新的凭证",
            "This refresh token was rotated a moment ago: use the newest one",
        ),
        "token_reused": (
            "登录凭证已失效，请重新登录",
            "This refresh token was used before, so the sign-in it belongs to has ended: log in again",
        ),
        "too_many_attempts": (
            "尝试次数过多，请稍后重试",
            "Too many attempts: wait and try again",
        ),
        "username_taken": ("用户名已被使用", "This user name is already in use"),
        "role_name_taken": ("角色名称已存在", "There is a role of this name already"),
        "in_use": ("该对象正在被使用，无法删除", "It is in use: move or delete what `usedBy` counts first"),
        "built_in": ("系统内置，不能这样修改", "It is built in and cannot be changed in this way"),
        "last_administrator": (
            "不能移除最后一个管理员",
            "The last administrator must remain one: make somebody else an administrator first",
        ),
        "too_many_secrets": (
            "该应用已有两个有效密钥，请先撤销一个",
            "The application has two live secrets already: revoke one first",
        ),
        "forbidden": ("没有权限执行此操作", "You are not allowed to do this"),
        "people_only": (
            "此操作仅限登录用户，不接受应用密钥",
            "This is for people who are signed in: an application's key does not do it",
        ),
        "registration_closed": (
            "注册已关闭，请联系管理员",
            "Registration is closed: ask an administrator for an account",
        ),
        "not_found": ("资源不存在", "Not found"),
        "method_not_allowed": ("不支持的请求方法", "This path does not have that method"),
        "request_timeout": ("请求超时，请重试", "The request did not arrive in time: send it again"),
        "conflict": ("当前状态不允许此操作", "The current state does not allow this"),
        "email_taken": ("该邮箱已被注册", "This e-mail is already registered"),
        "stale_attempt": (
            "该次执行已失效，上报未生效",
            "This attempt no longer runs: its lease was lost, or it has ended",
        ),
        "may_have_started": (
            "最多执行一次的任务，未声明从未开始则不能交还",
            "It may run at most once: only a unit that never started it may hand it back",
        ),
        "unique_conflict": (
            "已有任务占用该唯一键",
            "Another job has this unique key: look at `current`",
        ),
        "wrong_state": (
            "任务当前状态不允许此操作",
            "The state of the job does not allow this: look at `current` and `possible`",
        ),
        "version_conflict": (
            "任务已被其他人修改，请刷新后重试",
            "Somebody else changed it first: look at the current state and try again",
        ),
        "precondition_failed": (
            "任务已被其他人修改，请刷新后重试",
            "If-Match names an older version: look at the current state and try again",
        ),
        "payload_too_large": ("请求体过大", "The request body is too large"),
        "unsupported_media_type": ("仅支持 application/json", "Send the body as application/json"),
        "head_too_large": ("请求头过大", "The request line and headers are too large"),
        "validation_failed": ("请求参数不正确", "Some fields are not valid"),
        "idempotency_mismatch": (
            "该幂等键已用于另一个请求",
            "This idempotency key was used for a different request: use a new key",
        ),
        "upgrade_required": ("此地址仅支持 WebSocket 连接", "This path takes a WebSocket and nothing else"),
        "too_many_connections": (
            "实时连接过多，请先关闭一些",
            "You have too many live connections: close one first",
        ),
        "internal": ("服务器内部错误", "Something went wrong on our side: report the request id"),
        "unavailable": ("服务暂时不可用，请稍后重试", "Unavailable for the moment: try again"),
        "queue_full": ("写入队列已满，请稍后重试", "The write queue is full: try again in a moment"),
        "shutting_down": ("服务正在关闭，请重试", "This process is shutting down: try again"),
        "database_unavailable": (
            "数据库暂时不可用，请稍后重试",
            "The database is unavailable: nothing was changed, try again",
        ),
        "queue_unreachable": (
            "队列服务不可达，请稍后重试",
            "The queue service is unreachable: nothing was changed, try again",
        ),
        "outcome_unknown": (
            "结果未知，请使用同一幂等键重试",
            "The write may have happened: send it again with the same Idempotency-Key to find out",
        ),
    }
)

_COLUMN: Final = MappingProxyType({"zh-CN": 0, "en": 1})


def message(code: str, language: Language) -> str:
    """The sentence for `code`; the general one of `internal` for a code without one."""
    return MESSAGES.get(code, MESSAGES["internal"])[_COLUMN[language]]


def choose_language(accept_language: str | None, default: Language) -> Language:
    """The first language we have in an Accept-Language header, by its weights (RFC 9110, 12.5.4)."""
    if not accept_language:
        return default
    ranked: list[tuple[float, Language]] = []
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        known: Language | None = {"zh": "zh-CN", "en": "en"}.get(tag.split("-")[0].strip().lower())  # type: ignore[assignment]
        if known:
            ranked.append((_weight(parameters), known))
    acceptable = [pair for pair in ranked if pair[0] > 0]
    return max(acceptable, key=lambda pair: pair[0])[1] if acceptable else default


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
