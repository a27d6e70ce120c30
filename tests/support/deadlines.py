"""The writer's patience, shortened: a test of a database that never answers need not wait as long as the product."""

from functools import partial

import pytest

from queue_service.store.session import Session
from shared.db import database

SHORT_S = 0.4
"""Long enough for any statement on a busy test machine, short enough to wait for a few times."""


def shorten_statement_deadlines(monkeypatch: pytest.MonkeyPatch, seconds: float = SHORT_S) -> None:
    """Give up on a statement, and on connecting, after `seconds`. For services started from here on."""
    for module in ("queue_service.service", "queue_service.writer.fence"):
        monkeypatch.setattr(f"{module}.Session", partial(Session, deadline_s=seconds))
        monkeypatch.setattr(f"{module}.STATEMENT_DEADLINE_S", seconds)


def shorten_lock_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait one second for a row, the least a server of the family takes, instead of two."""
    longer = f"innodb_lock_wait_timeout={database.LOCK_WAIT_TIMEOUT_S}"
    shorter = database._INIT_COMMAND.replace(longer, "innodb_lock_wait_timeout=1")
    assert shorter != database._INIT_COMMAND
    monkeypatch.setattr(database, "_INIT_COMMAND", shorter)
