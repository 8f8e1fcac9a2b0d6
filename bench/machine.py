"""What kind of machine this is, in words that name nobody's."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path


def words(scratch: Path) -> str:
    """Return processors, memory, and how fast Python and the disk are here and now."""
    return (
        f"{os.cpu_count()} processors ({platform.machine()}), {_memory()} of memory, "
        f"Python {platform.python_version()} ({_additions():.0f} ms for a million additions), "
        f"{_fsync(scratch):.2g} ms for an fsync"
    )


def _additions() -> float:
    """Tell fast machines from slow or busy ones: absolute figures go with this one."""

    def once() -> float:
        begun = time.perf_counter()
        total = 0
        for number in range(1_000_000):
            total += number
        return (time.perf_counter() - begun) * 1000

    return min(once() for _ in range(3))


def _fsync(directory: Path) -> float:
    """Return what it costs to make one page durable, in milliseconds: the median of a hundred."""
    taken = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(100):
            os.write(file.fileno(), bytes(4096))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def _memory() -> str:
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{size / 2**30:.0f} GiB"


def in_memory(directory: Path) -> bool:
    """Whether a directory's file system is known to be no disk; False where nothing is known."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return False
    best, kind = "", ""
    for line in mounts.read_text().splitlines():
        _device, place, file_system, *_rest = line.split(" ")
        inside = directory.resolve().is_relative_to(place)
        if inside and len(place) >= len(best):
            best, kind = place, file_system
    return kind in {"tmpfs", "ramfs"}


def used(process: int) -> float:
    """Return the processor time that a process has used, in seconds; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> float:
    """Return the memory that a process holds, in MB (10^6 bytes); needs Linux's /proc."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit(f"process {process} is gone")
