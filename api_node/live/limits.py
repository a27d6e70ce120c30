"""How many live connections a node holds and how long it waits for things, in one value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """The defaults are the published ones; tests shorten them. Durations in seconds.

    `beat_s`: a client that heard nothing for this long hears a beat. `send_s`: one that takes nothing for this long is
    closed. `catch_up_s`: how long a client that has seen more than this node yet waits for it. `look_s`: who may still
    listen is looked at this often; `rights_last_s`: what was seen is believed this long when the database is silent.
    """

    a_person: int = 20
    a_node: int = 2_000
    beat_s: float = 15.0
    send_s: float = 20.0
    catch_up_s: float = 6.0
    look_s: float = 2.0
    rights_last_s: float = 6.0
