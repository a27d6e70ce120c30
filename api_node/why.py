"""Why somebody can or cannot do something, in words: every condition that the decision is made of, in order.

The verdict is that of the functions which decide (`shared.policy`), and the conditions are the very ones they ask
(`shared.principal.conditions`); a test goes through all of their combinations and finds the two in agreement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from shared.applications import Application
from shared.messages import Language
from shared.model import User
from shared.organisation import ON, PermissionRow, Place
from shared.permissions import PERMISSION_OF
from shared.policy import has_permission, sees_department
from shared.principal import conditions, has_expired, principal_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is allowed, and each condition by its name, with whether it holds. All of them hold, or it is not."""

    is_allowed: bool
    is_global: bool
    sees_assigned_only: bool
    reasons: tuple[tuple[str, bool], ...]


def judge(
    who: User | Application, place: Place, permission: PermissionRow, now: datetime, department_path: str | None = None
) -> Verdict:
    """Whether somebody holds a permission now; with a path also, whether what is in that department exists for them."""
    principal = principal_of(who, place)
    is_granted = permission.id in place.permission_ids
    is_on = permission.id in place.enabled_ids if is_granted else permission.status == ON
    is_over = has_expired(who, now)
    reasons = [(name, holds) for name, holds in conditions(who, place) if isinstance(who, User) or name != "role_is_on"]
    reasons += [] if isinstance(who, User) else [("has_time_left", not is_over)]
    reasons += [("permission_is_on", is_on), ("is_granted", is_granted)]
    is_allowed = has_permission(principal, PERMISSION_OF[permission.id]) and not is_over
    if department_path is not None:
        is_in_sight = sees_department(principal, department_path)
        reasons.append(("is_in_sight", is_in_sight))
        is_allowed = is_allowed and is_in_sight
    return Verdict(is_allowed, principal.is_global, principal.sees_assigned_only, tuple(reasons))


def told(reason: tuple[str, bool], place: Place, permission: str, *, is_person: bool, language: Language) -> str:
    """One condition as a sentence."""
    name, holds = reason
    words = _WORDS[name if is_person or name != "is_granted" else "is_scope"][not holds]
    sentence = words[0] if language == "zh-CN" else words[1]
    return sentence.format(role=place.role_name, department=place.department_name, permission=permission)


_Words = tuple[tuple[str, str], tuple[str, str]]
"""In zh-CN and en: what is said when it holds, and when it does not."""

_WORDS: Final[Mapping[str, _Words]] = MappingProxyType(
    {
        "exists": (("未被删除", "It exists"), ("已被删除", "It was deleted")),
        "is_on": (("已启用", "It is on"), ("已停用", "It is turned off")),
        "role_is_on": (
            ("角色“{role}”已启用", "The role {role} is on"),
            ("角色“{role}”已停用", "The role {role} is turned off"),
        ),
        "department_is_on": (
            ("部门“{department}”及其上级均已启用", "The department {department} and all above it are on"),
            ("部门“{department}”或其上级已停用", "The department {department}, or one above it, is turned off"),
        ),
        "has_time_left": (("未过期", "Its time is not over"), ("已过期", "Its time is over (expiresAt)")),
        "permission_is_on": (
            ("权限 {permission} 已启用", "The permission {permission} is on"),
            ("权限 {permission} 已对所有人停用", "The permission {permission} is turned off for everybody"),
        ),
        "is_granted": (
            ("角色“{role}”授予 {permission}", "The role {role} grants {permission}"),
            ("角色“{role}”不授予 {permission}", "The role {role} does not grant {permission}"),
        ),
        "is_scope": (
            ("{permission} 在其范围内", "{permission} is among its scopes"),
            ("{permission} 不在其范围内", "{permission} is not among its scopes"),
        ),
        "is_in_sight": (
            ("可见该部门", "It sees that department"),
            ("只能看到部门“{department}”及其下级", "It sees the department {department} and below, and no other"),
        ),
    }
)
