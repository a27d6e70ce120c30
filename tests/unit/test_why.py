"""The reasons that are told are those the decision is made of: whatever is on or off, the two agree."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from api_node.openapi.answers import Reason
from api_node.why import judge, told
from shared.applications import Application, place_of
from shared.messages import Language
from shared.model import User
from shared.organisation import ADMINISTRATOR, EMPLOYEE, OFF, ON, PermissionRow, Place
from shared.permissions import ID_OF, Permission
from shared.policy import has_permission, is_admitted, sees_department
from shared.principal import is_effective, principal_of
from tests.support.people import NOW, account, place

CODE = Permission.QUEUE_MANAGE
SWITCHES = list(product((ON, OFF), repeat=5))


def row(status: int) -> PermissionRow:
    return PermissionRow(ID_OF[CODE], CODE, "", None, status, 1, NOW, NOW)


def standing(role_code: str | None, *, role: int, department: int, granted: int, permission: int, path: str) -> Place:
    given = frozenset({ID_OF[CODE]} if granted else ())
    return replace(
        place(role_code, path=path, is_on=department),
        role_status=role,
        permission_ids=given,
        enabled_ids=given if permission else frozenset(),
    )


@pytest.mark.parametrize("role_code", [ADMINISTRATOR, EMPLOYEE, None])
def test_an_account_may_exactly_when_every_reason_holds(role_code: str | None) -> None:
    for (status, role, department, granted, permission), is_deleted, about in product(
        SWITCHES, (False, True), (None, "/1/5/7/", "/2/")
    ):
        who = account(2, status=status, deleted_at=NOW if is_deleted else None)
        where = standing(
            role_code, role=role, department=department, granted=granted, permission=permission, path="/1/5/"
        )
        verdict = judge(who, where, row(permission), NOW, about)
        principal = principal_of(who, where)
        decided = is_effective(who, where) and has_permission(principal, CODE)
        decided = decided and (about is None or sees_department(principal, about))
        assert verdict.is_allowed == decided == all(holds for _, holds in verdict.reasons)
        assert verdict.is_global == principal.is_global


def test_an_application_may_exactly_when_every_reason_holds() -> None:
    for (status, _, department, granted, permission), expires_in_s, about in product(
        SWITCHES, (None, -1, 0, 1), (None, "/1/5/", "/1/")
    ):
        given = frozenset({ID_OF[CODE]} if granted else ())
        until = None if expires_in_s is None else NOW + timedelta(seconds=expires_in_s)
        who = Application(
            id=1,
            name="ci",
            description=None,
            department_id=5,
            status=status,
            expires_at=until,
            created_by_user_id=1,
            version=1,
            created_at=NOW,
            updated_at=NOW,
            scope_ids=given,
            enabled_ids=given if permission else frozenset(),
        )
        where = place_of(who, department_name="x", path="/1/5/", department_enabled=department)
        verdict = judge(who, where, row(permission), NOW, about)
        principal = principal_of(who, where)
        decided = is_admitted(who, where, NOW) and has_permission(principal, CODE)
        decided = decided and (about is None or sees_department(principal, about))
        assert verdict.is_allowed == decided == all(holds for _, holds in verdict.reasons)
        assert not verdict.is_global


@pytest.mark.parametrize("who", [account(2), "an application"])
def test_every_reason_has_words_in_both_languages_and_a_place_in_the_document(who: User | str) -> None:
    documented = get_args(Reason.model_fields["code"].annotation)
    program = Application(1, "ci", None, 1, ON, None, None, 1, NOW, NOW)
    subject = program if isinstance(who, str) else who
    verdict = judge(subject, place(None), row(ON), NOW, "/1/")
    for name, _ in verdict.reasons:
        assert name in documented
        said = {
            told((name, holds), place(None), CODE, is_person=subject is not program, language=language)
            for holds, language in product((True, False), get_args(Language))
        }
        assert len(said) == 4
        assert not any("{" in words for words in said)
