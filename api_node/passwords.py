"""Passwords: argon2id (RFC 9106), off the event loop, a few at a time.

One hash takes up to 0.2 s of processor time and 64 MiB: unbounded, a handful of logins would take the node's memory.
"""

import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from argon2.exceptions import InvalidHashError, VerificationError
from prometheus_client import CollectorRegistry, metrics

from shared.errors import TooManyAttempts, Unavailable
from shared.password_rules import MAX_BYTES, HashCost
from shared.passwords import password_hasher

R = TypeVar("R")

AT_ONCE: Final = max(2, os.cpu_count() or 2)
MAX_WAITING: Final = 100
"""Past this many callers the last would wait for seconds, and the next one is told to come back."""
MAX_WAITING_OF_ONE: Final = 10
"""Of those, from one address: a single caller must not take every place from all the others."""
NICENESS: Final = 5


class Passwords:
    """Hashes and verifies, each on behalf of an address. Callers past the limit wait their turn; past MAX_WAITING of
    them, Unavailable is raised, and past MAX_WAITING_OF_ONE of one address, TooManyAttempts."""

    def __init__(self, cost: HashCost, registry: CollectorRegistry | None = None) -> None:
        self._runs = metrics.Counter("console_argon2_runs", "Argon2 runs, by purpose", ["purpose"], registry=registry)
        self._hasher = password_hasher(cost)
        self._waiting: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2", initializer=_give_way)
        # verified against when there is no such account, so that absence costs the same work as a wrong password
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str, *, asked_from: str) -> str:
        """The argon2id hash, salt and parameters included."""
        made = await self._in_turn(asked_from, self._hasher.hash, password)
        self._runs.labels("hash").inc()
        return made

    async def verify(self, stored: str | None, password: str, *, asked_from: str) -> bool:
        """Whether it is the password that was hashed. `stored` None (no such account): False, at the same cost."""
        is_right = await self._in_turn(asked_from, self._verify, stored, password)
        self._runs.labels("verify").inc()
        return is_right

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than ours are now."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_turn(self, address: str, work: Callable[..., R], *args: Any) -> R:
        if self._waiting[address] >= MAX_WAITING_OF_ONE:
            raise TooManyAttempts(retry_after_s=1)
        if self._waiting.total() >= MAX_WAITING:
            raise Unavailable
        self._waiting[address] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting[address] -= 1
            self._waiting += Counter()  # forgets who does not wait

    def _verify(self, stored: str | None, password: str) -> bool:
        tried = password if len(password.encode()) <= MAX_BYTES else ""
        try:
            return self._hasher.verify(stored or self._nobody, tried) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def _give_way() -> None:
    """Let the event loops go first on a busy machine: a wave of sign-ins once made every read time out."""
    if sys.platform == "linux":  # where a thread has a priority of its own; those it starts inherit it
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
