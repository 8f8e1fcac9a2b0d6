"""How much memory a server takes."""

from __future__ import annotations

from pathlib import Path

from tests.fixtures.server import Server


def memory(server: Server, what: str = "VmRSS") -> float:
    """Resident memory, in MiB; with `VmHWM` the most there ever was."""
    status = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024
