"""Tells Redis whose rights have changed, for nodes whose event stream is broken. Nothing waits for it, and nothing is
kept for it: what is published while Redis is away is lost, and nodes learn it from the database within 3 s."""

from queue_service.writer.eventlog import EventLog
from shared.clock import Clock
from shared.jsonio import loads
from shared.redis_link import BEAT_S, client, through_faults
from shared.rights_news import CHANNEL, concerned, to_message


async def publish_rights(events: EventLog, url: str, clock: Clock) -> None:
    """Publish for as long as there are events to follow; through every fault of Redis, from then on."""
    async for attempt in through_faults(clock):
        with attempt:
            await _publish(events, url)


async def _publish(events: EventLog, url: str) -> None:
    """Over one connection, until it breaks or the events end."""
    async with client(url) as redis:
        async for said in events.follow(None, BEAT_S):
            if not isinstance(said, tuple):
                await redis.ping()
                continue
            who = concerned(loads(said[1]))
            if who is not None:
                await redis.publish(CHANNEL, to_message(who))
