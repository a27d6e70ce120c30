"""Commits that happened, and of which the writer is told that they failed."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from queue_service.store.session import Transaction


@contextmanager
def commits_that_happen_and_fail(monkeypatch: pytest.MonkeyPatch, code: int, *, times: int) -> Iterator[None]:
    """Batches commit, and SQLite says otherwise: what a failing fsync comes to when the log was written."""
    commit, left = Transaction.commit, [None] * times

    async def committed(tx: Transaction) -> None:
        await commit(tx)
        if tx.concerns_rows and left:
            left.pop()
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = code
            raise OperationalError("COMMIT", None, error)

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "commit", committed)
        yield
    assert not left
