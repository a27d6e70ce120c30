"""The two shards of the engine's lane, so that one batch is decided while the database is busy with another.

They need no order between them: a unit reports on a lease that was committed, and whoever else ends an attempt holds
the row of the job. What decides who may be given jobs, and gives them, is in one and the same.
"""

from typing import Final

BEGINS: Final = 0
"""Jobs are submitted and leased, units come and go."""

ENDS: Final = 1
"""Attempts end."""
