"""Worker processes: whatever makes load runs in processes of its own, beside what is measured.

A worker reads one line of JSON (what to do), gets ready (opens its connections) and says `ready`.
For each line `go` it works for a slice of time, and prints one line of JSON: the seconds it took,
the latency of each operation in seconds, and how busy its processor was. It ends with its input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from bench.machine import used
from bench.sample import Sample

ROOT = Path(__file__).resolve().parent.parent

# More operations than a slice has time for.
MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    port: int
    process: int
    """Its process id."""


class Work(Protocol):
    """What a worker does once it is ready, as often as it is told to."""

    def run(self) -> tuple[float, list[float]]:
        """Work; return the seconds it took, and those of each operation."""
        ...


def serve_one(make: Callable[[dict[str, Any]], Work]) -> None:
    """Be a worker: the other end of a `Team`."""
    work = make(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    while sys.stdin.readline():
        spent, begun = time.process_time(), time.perf_counter()
        seconds, latencies = work.run()
        busy = (time.process_time() - spent) / (time.perf_counter() - begun)
        print(json.dumps({"seconds": seconds, "busy": busy, "latencies": latencies}), flush=True)


class Team:
    """Workers that work at the same time, a slice of time for each call.

    They are started by the first call, and keep their connections until the end of the block that
    is entered with this. Raises `SystemExit` where one of them fails: what it said is on standard
    error.

    Args:
        module: What they run.
        specs: What each of them is to do.
        server: Whose processor time is noted, if anybody's.
    """

    def __init__(
        self, module: str, specs: Sequence[dict[str, Any]], server: Served | None = None
    ) -> None:
        self._module = module
        self._specs = specs
        self._server = server
        self._processes: list[subprocess.Popen[str]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._processes.clear()
        self._stack.close()

    def _ready(self) -> None:
        started = [self._stack.enter_context(_started(self._module)) for _ in self._specs]
        for process, spec in zip(started, self._specs, strict=True):
            _tell(process, json.dumps(spec))
        for process in started:
            _await_ready(process, self._module)
        self._processes = started

    def __call__(self) -> Sample:
        """Let them work; return what they measured together."""
        if not self._processes:
            self._ready()
        spent = 0.0 if self._server is None else used(self._server.process)
        for process in self._processes:
            _tell(process, "go")
        found = [json.loads(_line(process) or "null") for process in self._processes]
        if any(one is None for one in found):
            raise SystemExit(f"a worker of {self._module} failed")
        return Sample(
            count=sum(len(one["latencies"]) for one in found),
            seconds=max(one["seconds"] for one in found),
            latencies=sorted(latency for one in found for latency in one["latencies"]),
            busy=max(one["busy"] for one in found),
            processor=0.0 if self._server is None else used(self._server.process) - spent,
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


def calling(
    server: Served,
    connections: int,
    calls: Sequence[tuple[str, str]],
    *,
    seconds: float,
    requests: int = MANY,
    path: str = "/rpc",
    method: str = "POST",
) -> Team:
    """Call the server over so many connections, in each slice until either bound is reached.

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
    return Team("bench.load", [spec], server)


def call_once(
    server: Served, connections: int, calls: Sequence[tuple[str, str]], *, limit: float = 600.0
) -> Sample:
    """Make each of the calls once; `limit`: seconds that they may take."""
    with calling(server, connections, calls, seconds=limit, requests=len(calls)) as team:
        sample = team()
    if sample.count < len(calls):
        raise SystemExit(f"only {sample.count:.0f} of {len(calls)} calls in {limit:g} s")
    return sample
