"""Promises about applications: what their keys open, what ends them, where they are never found, and why."""

from typing import Final

from tests.mutants.mutant import Mutant

_WRITER: Final = "tests/integration/test_applications.py"
_KNOWN: Final = "tests/unit/test_known_applications.py"
_DOOR: Final = "tests/contract/test_applications.py"
_MATRIX: Final = "tests/contract/test_permission_matrix.py"
_USES: Final = "tests/integration/test_secret_uses.py"
_WHY: Final = "tests/unit/test_why.py"

MUTANTS: Final = (
    Mutant(
        "any secret opens an application",
        "api_node/applications.py",
        " if hmac.compare_digest(secret.hash, digest)]",
        "]",
        (f"{_DOOR}::test_whatever_is_wrong_with_a_key_is_told_in_the_same_words",),
    ),
    Mutant(
        "a revoked secret goes on",
        "shared/applications.py",
        "(secret for secret in secrets if secret.revoked_at is None)",
        "(secret for secret in secrets)",
        (_KNOWN,),
    ),
    Mutant(
        "the second key does not work beside the first",
        "api_node/applications.py",
        "for secret in live_secrets(secrets) if",
        "for secret in live_secrets(secrets)[:1] if",
        (_KNOWN,),
    ),
    Mutant(
        "an application that is off, deleted, or of a department that is off goes on",
        "shared/policy.py",
        "    return is_effective(application, place) and not has_expired(application, now)\n",
        "    return not has_expired(application, now)\n",
        (_KNOWN,),
    ),
    Mutant(
        "an application has no end",
        "shared/principal.py",
        " and who.expires_at <= now\n",
        " and False\n",
        (_KNOWN,),
    ),
    Mutant(
        "the writer lets an application act past its time",
        "queue_service/writer/batch.py",
        " or has_expired(actor.who, now):",
        ":",
        (f"{_WRITER}::test_an_application_acts_within_its_scopes_its_department_and_its_time",),
    ),
    Mutant(
        "what is heard of an application is not acted on",
        "api_node/applications.py",
        "            self.forget(who.number)\n",
        "            pass\n",
        (_KNOWN,),
    ),
    Mutant(
        "a change of an application is told as a person's",
        "shared/rights_news.py",
        '        return ApplicationId(event["id"])\n',
        '        return int(event["id"])\n',
        ("tests/unit/test_live_events.py",),
    ),
    Mutant(
        "what is remembered is believed for ten seconds",
        "api_node/remembered.py",
        "BELIEVED_FOR_S: Final = 3.0\n",
        "BELIEVED_FOR_S: Final = 10.0\n",
        (_KNOWN, "tests/unit/test_remembered_sessions.py"),
    ),
    Mutant(
        "a third secret is made",
        "queue_service/commands/application_secrets.py",
        "    if len(live_secrets(before.secrets)) >= MOST_SECRETS:\n",
        "    if False:\n",
        (_WRITER,),
    ),
    Mutant(
        "a secret is revoked by whoever names it",
        "queue_service/commands/application_secrets.py",
        "next((one for one in live_secrets(before.secrets) if one.id == data.secretId), None)",
        "working.secrets.get(data.secretId)",
        (_WRITER,),
    ),
    Mutant(
        "somebody gives a scope that they lack",
        "queue_service/commands/applications.py",
        "    if actor is not None and not may_give_scopes(actor, scopes):\n",
        "    if False:\n",
        (_WRITER,),
    ),
    Mutant(
        "somebody gets a key for what may do more than they",
        "queue_service/domain/applications.py",
        "    if actor is not None and not may_give_scopes(actor, permissions_of(application.scope_ids)):\n",
        "    if False:\n",
        (_WRITER,),
    ),
    Mutant(
        "who sees only what is assigned to them makes a program that sees it all",
        "shared/policy.py",
        "    return holds_all(viewer, scopes) and not viewer.sees_assigned_only\n",
        "    return holds_all(viewer, scopes)\n",
        (_WRITER,),
    ),
    Mutant(
        "an application is an administrator",
        "shared/principal.py",
        "        is_global=is_active and is_person and place.role_code == ADMINISTRATOR,\n",
        "        is_global=is_active and (not is_person or place.role_code == ADMINISTRATOR),\n",
        (_KNOWN,),
    ),
    Mutant(
        "an application is taken for the person of its number",
        "shared/principal.py",
        "        return self.who.id if isinstance(self.who, User) else ApplicationId(self.who.id)\n",
        "        return self.who.id\n",
        (_KNOWN,),
    ),
    Mutant(
        "a person's idempotency key is an application's",
        "shared/wire.py",
        '    return str(actor.id) if isinstance(actor.id, ApplicationId) else f"user:{actor.id}"\n',
        '    return f"user:{actor.applicationId or actor.userId}"\n',
        (f"{_WRITER}::test_a_person_and_an_application_of_one_number_share_no_key_and_no_name",),
    ),
    Mutant(
        "a key does what is for people alone",
        "api_node/routes.py",
        "            if entry.people_only and isinstance(viewer.id, ApplicationId):\n",
        "            if False:\n",
        (f"{_MATRIX}::test_what_is_for_people_alone_refuses_every_key",),
    ),
    Mutant(
        "a key makes keys",
        "queue_service/domain/applications.py",
        "    if isinstance(command.actor_id, ApplicationId):\n        raise PeopleOnly\n",
        "",
        (f"{_WRITER}::test_what_needs_a_person_refuses_an_application",),
    ),
    Mutant(
        "an application of another department is there",
        "shared/policy.py",
        "has_permission(viewer, Permission.APPLICATION_MANAGE) and sees_department(viewer, path)",
        "has_permission(viewer, Permission.APPLICATION_MANAGE)",
        (f"{_MATRIX}::test_another_departments_object_is_byte_for_byte_one_that_does_not_exist",),
    ),
    Mutant(
        "the list of applications tells of another department",
        "api_node/queries/applications.py",
        "    if not viewer.is_global:\n",
        "    if False:\n",
        (f"{_MATRIX}::test_no_list_and_no_count_tells_of_another_department",),
    ),
    Mutant(
        "a key is shown a second time, and another one at that",
        "api_node/operators/applications.py",
        'if view.pop("secretHash") == secret.hash else None',
        'if view.pop("secretHash") else None',
        (f"{_DOOR}::test_a_repeated_request_makes_one_application_and_shows_its_key_no_second_time",),
    ),
    Mutant(
        "the key itself is stored",
        "api_node/application_keys.py",
        "        return hashlib.sha256(self.text.encode()).hexdigest()\n",
        "        return hashlib.sha256(self.text.encode()).hexdigest() if False else self.text.encode().hex()[:64]\n",
        ("tests/unit/test_application_keys.py",),
    ),
    Mutant(
        "a key is written to the log",
        "shared/logs.py",
        '    r"|\\bcon_\\d+_\\w+"  # an application\'s key\n',
        "",
        ("tests/unit/test_logs.py", f"{_DOOR}::test_a_key_is_found_in_no_table_and_in_no_log"),
    ),
    Mutant(
        "a department goes with an application in it",
        "queue_service/domain/workingset.py",
        '            applications=found.applications + self._more(Application, "department_id", department_id),\n',
        "",
        (f"{_WRITER}::test_a_department_with_an_application_in_it_stays",),
    ),
    Mutant(
        "a permission that is turned off stays with an application for the rest of the batch",
        "queue_service/domain/workingset.py",
        "    return without | {permission.id} if permission.status == ON and permission.id in granted else without\n",
        "    return without | {permission.id} if permission.id in granted else without\n",
        (f"{_WRITER}::test_what_takes_its_right_away_holds_for_the_rest_of_the_batch",),
    ),
    Mutant(
        "a department that is turned off leaves its applications on for the rest of the batch",
        "queue_service/domain/workingset.py",
        "            if application.department_id == after.id:\n",
        "            if False:\n",
        (f"{_WRITER}::test_what_takes_its_right_away_holds_for_the_rest_of_the_batch",),
    ),
    Mutant(
        "every use is written",
        "queue_service/commands/application_secrets.py",
        "at - secret.last_used_at < LAST_USE_EVERY)",
        "False)",
        (f"{_WRITER}::test_a_last_use_is_written_once_a_minute_and_never_ahead_of_our_clock",),
    ),
    Mutant(
        "every use is told",
        "api_node/secret_uses.py",
        "        if known and now - max(known) < TOLD_EVERY:\n",
        "        if False:\n",
        (_USES,),
    ),
    Mutant(
        "a use that could not be told is lost for a minute",
        "api_node/secret_uses.py",
        "                self._told.pop(secret_id, None)\n",
        "                pass\n",
        (_USES,),
    ),
    Mutant(
        "a reason is left out",
        "api_node/why.py",
        '    reasons += [("permission_is_on", is_on), ("is_granted", is_granted)]\n',
        '    reasons += [("is_granted", is_granted)]\n',
        (_WHY,),
    ),
    Mutant(
        "an account may by one condition fewer than is told",
        "shared/principal.py",
        '        ("is_on", who.status == ON),\n',
        "",
        ("tests/contract/test_applications.py::test_why_a_program_can_or_cannot_is_told_to_its_managers_and_itself",),
    ),
)
