"""What is promised of the audit log."""

from typing import Final

from tests.mutants.mutant import Mutant

_LOG: Final = "tests/integration/test_audit.py"
_DOOR: Final = "tests/contract/test_audit.py"
_CHAIN: Final = "shared/audit.py"

MUTANTS: Final = (
    Mutant(
        "a change is not put on record",
        "queue_service/writer/batch.py",
        "        audit_log.append(tx, entries),\n",
        "        audit_log.append(tx, []),\n",
        (f"{_LOG}::test_every_change_of_people_and_configuration_is_put_on_record",),
    ),
    Mutant(
        "a secret is put on record",
        "queue_service/domain/accounts.py",
        '        shown["after"] |= dict.fromkeys(secrets, "***")\n',
        '        shown["after"] |= dict.fromkeys(secrets, after[0].password)\n',
        (f"{_LOG}::test_every_change_of_people_and_configuration_is_put_on_record",),
    ),
    Mutant(
        "a seal passes a batch that is open",
        "queue_service/writer/eventlog.py",
        "        return min((ids.start for ids in open_ids if ids), default=self._last_audit_id + 1)\n",
        "        return self._last_audit_id + 1\n",
        (f"{_LOG}::test_no_seal_passes_a_batch_that_is_open",),
    ),
    Mutant(
        "entries of a lost COMMIT are taken for rolled back",
        "queue_service/writer/doubt.py",
        "            if in_doubt and (reservation.events or reservation.audit_ids):\n",
        "            if in_doubt and reservation.events:\n",
        (f"{_LOG}::test_entries_in_doubt_are_asked_of_the_database_also_without_an_event",),
    ),
    Mutant(
        "a seal says nothing of who did it",
        _CHAIN,
        "for value in astuple(entry)]",
        "for value in astuple(entry)[4:]]",
        (f"{_LOG}::test_whatever_is_done_to_a_sealed_entry_is_found",),
    ),
    Mutant(
        "a seal says nothing of the one before it",
        _CHAIN,
        'hashlib.sha256(previous.encode() + b"\\n" + dumps(said))',
        "hashlib.sha256(dumps(said))",
        (f"{_LOG}::test_whatever_is_done_to_a_sealed_entry_is_found",),
    ),
    Mutant(
        "a chain that was made anew passes for the old one",
        "cli/audit.py",
        "            verdict.has_expected |= seal == expected\n",
        "            verdict.has_expected = True\n",
        (f"{_LOG}::test_a_seal_that_was_kept_elsewhere_is_looked_for",),
    ),
    Mutant(
        "an id of the audit log is used twice",
        "queue_service/store/audit.py",
        "    return max(int(number or 0) for number in found)\n",
        "    return int(found[0] or 0)\n",
        (f"{_LOG}::test_a_log_that_lost_its_end_never_uses_an_id_twice",),
    ),
    Mutant(
        "an idle sealer asks the database",
        "queue_service/loops/seal.py",
        "        if newest is not None and looked_up_to >= below - 1:\n",
        "        if False:\n",
        (f"{_LOG}::test_an_idle_daemon_does_not_look_for_entries",),
    ),
    Mutant(
        "an auditor reads of every department",
        "api_node/queries/audit.py",
        "    if not viewer.is_global:\n",
        "    if viewer.is_global:\n",
        (f"{_DOOR}::test_nobody_reads_of_another_department_or_of_none",),
    ),
    Mutant(
        "an export ends before its end",
        "api_node/operators/audit.py",
        "            if len(entries) < EXPORTED_AT_ONCE:\n",
        "            if len(entries) <= EXPORTED_AT_ONCE:\n",
        (f"{_DOOR}::test_an_export_goes_on_past_what_is_read_at_once",),
    ),
    Mutant(
        "a reason gets lost on the way",
        "api_node/forward.py",
        '        command["reason"] = why\n',
        "        pass\n",
        (f"{_DOOR}::test_a_reason_may_be_sent_as_it_is_typed",),
    ),
)
