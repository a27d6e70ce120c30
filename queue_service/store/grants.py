"""The permissions that belong to a row: what a role grants, what an application was given."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Table

from queue_service.domain.workingset import Change, Entity
from queue_service.store.session import Transaction
from queue_service.store.statement import Part, Statement, the_count
from queue_service.store.versioned import insert_head, insert_parts
from shared.applications import Application
from shared.db.tables import application_scope, role_permission
from shared.organisation import Role

GrantsOf = Callable[[Any], frozenset[int]]

_PAIRS: Final[Mapping[type[Entity], tuple[Table, str, GrantsOf]]] = MappingProxyType(
    {
        Role: (role_permission, "role_id", lambda role: role.permission_ids),
        Application: (application_scope, "application_id", lambda application: application.scope_ids),
    }
)


def write(tx: Transaction, changes: Mapping[type[Entity], Sequence[Change]]) -> list[Statement[int]]:
    """Make changed and new rows grant exactly what they say; those that grant what they did are passed over."""
    return [
        _rewrite(tx, pairs, owner, {c.after.id: of(c.after) for c in changes[kind] if _grants_anew(c, of)})
        for kind, (pairs, owner, of) in _PAIRS.items()
        if kind in changes
    ]


def _rewrite(tx: Transaction, pairs: Table, owner: str, granted: Mapping[int, frozenset[int]]) -> Statement[int]:
    forget = f"DELETE FROM {pairs.name} WHERE {owner} = {tx.dialect.placeholder}"  # noqa: S608 - names only
    parts: list[Part] = [(forget, (owner_id,)) for owner_id in granted]
    rows = [(owner_id, permission_id) for owner_id, ids in granted.items() for permission_id in sorted(ids)]
    head = insert_head(tx.dialect, pairs, (owner, "permission_id"))
    return Statement(tx, [*parts, *insert_parts(tx.dialect, head, rows)], the_count)


def _grants_anew(change: Change, of: GrantsOf) -> bool:
    return change.before is None or of(change.before) != of(change.after)
