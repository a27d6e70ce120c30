"""Promises of the board's lists and stats."""

from typing import Final

from tests.mutants.mutant import Mutant

_LISTS: Final = "tests/integration/test_board_lists.py"
_LISTS_CODE: Final = "api_node/queries/tasks.py"

MUTANTS: Final = (
    Mutant(
        "a cursor does not break ties by id",
        _LISTS_CODE,
        "and_(column == place.value, beyond(_c.id, place.id))",
        "column < column",
        (_LISTS,),
    ),
    Mutant(
        "text is a pattern",
        _LISTS_CODE,
        "autoescape=True",
        "autoescape=False",
        (_LISTS,),
    ),
    Mutant(
        "a list is counted without its filters",
        _LISTS_CODE,
        "await _count(connection, asked)",
        "await _count(connection, _visible_to(viewer))",
        (_LISTS,),
    ),
    Mutant(
        "a cursor is taken for any list",
        "api_node/console/task_query.py",
        "if digest != _digest(wanted):",
        "if False:",
        ("tests/contract/test_lists.py",),
    ),
    Mutant(
        "an unknown parameter is ignored",
        "api_node/console/task_query.py",
        '    require_known(request, known, repeatable=("status",))\n',
        "",
        ("tests/contract/test_lists.py",),
    ),
    Mutant(
        "everybody counts the whole board",
        "api_node/queries/task_stats.py",
        "    asked = matching(viewer, wanted)\n",
        "    import dataclasses\n    asked = matching(dataclasses.replace(viewer, is_global=True), wanted)\n",
        ("tests/contract/test_stats.py",),
    ),
)
