"""See to what time brings the job engine: silent units, attempts that take too long, jobs that become due."""

from queue_service.engine.engine import TICK_S, Engine
from queue_service.loops.runner import Loop


def engine_loop(engine: Engine) -> Loop:
    """Looks into memory every second; asks the database only when something is to be done, or in doubt."""
    return Loop("engine", TICK_S, engine.tick)
