"""Worker processes: whatever makes load runs in processes of its own, beside what is measured.

A worker reads one line of JSON (what to do), gets ready (opens its connections), says `ready`,
waits for the line `go`, works, and prints one line of JSON: the seconds it took, the latency of
each operation in seconds, and how busy its own processor was. All workers of a round are ready
before the first of them goes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from bench.machine import used
from bench.sample import Sample

ROOT = Path(__file__).resolve().parent.parent

# Seconds that a worker may take for all it does.
LIMIT = 600.0

# Most operations of a round: what a round may cost where it is not the clock that ends it.
MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    port: int
    process: int
    """Its process id."""


class Work(Protocol):
    """What a worker does once it is ready."""

    def run(self) -> list[float]:
        """Work; return the seconds that each operation took."""
        ...


def serve_one(make: Callable[[dict[str, Any]], Work]) -> None:
    """Be a worker: the other end of `work`."""
    work = make(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    used, begun = time.process_time(), time.perf_counter()
    latencies = work.run()
    seconds = time.perf_counter() - begun
    used = time.process_time() - used
    print(json.dumps({"seconds": seconds, "busy": used / seconds, "latencies": latencies}))


def work(module: str, specs: Sequence[dict[str, Any]]) -> Sample:
    """Run a worker for each of the specs, at the same time; return what they measured together.

    Raises `SystemExit` where one of them fails: what it said is on standard error.
    """
    with ExitStack() as stack:
        processes = [stack.enter_context(_started(module)) for _ in specs]
        for process, spec in zip(processes, specs, strict=True):
            _tell(process, json.dumps(spec))
        for process in processes:
            _await_ready(process, module)
        for process in processes:
            _tell(process, "go")
        found = [json.loads(_line(process) or "null") for process in processes]
        for process in processes:
            process.wait(LIMIT)
    if any(one is None for one in found):
        raise SystemExit(f"a worker of {module} failed")
    return Sample(
        rate=sum(len(one["latencies"]) / one["seconds"] for one in found),
        latencies=sorted(latency for one in found for latency in one["latencies"]),
        busy=max(one["busy"] for one in found),
    )


@contextmanager
def holding(module: str, spec: dict[str, Any]) -> Iterator[None]:
    """Keep a worker ready, with all that it has opened, until the block ends."""
    with _started(module) as process:
        _tell(process, json.dumps(spec))
        _await_ready(process, module)
        yield


@contextmanager
def _started(module: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _await_ready(process: subprocess.Popen[str], module: str) -> None:
    if _line(process) != "ready":
        raise SystemExit(f"a worker of {module} did not get ready")


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def load(
    server: Served,
    connections: int,
    calls: Sequence[tuple[str, str]],
    *,
    seconds: float,
    requests: int = MANY,
    path: str = "/rpc",
    method: str = "POST",
) -> Sample:
    """Call the server over so many connections, until either bound is reached.

    `calls`: pairs of a token and a JSON body, sent in turn.
    """
    spec = {
        "port": server.port,
        "connections": connections,
        "calls": list(calls),
        "seconds": seconds,
        "requests": requests,
        "path": path,
        "method": method,
    }
    before = used(server.process)
    sample = work("bench.load", [spec])
    return replace(sample, cost=(used(server.process) - before) / len(sample.latencies))
