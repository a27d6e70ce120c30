"""Loops of a queue service that keep off the wire after their first run: what comes over it then is the test's."""

import pytest

from queue_service.service import QueueService
from tests.support.eventually import eventually

_HOURS = 3600.0


def run_loops_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No beat and no sealing comes between a rule and the batch that it is meant for. (Pruning comes once a minute, and
    settling what is in doubt belongs to the tests.)"""
    monkeypatch.setattr("queue_service.loops.beat.BEAT_S", _HOURS)
    monkeypatch.setattr("queue_service.loops.seal.PERIOD_S", _HOURS)


async def settled_loops(service: QueueService) -> None:
    """Wait until each ran once, and sleeps."""
    names = ("beat", "prune", "seal")
    await eventually(lambda: all(service.loops.runs[name] for name in names), what="the first loops")
