"""Whoever waits for the end of a job is told when it comes."""

import asyncio

from queue_service.store.aggregates import BRIEF_JOBS
from queue_service.store.faults import DatabaseFault
from queue_service.store.session import Session
from shared.errors import DatabaseUnavailable
from shared.jobs import TERMINAL


def _seen(reading: "asyncio.Future[bool]") -> None:
    """What it raised is told to whoever waits; if nobody does any more, to nobody."""
    if not reading.cancelled():
        reading.exception()


class Endings:
    """Those who wait, by job. What they are told is that they should look: the row alone says whether it has ended."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: dict[int, set[asyncio.Event]] = {}
        self._is_closed = False

    async def wait(self, job_id: int, within_s: float) -> None:
        """Wait until a job has ended, one way or the other, or is not there; for so long at most.

        Raises DatabaseUnavailable. Whoever asks reads the job then: the end of the time is no news of it.
        """
        news = asyncio.Event()
        self._waiting.setdefault(job_id, set()).add(news)
        until = asyncio.get_running_loop().time() + within_s
        try:
            while not self._is_closed:
                news.clear()
                # to the end, whoever hangs up: a statement that is broken off costs everybody the connection
                reading = asyncio.ensure_future(self._has_ended(job_id))
                reading.add_done_callback(_seen)
                if await asyncio.shield(reading):
                    return
                async with asyncio.timeout_at(until):
                    await news.wait()
        except TimeoutError:
            pass
        finally:
            others = self._waiting[job_id]
            others.discard(news)
            if not others:
                del self._waiting[job_id]

    def tell(self, job_id: int) -> None:
        """A job may have ended."""
        for news in self._waiting.get(job_id, ()):
            news.set()

    def tell_all(self) -> None:
        """Any job may have ended."""
        for job_id in self._waiting:
            self.tell(job_id)

    def close(self) -> None:
        """Nobody waits any longer."""
        self._is_closed = True
        self.tell_all()

    async def _has_ended(self, job_id: int) -> bool:
        try:
            async with self._session.lock, self._session.transaction() as tx:
                found = await BRIEF_JOBS.read(tx, [job_id])
        except DatabaseFault as fault:
            raise DatabaseUnavailable from fault
        return job_id not in found or found[job_id].status in TERMINAL
