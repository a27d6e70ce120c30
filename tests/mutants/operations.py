"""Promises about operations (`Prefer: respond-async`) and about trouble with the database."""

from typing import Final

from tests.mutants.mutant import Mutant

_BATCH: Final = "queue_service/writer/batch.py"
_DEFERRED: Final = "tests/integration/test_deferred.py"
_TROUBLE: Final = "tests/integration/test_deferred_trouble.py"
_DEFERRED_CODE: Final = "queue_service/writer/deferred.py"

MUTANTS: Final = (
    Mutant(
        "a deferred command is answered and not stored",
        _DEFERRED_CODE,
        "            await operations.store(tx, self._new, now)\n",
        "            pass\n",
        (_DEFERRED,),
    ),
    Mutant(
        "what is stored is not taken up by the next leader",
        "queue_service/service.py",
        "            self.intake.resume(command)\n",
        "            pass\n",
        (_TROUBLE,),
    ),
    Mutant(
        "a deferred command is given up when the database fails",
        _DEFERRED_CODE,
        "isinstance(result, Unavailable) and self.is_open()",
        "False",
        (_TROUBLE,),
    ),
    Mutant(
        "an operation is given up for an error that nobody listed",
        "queue_service/store/faults.py",
        "    return Fault.PERMANENT if code in _PERMANENT or isinstance(cause, _ABOUT_VALUES) else Fault.PASSING\n",
        "    return Fault.PASSING if code in (1040, 1213) else Fault.PERMANENT\n",
        (_TROUBLE,),
    ),
    Mutant(
        "a bad greeting is a mistake of ours",
        "shared/db/driver.py",
        '    return any(name.partition(".")[0] in _DRIVERS for name in names)\n',
        "    return not names\n",
        ("tests/integration/test_bad_greetings.py",),
    ),
    Mutant(
        "a cancelled statement leaves its answer to the next one",
        "queue_service/store/session.py",
        "            await self._undo(tx, keep_connection=False)\n",
        "",
        ("tests/integration/test_outages_of_the_database.py",),
    ),
    Mutant(
        "what is stored is refused at the door and waits all the same",
        _BATCH,
        "if command.deferral is not None and deferrals.awaits(command, stored):",
        "if False:",
        (_TROUBLE,),
    ),
    Mutant(
        "what may be stored is let go when there is no database",
        _DEFERRED_CODE,
        "            result = OutcomeUnknown()  # the database went away while it waited to be looked for\n",
        "            pass\n",
        (_TROUBLE,),
    ),
    Mutant(
        "the refusal of a deferred command is not stored",
        _BATCH,
        "        applied += deferrals.refused(ends, stored)\n",
        "",
        (_DEFERRED,),
    ),
    Mutant(
        "a refused operation is judged anew under its key",
        _BATCH,
        "    if stored.is_refusal:\n        raise error_from_wire(stored.data)\n",
        "",
        (_DEFERRED,),
    ),
    Mutant(
        "storing a command waits for the rows it will change",
        "queue_service/writer/rows.py",
        "        return Needs()\n    return KINDS",
        "        pass\n    return KINDS",
        (_TROUBLE,),
    ),
    Mutant(
        "a stored command under the same key is not noticed",
        _DEFERRED_CODE,
        "await operations.find(tx, asking) if asking else {}",
        "{}",
        (_DEFERRED,),
    ),
    Mutant(
        "an operation is shown to anybody",
        "api_node/queries/operations.py",
        ", command.actor_id == viewer.user_id)",
        ")",
        ("tests/contract/test_operations.py",),
    ),
)
