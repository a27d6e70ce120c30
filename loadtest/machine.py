"""What the numbers of a run were got on: the machine, and how busy others kept it."""

import os
import platform
import time
from pathlib import Path
from typing import Final

FSYNC_BYTES: Final = 4096
_MEMORY_FILE_SYSTEMS: Final = {"tmpfs", "ramfs"}


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def processor() -> str:
    """The processor's name, as the kernel has it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_gib() -> float:
    """Memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def cpu_s() -> float:
    """Processor seconds used so far by everything on the machine, and by those it shares its hardware with."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def fsyncs_per_s(folder: Path, seconds: float = 1.0) -> float:
    """How often a second 4 KiB can be appended to a file and synced to disk there."""
    path = folder / "fsync"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            os.write(descriptor, bytes(FSYNC_BYTES))
            os.fdatasync(descriptor)
            count += 1
        return count / (time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()


def file_system(folder: Path) -> str:
    """The kind of file system a folder is on: ext4, xfs, tmpfs."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, found, *_ = line.split()
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, found
    return kind


def is_in_memory(file_system_kind: str) -> bool:
    """Whether a sync there costs nothing, which would make every durable number worthless."""
    return file_system_kind in _MEMORY_FILE_SYSTEMS
