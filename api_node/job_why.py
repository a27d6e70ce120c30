"""Why a job is not running, or what it does instead: the one fact that stands in its way, for programs by name and for
people in a sentence.

What a row says comes from the database, what units do from the job engine, which alone knows. One reason is given, the
first that holds: with that out of the way, the next one shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from shared.clock import iso
from shared.jobs import Intervention, Job, intervention_view, is_by_hand, reason_of
from shared.jsonio import loads
from shared.messages import Language
from shared.queues import Allowance, Queue
from shared.units import Outlook

Reason = Literal[
    "scheduled",
    "retry_wait",
    "snoozed",
    "no_unit",
    "no_unit_online",
    "queue_unreachable",
    "queue_paused",
    "queue_full",
    "rate_limited",
    "units_busy",
    "behind_others",
    "not_claimed",
    "next",
    "running",
    "run_by_hand",
    "paused",
    "completed",
    "cancelled",
    "attempts_spent",
    "not_retryable",
    "quarantined",
    "outcome_unknown",
    "expired",
    "deadline_exceeded",
]

_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "scheduled": ("等待预定时间 {until}", "It waits for its time, {until}"),
        "retry_wait": (
            "第 {attempt} 次执行失败，{until} 之后重试：{error}",
            "Attempt {attempt} failed, and it waits until {until} for the next one: {error}",
        ),
        "snoozed": ("执行单元要求推迟到 {until}", "Its unit asked for a delay until {until}"),
        "no_unit": (
            "该部门没有注册能执行 {type} 的执行单元",
            "No unit of its department is registered that runs {type}",
        ),
        "no_unit_online": (
            "能执行 {type} 的 {registered} 个执行单元都不在线（{draining} 个正在排空）",
            "No unit that runs {type} is online: {registered} registered, {draining} of them draining",
        ),
        "queue_unreachable": (
            "队列服务没有应答，暂时不会分配任何作业",
            "The queue service does not answer: nothing is given to anybody meanwhile",
        ),
        "queue_paused": (
            "队列 {queue} 由 {who} 于 {since} 暂停{said}",
            "{who} paused its queue {queue} at {since}{said}",
        ),
        "queue_full": (
            "队列 {queue} 最多同时执行 {most} 个作业，现已占满，前面还有 {ahead} 个作业",
            "Its queue {queue} runs at most {most} at once, and does; jobs before it: {ahead}",
        ),
        "rate_limited": (
            "队列 {queue} 每 {span} 毫秒最多开始 {most} 个作业，{until} 之前不再开始",
            "Its queue {queue} begins at most {most} in any {span} ms, and the next one at {until}",
        ),
        "units_busy": (
            "能执行 {type} 的 {online} 个在线执行单元都已满负荷，前面还有 {ahead} 个作业",
            "Every unit online that runs {type} ({online}) has as much as it may; jobs before it: {ahead}",
        ),
        "behind_others": ("前面还有 {ahead} 个作业", "Jobs before it: {ahead}"),
        "not_claimed": (
            "有 {online} 个在线执行单元能执行 {type}，但没有一个来领取作业",
            "Units that run {type} are online ({online}), and none of them asks for jobs",
        ),
        "next": ("下一个就轮到它", "It is the next one to be given"),
        "running": (
            "执行单元 {unit} 从 {since} 起正在执行，最迟到 {until}",
            "Unit {unit} has been running it since {since}, until {until} at most",
        ),
        "run_by_hand": (
            "{who} 从 {since} 起正在自己执行，最迟到 {until}",
            "{who} has been running it themselves since {since}, until {until} at most",
        ),
        "paused": ("{who} 于 {since} 暂停{said}", "{who} paused it at {since}{said}"),
        "completed": ("已于 {since} 完成", "It was completed at {since}"),
        "cancelled": ("{who} 于 {since} 取消{said}", "{who} cancelled it at {since}{said}"),
        "attempts_spent": (
            "失败了 {errors} 次，次数已用尽，最后一次：{error}",
            "It failed as often as it may ({errors}); the last time: {error}",
        ),
        "not_retryable": ("失败且不可重试：{error}", "It failed for good: {error}"),
        "quarantined": (
            "执行它的单元 {crashes} 次失去联系，已被隔离",
            "Its units went silent while they ran it, as often as they may ({crashes})",
        ),
        "outcome_unknown": (
            "执行结果未知且最多执行一次，不再重试：{error}",
            "Nobody knows how its one attempt ended: {error}",
        ),
        "expired": ("到期前没有执行单元开始执行", "No unit had begun it when it expired"),
        "deadline_exceeded": ("截止时间已过", "Its deadline is over"),
    }
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a job besides its row. `outlook` and `allowance` None: the queue service does not answer.
    `queue` None: nobody set it up. `ahead`: jobs of its kind that would be given before it, as far as anybody counts.
    `done`: the last thing that somebody did to it, of those that brought it where it is."""

    outlook: Outlook | None = None
    allowance: Allowance | None = None
    queue: Queue | None = None
    ahead: int = 0
    done: Intervention | None = None


def why(job: Job, facts: Facts, now: datetime, language: Language) -> dict[str, Any]:
    """`{status, reason, message, since, until, by, said, units, ahead}`; null where a reason has no such thing."""
    reason = _reason(job, facts, now)
    since, until = _span(job, facts, reason, now)
    waits_for_units = job.status == "PENDING" and reason not in ("scheduled", "retry_wait", "snoozed")
    shown = _doing(facts, reason)
    outlook = facts.outlook if waits_for_units else None
    words = {
        "type": job.task_type,
        "attempt": job.attempt,
        "errors": job.error_count,
        "crashes": job.crash_count,
        "error": job.error_message or "-",
        "unit": job.execution_unit_id,
        "since": since,
        "until": until,
        "ahead": facts.ahead,
        "queue": job.queue,
        "who": _name(shown["by"]),
        "said": f"{'：' if language == 'zh-CN' else ': '}{shown['reason']}" if shown["reason"] else "",
    } | (outlook.view() if outlook else {})
    if facts.queue is not None:
        is_rate = reason == "rate_limited"
        words |= {"most": facts.queue.starts if is_rate else facts.queue.concurrency, "span": facts.queue.starts_per_ms}
    return {
        "status": job.status,
        "reason": reason,
        "message": _WORDS[reason][0 if language == "zh-CN" else 1].format(**words),
        "since": since,
        "until": until,
        "by": shown["by"],
        "said": shown["reason"],
        "units": outlook.view() if outlook else None,
        "ahead": facts.ahead if waits_for_units else None,
    }


def _reason(job: Job, facts: Facts, now: datetime) -> Reason:
    if job.status == "RUNNING":
        return "run_by_hand" if is_by_hand(job) else "running"
    if job.status == "PENDING" and job.run_at <= now:
        return _of_queue(facts) or _of_units(facts)
    known = reason_of(job, now) or job.status.lower()
    reason: Reason = next(one for one in get_args(Reason) if one == known)
    return reason


def _of_queue(facts: Facts) -> Reason | None:
    """What its queue has against giving it."""
    queue, allowance = facts.queue, facts.allowance
    if queue is None:
        return None
    if queue.is_paused:
        return "queue_paused"
    if allowance is None:
        return None
    if queue.concurrency is not None and allowance.running >= queue.concurrency:
        return "queue_full"
    return None if allowance.next_start_in_s is None else "rate_limited"


def _of_units(facts: Facts) -> Reason:
    """What keeps a job that may run from being given to somebody."""
    units = facts.outlook
    if units is None:
        return "queue_unreachable"
    if not units.online:
        return "no_unit_online" if units.registered else "no_unit"
    if not units.room:
        return "units_busy"
    if facts.ahead:
        return "behind_others"
    return "next" if units.claimsWaiting else "not_claimed"


def _doing(facts: Facts, reason: Reason) -> dict[str, Any]:
    """Who did it, and why, where somebody did."""
    if reason == "queue_paused" and facts.queue is not None:
        by = facts.queue.paused_by
        return {"by": None if by is None else loads(by), "reason": facts.queue.pause_reason}
    return intervention_view(facts.done) if facts.done else {"by": None, "reason": None}


def _span(job: Job, facts: Facts, reason: Reason, now: datetime) -> tuple[str | None, str | None]:
    """Since when it is so, and until when."""
    queue, allowance = facts.queue, facts.allowance
    match reason:
        case "queue_paused" if queue is not None and queue.paused_at is not None:
            return iso(queue.paused_at), None
        case "rate_limited" if allowance is not None:
            return iso(max(job.updated_at, job.run_at)), iso(now + timedelta(seconds=allowance.next_start_in_s or 0))
        case "scheduled" | "retry_wait" | "snoozed":
            return iso(job.updated_at), iso(job.run_at)
        case "running" | "run_by_hand":
            began = job.started_at or job.updated_at
            ends = (began + timedelta(seconds=job.timeout_s), job.deadline_at)
            return iso(began), iso(min(at for at in ends if at is not None))
        case "paused":
            return iso(job.updated_at), None
        case _ if job.completed_at is not None:
            return iso(job.completed_at), None
        case _:
            return iso(max(job.updated_at, job.run_at)), None


def _name(by: Mapping[str, Any] | None) -> str:
    return "-" if by is None else str(by["name"] or by["kind"])
