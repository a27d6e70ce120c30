"""What is wrong with a member of a body, said to a person."""

import pytest

from shared.account_commands import NewUser
from shared.commands import validated
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("member", "given", "said"),
    [
        ("email", "somebody", "is not an e-mail address"),
        ("email", "some body@example.com", "is not an e-mail address"),
        ("username", "<admin>", "has a form or a character it cannot have"),
        ("phone", "call me", "has a form or a character it cannot have"),
        ("phone", "", "String should have at least 1 character"),
    ],
)
def test_nobody_has_to_read_a_pattern(member: str, given: str, said: str) -> None:
    good = {"username": "ada", "realName": "Ada", "departmentId": 1, "roleId": 2, "status": 1}
    with pytest.raises(Invalid) as refused:
        validated(NewUser, good | {"passwordHash": "$argon2id$", member: given})
    assert [(error.field, error.message) for error in refused.value.errors] == [(member, said)]
