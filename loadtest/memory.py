"""How much memory each process holds while it is under load, and whether that grows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

GROWS_BY_SHARE: Final = 0.10
GROWS_BY_MIB: Final = 8.0
"""Both have to be passed before memory is called growing: a small process moves by a tenth for no reason."""


@dataclass(frozen=True, slots=True)
class Held:
    """MiB of one process: the median of the second quarter of the run and of its last quarter, and the most seen."""

    early: float
    late: float
    most: float

    @property
    def is_flat(self) -> bool:
        grown = self.late - self.early
        return grown <= GROWS_BY_MIB or grown <= self.early * GROWS_BY_SHARE


@dataclass
class Memory:
    """Samples taken over a run, by process name; a process that was replaced goes on under its name."""

    samples: dict[str, list[float]] = field(default_factory=dict)

    def sample(self, pids: Mapping[str, int]) -> None:
        """Take one sample of each."""
        for name, pid in pids.items():
            held = resident_mib(pid)
            if held is not None:
                self.samples.setdefault(name, []).append(held)

    def held(self) -> dict[str, Held]:
        """What was found, for every process with enough samples to tell."""
        return {name: _held(series) for name, series in self.samples.items() if len(series) >= 4}


def resident_mib(pid: int) -> float | None:
    """Resident memory of a process; None for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)


def _held(series: list[float]) -> Held:
    quarter = len(series) // 4
    return Held(median(series[quarter : 2 * quarter]), median(series[-quarter:]), max(series))
