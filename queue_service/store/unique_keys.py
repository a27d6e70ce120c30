"""Which job has which unique key: a row for each key that is held. No two jobs can have the same one, and a job without
a key costs nothing."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import select

from queue_service.domain.workingset import Change
from queue_service.store.session import Transaction
from queue_service.store.statement import Part, Statement, the_count
from queue_service.store.versioned import insert_head, insert_parts
from shared.db.tables import job_unique_key
from shared.jobs import Job, digest_of

_COLUMNS: Final = ("digest", "job_id")
_c = job_unique_key.c


async def holders(tx: Transaction, digests: Collection[str]) -> dict[str, int]:
    """Who has these keys, of those that somebody has. Whether it keeps others off still is in its row."""
    if not digests:
        return {}
    rows: Any = (await tx.execute(select(_c.digest, _c.job_id).where(_c.digest.in_(sorted(digests))))).all()
    return {row.digest: row.job_id for row in rows}


async def forget(tx: Transaction, job_ids: Collection[int]) -> None:
    """Jobs are forgotten, and the keys with them that they have still."""
    theirs: Any = await tx.execute(select(_c.digest).where(_c.job_id.in_(sorted(job_ids))))
    digests = sorted(theirs.scalars())
    await Statement(tx, _deletions(tx, ((digest,) for digest in digests), "digest"), the_count)


def follow(tx: Transaction, changes: Iterable[Change]) -> tuple[Statement[int], Statement[int]]:
    """Who let go of a key, and who took one, to be written in this order. A key that is taken twice fails the
    transaction: it cannot happen, for one shard after the other gives them."""
    freed: list[tuple[str, int]] = []
    taken: list[tuple[str, int]] = []
    for change in changes:
        before, after = change.before, change.after
        held_it = isinstance(before, Job) and before.holds_key
        if isinstance(after, Job) and after.holds_key != held_it:
            (taken if after.holds_key else freed).append((digest_of(after) or "", after.id))
    head = insert_head(tx.dialect, job_unique_key, _COLUMNS)
    return (
        Statement(tx, _deletions(tx, sorted(freed), "digest", "job_id"), the_count),
        Statement(tx, insert_parts(tx.dialect, head, sorted(taken)), the_count),
    )


def _deletions(tx: Transaction, rows: Iterable[tuple[Any, ...]], *columns: str) -> list[Part]:
    """One by one, by primary key: an IN over a small table may become a scan, which waits for rows of others."""
    which = " AND ".join(f"{column} = {tx.dialect.placeholder}" for column in columns)
    return [(f"DELETE FROM job_unique_key WHERE {which}", row) for row in rows]  # noqa: S608 - names only
