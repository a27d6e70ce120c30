"""Promises about accounts, sign-ins and throttling."""

from typing import Final

from tests.mutants.mutant import Mutant

_SIGN_IN: Final = "tests/integration/test_sign_in.py"
_ORGANISATION: Final = "tests/integration/test_organisation.py"
_SERVE: Final = "    await serve(build_app(service), listener, on_stop=service.begin_stop)\n"
_COOKIE: Final = "tests/contract/test_refresh_cookie.py"
_REDIS: Final = "tests/integration/test_redis.py"
_SETTINGS: Final = "tests/unit/test_settings.py"
_MATRIX: Final = "tests/contract/test_permission_matrix.py"
_THROTTLING: Final = "tests/unit/test_throttling.py"

MUTANTS: Final = (
    Mutant(
        "a token used twice leaves its family alive",
        "queue_service/commands/sessions.py",
        "TokenReused(), [Change(session, after)],",
        "TokenReused(), [],",
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
        "        if (command.actor_id == user.id and _is_new_email(data, user)) or data.newPassword is not None:\n",
        "        if data.newPassword is not None:\n",
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
        "api_node/sign_in.py",
        '"end-session", command.model_dump(), actor=found.principal(), takes_key=False)',
        '"end-session", command.model_dump(), actor=found.principal())',
        ("tests/contract/test_sessions.py::test_an_idempotency_key_has_no_say_in_a_logout",),
    ),
    Mutant(
        "an answer that is given again opens a sign-in that is over",
        "api_node/sign_in.py",
        "found is None or not found.holds(node.clock.now()):",
        "found is None:",
        ("tests/contract/test_sessions.py::test_a_replay_opens_no_sign_in_that_is_over",),
    ),
    Mutant(
        "strangers keep an owner from changing the password",
        "api_node/attempts.py",
        'f"current-password:{user.id}"',
        'f"account-id:{user.id}"',
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
        " and session.user_epoch == user.session_epoch and is_effective",
        " and is_effective",
        ("tests/contract/test_sessions.py::test_logout_ends_this_sign_in_and_everywhere_ends_them_all",),
    ),
    Mutant(
        "what was remembered outlives what was forgotten meanwhile",
        "api_node/remembered.py",
        "        self._forgotten += 1\n        self._known.pop(key, None)\n",
        "        self._known.pop(key, None)\n",
        ("tests/unit/test_remembered_sessions.py",),
    ),
    Mutant(
        "the last administrator goes",
        "queue_service/commands/users.py",
        "    if can_administer(before, seen) and not can_administer(after, place):\n",
        "    if False:\n",
        (_SIGN_IN,),
    ),
    Mutant(
        "a permission of any other kind opens a route",
        "shared/policy.py",
        "    return permission in viewer.permissions\n",
        "    return bool(viewer.permissions)\n",
        (f"{_MATRIX}::test_with_every_other_permission_it_is_forbidden",),
    ),
    Mutant(
        "what is in another department is there",
        "shared/policy.py",
        "    return viewer.is_global or is_below(path, viewer.path)\n",
        "    return True\n",
        (f"{_MATRIX}::test_another_departments_object_is_byte_for_byte_one_that_does_not_exist",),
    ),
    Mutant(
        "a list counts what is in another department",
        "api_node/queries/departments.py",
        "    return department_id.in_(select(_c.id).where(_c.path.startswith(viewer.path)))\n",
        "    return department_id > 0\n",
        (f"{_MATRIX}::test_no_list_and_no_count_tells_of_another_department",),
    ),
    Mutant(
        "somebody gives a role that may do more than they",
        "shared/policy.py",
        "    return holds_all(viewer, permissions_of(role.permission_ids))\n",
        "    return True\n",
        (_ORGANISATION,),
    ),
    Mutant(
        "somebody sets the password of who may do more",
        "shared/policy.py",
        "    return holds_all(viewer, permissions_of(place.permission_ids))\n",
        "    return True\n",
        (_ORGANISATION,),
    ),
    Mutant(
        "a department that moves leaves those below where they were",
        "queue_service/commands/departments.py",
        "        new = replace(old, path=_path_below(parent, old.id),",
        "        new = replace(old, path=old.path,",
        (_ORGANISATION,),
    ),
    Mutant(
        "a department that is turned off leaves those below on",
        "queue_service/commands/departments.py",
        "enabled=_enabled_below(parent, old.status))\n",
        "enabled=old.enabled)\n",
        (_ORGANISATION,),
    ),
    Mutant(
        "a department goes in the batch in which somebody comes to it",
        "queue_service/domain/workingset.py",
        '            users=found.users + self._more(User, "department_id", department_id),\n',
        "            users=found.users,\n",
        (_ORGANISATION,),
    ),
    Mutant(
        "a tree is bent to a circle",
        "queue_service/commands/departments.py",
        "        if parent is not None and is_below(parent.path, before.path):\n",
        "        if False:\n",
        (_ORGANISATION,),
    ),
    Mutant(
        "a department is turned off with the last administrator in it",
        "queue_service/commands/departments.py",
        "        require_administrator_besides(working, departments=turned_off)\n",
        "        pass\n",
        (_ORGANISATION,),
    ),
    Mutant(
        "a password that was changed leaves its access tokens alive",
        "api_node/sessions.py",
        "(signed_in.user.id, signed_in.user.session_epoch) != (named.user_id, named.epoch)",
        "signed_in.user.id != named.user_id",
        ("tests/contract/test_users.py::test_a_new_password_ends_every_other_sign_in_and_wants_the_old_one",),
    ),
    Mutant(
        "production takes the seed's administrator",
        "shared/production.py",
        "    if settings.admin_password and _is_first_guess(settings):\n",
        "    if False:\n",
        (_SETTINGS,),
    ),
    Mutant(
        "production opens registration unasked",
        "shared/production.py",
        '    if "registration" not in settings.model_fields_set:\n',
        "    if False:\n",
        (_SETTINGS,),
    ),
    Mutant(
        "the administrator is made after the door has opened",
        "queue_service/__main__.py",
        f"    await ensure_administrator(service)\n{_SERVE}",
        f"{_SERVE}    await ensure_administrator(service)\n",
        ("tests/contract/test_first_administrator.py",),
    ),
    Mutant(
        "Redis is not told",
        "queue_service/redis_publisher.py",
        "            if who is not None:\n",
        "            if False:\n",
        (_REDIS,),
    ),
    Mutant(
        "what Redis says is not acted on",
        "api_node/live/live.py",
        "    return RedisNews(url, clock, on_news)\n",
        "    return RedisNews(url, clock, lambda _: None)\n",
        (_REDIS,),
    ),
    Mutant(
        "a Redis that dies is not looked for again",
        "shared/redis_link.py",
        "        retry=retry_if_exception_type(FAULTS),\n",
        "        retry=retry_if_exception_type(KeyError),\n",
        (_REDIS,),
    ),
    Mutant(
        "who is unknown costs no work",
        "api_node/sign_in.py",
        "    stored = user.password if user else None\n",
        "    if user is None:\n        return None\n    stored = user.password\n",
        ("tests/contract/test_throttling.py::test_nobody_is_told_whether_an_account_exists",),
    ),
    Mutant(
        "pages of other sites use the cookie",
        "api_node/refresh_cookie.py",
        "    if token is not None and not _is_of_this_site(request):\n",
        "    if False:\n",
        (_COOKIE,),
    ),
    Mutant(
        "scripts read the cookie",
        "api_node/refresh_cookie.py",
        "Secure; HttpOnly; SameSite",
        "Secure; SameSite",
        (_COOKIE,),
    ),
)
