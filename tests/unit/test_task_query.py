"""Reading the query of a list: whatever is sent, it is understood or refused by name."""

import base64
import json
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api_node.console.task_query import OF_A_LIST, ListQuery, read_list
from api_node.queries.tasks import Place, SortKey
from shared.errors import Invalid
from tests.support.people import NOW, employee

ME = employee(7)
VALUES: dict[SortKey, Any] = {"createdAt": 12, "updatedAt": NOW, "title": '登录 "x" \x1f', "status": 3}


def _read(query: str | dict[str, str]) -> ListQuery:
    text = query if isinstance(query, str) else urlencode(query)
    return read_list(Request({"type": "http", "method": "GET", "query_string": text.encode(), "headers": []}), ME)


@pytest.mark.parametrize("key", get_args(SortKey))
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_cursor_leads_back_to_its_place(key: SortKey, sign: str) -> None:
    query = {"sort": f"{sign}{key}", "status": "done,todo", "assignee": "me", "q": "ü"}
    cursor = _read(query).cursor(Place(VALUES[key], 12))
    assert cursor is not None
    # in another order, said in other words: the same list
    other = f"q=%C3%BC&assignee=7&status=todo&status=done&cursor={cursor}&sort={sign}{key}"
    for again in (_read(query | {"cursor": cursor}), _read(other)):
        assert (again.after, again.page) == (Place(VALUES[key], 12), 2)


def test_the_last_page_has_no_cursor() -> None:
    assert _read("").cursor(None) is None


NAME = st.sampled_from([*OF_A_LIST, "x", ""])
VALUE = st.text(max_size=20) | st.sampled_from(["me", "none", "1", "title", "-title", "todo,done", "0", "²", "\ud800"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner),
    max_leaves=5,
)


def _refused(query: str) -> list[str] | None:
    """The parameters that a query is refused for; None for one that is understood."""
    try:
        _read(query)
    except Invalid as refusal:
        return [error.field for error in refusal.errors]
    return None


@given(st.lists(st.tuples(NAME, VALUE), max_size=5))
def test_any_query_is_read_or_refused_by_name(parts: list[tuple[str, str]]) -> None:
    refused = _refused(urlencode(parts, errors="surrogatepass"))
    assert refused is None or (refused and set(refused) <= set(dict(parts)))


@given(st.sampled_from(get_args(SortKey)), JSON, JSON, JSON)
def test_any_cursor_is_read_or_refused(sort: SortKey, value: Any, last_id: Any, page: Any) -> None:
    for said in ([sort, _digest_of(sort), value, last_id, page], value, [sort, _digest_of(sort)]):
        cursor = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
        assert _refused(urlencode({"sort": sort, "cursor": cursor})) in (None, ["cursor"])


def _digest_of(sort: SortKey) -> str:
    cursor = _read({"sort": sort}).cursor(Place(VALUES[sort], 1)) or ""
    digest: str = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[1]
    return digest
