"""`console audit verify`: follow the chain of seals through the whole audit log, and say where it was touched."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rich.console import Console
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from cli.database_trouble import describe
from shared.audit import BEGINNING, AuditEntry, Seal, seal_of
from shared.clock import iso
from shared.db.database import reader_engine
from shared.db.health import NotMigrated, require_schema
from shared.db.tables import audit_entry, audit_seal
from shared.settings import Settings

EXIT_TOUCHED: Final = 1
EXIT_NOT_READ: Final = 2
_CHUNK: Final = 1000
_SHOWN: Final = 20

Progress = Callable[[int], None]
"""Told how many entries were looked at so far."""


@dataclass(slots=True)
class Verdict:
    """What a walk along the chain found. `faults` are sentences, the first _SHOWN of them."""

    sealed: int = 0
    newest: Seal = field(default_factory=lambda: Seal(0, BEGINNING))
    unsealed: int = 0
    oldest_unsealed: datetime | None = None
    faults: list[str] = field(default_factory=list)
    fault_count: int = 0
    has_expected: bool = False

    def note_fault(self, fault: str) -> None:
        self.fault_count += 1
        if self.fault_count <= _SHOWN:
            self.faults.append(fault)


def run(settings: Settings, console: Console, *, expected: Seal | None) -> int:
    """Print what was found. Returns 0 when the chain is whole and holds `expected`, 1 when it was touched, 2 when it
    could not be read."""
    try:
        with console.status("reading the audit log") as status:
            verdict = asyncio.run(
                _verify(settings, expected, lambda looked_at: status.update(f"{looked_at:,} entries are as sealed"))
            )
    except (SQLAlchemyError, OSError) as error:
        _say(console, describe(settings, error), "red")
        return EXIT_NOT_READ
    except NotMigrated as error:
        _say(console, str(error), "red")
        return EXIT_NOT_READ
    for line in verdict.faults:
        _say(console, line, "red")
    if verdict.fault_count > len(verdict.faults):
        _say(console, f"and {verdict.fault_count - len(verdict.faults):,} more", "red")
    newest = f"the newest is {verdict.newest.entry_id}:{verdict.newest.seal}" if verdict.sealed else "nothing is sealed"
    _say(console, f"{verdict.sealed:,} entries are sealed; {newest}")
    if verdict.oldest_unsealed is not None:
        _say(console, f"{verdict.unsealed:,} are not sealed yet, the oldest of {iso(verdict.oldest_unsealed)}")
    if expected is not None and not verdict.has_expected:
        _say(console, f"the seal {expected.entry_id}:{expected.seal} is not in it: the chain was made anew", "red")
        return EXIT_TOUCHED
    if verdict.fault_count:
        return EXIT_TOUCHED
    _say(console, "no entry was changed, added or taken away since it was sealed", "green")
    return 0


async def _verify(settings: Settings, expected: Seal | None, progress: Progress) -> Verdict:
    engine = reader_engine(settings.database, 1)
    try:
        async with engine.connect() as connection:
            await require_schema(connection)
            return await verify(connection, expected, progress)
    finally:
        await engine.dispose()


async def verify(connection: AsyncConnection, expected: Seal | None, progress: Progress) -> Verdict:
    """Walk along the chain, a chunk of seals at a time, while others write at its end."""
    verdict = Verdict()
    async for seals in _seals(connection):
        last = seals[-1].entry_id
        entries = {entry.id: entry for entry in await _entries(connection, verdict.newest.entry_id, last)}
        for entry_id in sorted(entries.keys() - {seal.entry_id for seal in seals}):
            verdict.note_fault(f"entry {entry_id} was added later: what comes behind it was sealed without it")
        for seal in seals:
            entry = entries.get(seal.entry_id)
            if entry is None:
                verdict.note_fault(f"entry {seal.entry_id} was taken away: its seal is still there")
            elif seal_of(entry, verdict.newest.seal) != seal.seal:
                verdict.note_fault(
                    f"entry {seal.entry_id} is not what was sealed, or what came right before it is gone"
                )
            verdict.newest = seal
            verdict.sealed += 1
            verdict.has_expected |= seal == expected
        progress(verdict.sealed)
    tail = select(audit_entry.c.at).where(audit_entry.c.id > verdict.newest.entry_id).order_by(audit_entry.c.id)
    waiting = (await connection.execute(tail)).scalars().all()
    verdict.unsealed, verdict.oldest_unsealed = len(waiting), waiting[0] if waiting else None
    return verdict


async def _seals(connection: AsyncConnection) -> AsyncIterator[list[Seal]]:
    at = audit_seal.c.entry_id
    last = 0
    while True:
        found = await connection.execute(select(audit_seal).where(at > last).order_by(at).limit(_CHUNK))
        seals = [Seal(*row) for row in found]
        if not seals:
            return
        yield seals
        last = seals[-1].entry_id


async def _entries(connection: AsyncConnection, after: int, up_to: int) -> list[AuditEntry]:
    at = audit_entry.c.id
    found = await connection.execute(select(audit_entry).where(at > after, at <= up_to).order_by(at))
    return [AuditEntry(*row) for row in found]


def _say(console: Console, line: str, style: str | None = None) -> None:
    console.print(line, style=style, soft_wrap=True, markup=False, highlight=False)
