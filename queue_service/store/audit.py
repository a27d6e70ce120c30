"""The audit log: entries written with the changes they are about, seals behind them. Nothing is ever updated."""

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import func, insert, select

from queue_service.store import versioned
from queue_service.store.session import Transaction
from queue_service.store.statement import Statement
from shared.audit import BEGINNING, AuditEntry, Seal
from shared.db.tables import audit_entry, audit_seal

_COLUMNS: Final = tuple(field.name for field in fields(AuditEntry))
_VALUES: Final = attrgetter(*_COLUMNS)
_c = audit_entry.c


def append(tx: Transaction, entries: Sequence[AuditEntry]) -> Statement[int]:
    """Write entries under the ids reserved for them."""
    return versioned.append(tx, audit_entry, _COLUMNS, list(map(_VALUES, entries)))


async def holds(tx: Transaction, entry_id: int) -> bool:
    """Whether an entry was committed. Waits for a transaction that is still writing it: the read takes a lock."""
    return (await tx.execute(select(_c.id).where(_c.id == entry_id).with_for_update())).first() is not None


async def last_id(tx: Transaction) -> int:
    """The largest id that was ever used, as far as anything still tells; 0 for an empty log."""
    entries, seals = select(func.max(_c.id)), select(func.max(audit_seal.c.entry_id))
    found = [(await tx.execute(wanted)).scalar_one() for wanted in (entries, seals)]
    return max(int(number or 0) for number in found)


async def last_seal(tx: Transaction) -> Seal:
    """The newest seal; that of the beginning when nothing is sealed."""
    wanted = select(audit_seal).order_by(audit_seal.c.entry_id.desc()).limit(1)
    row = (await tx.execute(wanted)).first()
    return Seal(0, BEGINNING) if row is None else Seal(row.entry_id, row.seal)


async def between(tx: Transaction, after: int, below: int, limit: int) -> list[AuditEntry]:
    """The first entries behind one id and below another, in their order."""
    wanted = select(audit_entry).where(_c.id > after, _c.id < below).order_by(_c.id).limit(limit)
    rows: Sequence[Any] = (await tx.execute(wanted)).all()
    return [AuditEntry(*row) for row in rows]


async def seal(tx: Transaction, seals: Sequence[Seal]) -> None:
    """Write seals. Fails the transaction when one of them is there already."""
    await tx.execute(insert(audit_seal), [{"entry_id": each.entry_id, "seal": each.seal} for each in seals])
