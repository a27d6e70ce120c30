"""Who may do what. Pure functions: the node asks them before it forwards, the writer asks them again in the batch.

A permission is asked for by route and by command; whether an object exists for somebody is asked of the object. What
one may not see is not there (404); what one sees and may not touch is 403. Seed 000's rules: an administrator sees
everything, an employee sees and changes what is assigned to them. Seed 004's: everybody else sees their department and
below.
"""

from collections.abc import Set
from datetime import datetime

from shared.actor import ApplicationId
from shared.applications import Application
from shared.model import Task, User, UserSession
from shared.organisation import ADMINISTRATOR, Place, Role, is_below
from shared.permissions import Permission, permissions_of
from shared.principal import Principal, has_expired, is_effective


def has_permission(viewer: Principal, permission: Permission) -> bool:
    """Whether somebody holds a right now. The one function that every door asks."""
    return permission in viewer.permissions


def sees_department(viewer: Principal, path: str) -> bool:
    """Whether what is in a department exists for somebody: all does for an administrator, else their own and below."""
    return viewer.is_global or is_below(path, viewer.path)


def sees_task(viewer: Principal, task: Task, path: str) -> bool:
    """Whether a task, in the department of `path`, exists for somebody; a deleted one exists for nobody."""
    return task.deleted_at is None and sees_tasks_of(viewer, task.assigned_to_user_id, path)


def sees_tasks_of(viewer: Principal, assignee_id: int | None, path: str) -> bool:
    """Whether tasks of a department that are assigned to this person (None: to nobody) exist for somebody. What is
    assigned to them does, wherever it comes from."""
    if assignee_id == viewer.id:
        return True
    return viewer.is_global or (not viewer.sees_assigned_only and is_below(path, viewer.path))


def sees_user(viewer: Principal, user: User, path: str) -> bool:
    """Whether an account, in the department of `path`, exists for somebody: their own does, and to who manages accounts
    those of their department and below."""
    manages = has_permission(viewer, Permission.USER_MANAGE) and sees_department(viewer, path)
    return user.deleted_at is None and (viewer.id == user.id or manages)


def holds_all(viewer: Principal, permissions: Set[Permission]) -> bool:
    """Whether somebody could grant these rights: nobody grants, or takes away, what they do not have."""
    return viewer.is_global or permissions <= viewer.permissions


def may_grant(viewer: Principal, role: Role) -> bool:
    """Whether somebody may give a role to others, change it, or take it away."""
    if role.code == ADMINISTRATOR:
        return viewer.is_global
    return holds_all(viewer, permissions_of(role.permission_ids))


def may_manage(viewer: Principal, place: Place) -> bool:
    """Whether somebody may change the account of a person in this place: not one that can do more than they can."""
    if place.role_code == ADMINISTRATOR:
        return viewer.is_global
    return holds_all(viewer, permissions_of(place.permission_ids))


def sees_application(viewer: Principal, application: Application, path: str) -> bool:
    """Whether an application, in the department of `path`, exists for somebody: itself it does, and to who manages
    applications those of their department and below."""
    manages = has_permission(viewer, Permission.APPLICATION_MANAGE) and sees_department(viewer, path)
    return application.deleted_at is None and (viewer.id == ApplicationId(application.id) or manages)


def may_give_scopes(viewer: Principal, scopes: Set[Permission]) -> bool:
    """Whether somebody may let a program act with these rights, or change one that does: nobody hands on what they do
    not have. Nor does who sees only the tasks assigned to them: a program sees all of its department."""
    return holds_all(viewer, scopes) and not viewer.sees_assigned_only


def is_admitted(application: Application, place: Place, now: datetime) -> bool:
    """Whether the keys of an application open anything: it may act at all, and its time is not over."""
    return is_effective(application, place) and not has_expired(application, now)


def is_signed_in(session: UserSession, user: User, place: Place, now: datetime) -> bool:
    """Whether a session holds: neither ended nor expired, nor all sessions of the person, and they may act at all."""
    is_over = session.ended_at is not None or session.expires_at <= now
    return not is_over and session.user_epoch == user.session_epoch and is_effective(user, place)
