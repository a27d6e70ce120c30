"""Promises about accounts, sign-ins and throttling."""

from typing import Final

from tests.mutants.mutant import Mutant

_SIGN_IN: Final = "tests/integration/test_sign_in.py"
_THROTTLING: Final = "tests/unit/test_throttling.py"

MUTANTS: Final = (
    Mutant(
        "a token used twice leaves its family alive",
        "queue_service/commands/sessions.py",
        "    return Decision(TokenReused(), [Change(session, after)], [session_ended(command, after)])\n",
        "    return Decision(TokenReused(), [], [session_ended(command, after)])\n",
        (_SIGN_IN,),
    ),
    Mutant(
        "a made-up token ends a session",
        "queue_service/commands/sessions.py",
        "session.user_id != user.id or session.family_hash != data.familyHash:",
        "session.user_id != user.id:",
        (_SIGN_IN,),
    ),
    Mutant(
        "a tab that is a token or two behind ends the family",
        "queue_service/commands/sessions.py",
        "    if session.rotated_at is not None and",
        "    if False and session.rotated_at is not None and",
        (_SIGN_IN,),
    ),
    Mutant(
        "one's own e-mail wants no password",
        "queue_service/commands/users.py",
        '        is_needed = command.actor_id == user.id and "email" in data.updates.model_fields_set\n',
        "        is_needed = False\n",
        (_SIGN_IN,),
    ),
    Mutant(
        "a wrong present password is not counted",
        "queue_service/commands/users.py",
        "[counted(working, check.subject, BY_ACCOUNT, now)]",
        "[]",
        (_SIGN_IN,),
    ),
    Mutant(
        "failures never leak away",
        "shared/throttling.py",
        "    still_held = max(throttle.failures - leaked, 0)\n",
        "    still_held = throttle.failures\n",
        (_THROTTLING,),
    ),
    Mutant(
        "failing often enough stops the leak",
        "shared/throttling.py",
        "min(throttle.updated_at + leaked * allowance.leaks_every, now) if still_held else now",
        "now",
        (_THROTTLING,),
    ),
    Mutant(
        "one address takes every place to sign in at",
        "api_node/passwords.py",
        "        if self._waiting[address] >= MAX_WAITING_OF_ONE:\n",
        "        if False:\n",
        ("tests/unit/test_passwords.py",),
    ),
    Mutant(
        "a logout of another sign-in is taken for a repetition",
        "api_node/console/auth.py",
        '"end-session", command.model_dump(), actor=found.user, takes_key=False)',
        '"end-session", command.model_dump(), actor=found.user)',
        ("tests/contract/test_sessions.py::test_an_idempotency_key_has_no_say_in_a_logout",),
    ),
    Mutant(
        "an answer that is given again opens a sign-in that is over",
        "api_node/console/auth.py",
        "found is None or not is_signed_in(found.session, found.user, node.clock.now()):",
        "found is None:",
        ("tests/contract/test_sessions.py::test_a_replay_opens_no_sign_in_that_is_over",),
    ),
    Mutant(
        "strangers keep an owner from changing the password",
        "api_node/attempts.py",
        'f"current-password:{user.id}"',
        'f"account:{user.email}"',
        ("tests/contract/test_users.py::test_who_is_signed_in_changes_their_password_whatever_strangers_guess",),
    ),
    Mutant(
        "failed sign-ins are not counted",
        "queue_service/commands/sign_in.py",
        "    return Decision(BadCredentials(), changes)\n",
        "    return Decision(BadCredentials(), changes[:0])\n",
        (_SIGN_IN,),
    ),
    Mutant(
        "a block does not hold for the right password",
        "queue_service/commands/sign_in.py",
        "    require_unblocked(working, _all(data.subjects), now)\n    user =",
        "    user =",
        (_SIGN_IN,),
    ),
    Mutant(
        "the epoch of a session is not compared",
        "shared/policy.py",
        " and session.user_epoch == user.session_epoch\n",
        "\n",
        ("tests/contract/test_sessions.py::test_logout_ends_this_sign_in_and_everywhere_ends_them_all",),
    ),
    Mutant(
        "what was remembered outlives what was forgotten meanwhile",
        "api_node/sessions.py",
        "        self._forgotten += 1\n        self._read.pop(session_id, None)\n",
        "        self._read.pop(session_id, None)\n",
        ("tests/unit/test_remembered_sessions.py",),
    ),
    Mutant(
        "the last administrator goes",
        "queue_service/commands/users.py",
        '    if after.role != "admin" and before.role == "admin" and not working.administrators - {before.id}:\n',
        "    if False:\n",
        (_SIGN_IN,),
    ),
)
