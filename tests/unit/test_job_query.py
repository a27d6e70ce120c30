"""The words in which jobs are asked for."""

from datetime import timedelta
from typing import Any

import pytest

from api_node.programs.job_query import MAX_LENGTH, read_query
from api_node.queries.jobs import Beginning, JobFilter
from shared.errors import Invalid
from tests.support.jobs import NOW


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("", {}),
        ("  ", {}),
        ("report", {"words": ("report",)}),
        ('monthly "of May"', {"words": ("monthly", "of May")}),
        ("status:failed,CANCELLED", {"statuses": frozenset({"FAILED", "CANCELLED"})}),
        ("status:FAILED Status:PENDING", {"statuses": frozenset({"FAILED", "PENDING"})}),
        ("type:a,b type:c", {"task_types": ("a", "b", "c")}),
        ("type:send_*", {"task_types": (Beginning("send_"),)}),
        ('queue:"a, b"', {"queues": ("a, b",)}),
        ('queue:"a*"', {"queues": ("a*",)}),
        ("unit:worker-1", {"units": ("worker-1",)}),
        ("group:0123456789abcdef", {"groups": ("0123456789abcdef",)}),
        ('tag:x tag:"y z"', {"tags": ("x", "y z")}),
        ('error:"no route: 5" late', {"errors": ("no route: 5",), "words": ("late",)}),
        ("after:90s", {"created_after": NOW - timedelta(seconds=90)}),
        ("before:7d", {"created_before": NOW - timedelta(days=7)}),
        ("after:2025-12-31", {"created_after": NOW - timedelta(days=1)}),
        ("after:2025-12-31T08:00:00+08:00", {"created_after": NOW - timedelta(days=1)}),
        ("after:2025-12-31T00:00:00Z", {"created_after": NOW - timedelta(days=1)}),
    ],
)
def test_terms_and_text_are_told_apart(asked: str, wanted: dict[str, Any]) -> None:
    found = read_query(asked, JobFilter(), NOW)
    assert found == JobFilter(**wanted)
    kinds = [type(name) for names in (found.task_types, found.queues) for name in names]
    wanted_kinds = [type(name) for key in ("task_types", "queues") for name in wanted.get(key, ())]
    assert kinds == wanted_kinds


def test_what_was_asked_for_besides_holds_too() -> None:
    before = JobFilter(statuses=frozenset({"FAILED"}), words=("a",))
    assert read_query("b type:c", before, NOW) == JobFilter(before.statuses, task_types=("c",), words=("a", "b"))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("color:red", "color: is no term; there are status:, type:"),
        ("status:DONE", "status: is one of PENDING"),
        ("type:", "names nothing"),
        ('tag:""', "names nothing"),
        ("after:yesterday", "takes an instant, a day"),
        ("after:1h,2h", "takes an instant, a day"),
        ("after:0001-01-01T00:00:00+10:00", "takes an instant, a day"),
        ('error:"no', "without its other half"),
        ("x" * (MAX_LENGTH + 1), "at most 500"),
        ("\x00", "at most 500"),
    ],
)
def test_what_is_wrong_is_named(asked: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_query(asked, JobFilter(), NOW)
    [fault] = refused.value.errors
    assert fault.field == "q"
    assert says in fault.message
