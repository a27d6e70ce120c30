"""How our processes reach Redis, which they never depend on: short deadlines, and trying again for ever."""

from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from shared.clock import Clock

ANSWERS_WITHIN_S: Final = 2.0
BEAT_S: Final = 5.0
"""How often a quiet connection is asked whether it still is one."""

FAULTS: Final = (RedisError, OSError, TimeoutError)
_LONGEST_PAUSE_S: Final = 5.0

log = structlog.get_logger(__name__)


def client(url: str) -> Redis:
    """A client that waits for nothing longer than ANSWERS_WITHIN_S."""
    return Redis.from_url(url, socket_timeout=ANSWERS_WITHIN_S, socket_connect_timeout=ANSWERS_WITHIN_S)


def through_faults(clock: Clock) -> AsyncRetrying:
    """Try again after every fault of Redis, with pauses that grow to 5 s."""
    return AsyncRetrying(
        retry=retry_if_exception_type(FAULTS),
        wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE_S),
        sleep=clock.sleep,
        before_sleep=_note,
    )


def _note(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("redis_lost", error=str(error) or type(error).__name__, tries=state.attempt_number)
