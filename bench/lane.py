"""The RPC lane against the Quart route, for a call that needs no database."""

from __future__ import annotations

import http.client

from bench.bodies import call
from bench.run import Run
from bench.servers import in_memory
from bench.workers import calling

# The lane takes `/rpc` exactly; with a query the same route is Quart's, on the same connection.
QUART = "/rpc?by=quart"


def by_quart(port: int, path: str) -> bool:
    """Whether a path is answered by Hypercorn, which writes the names of headers in lower case."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, b'["sys.version"]')
        answer = connection.getresponse()
        answer.read()
        return "content-length" in answer.headers.keys()  # noqa: SIM118  (`in` folds the case)
    finally:
        connection.close()


def bench_lane_against_quart(run: Run) -> None:
    """`sys.version`, 32 connections, each a keep-alive one."""
    server = in_memory(run)
    if by_quart(server.port, "/rpc") or not by_quart(server.port, QUART):
        raise SystemExit("the two paths are not answered by the lane and by Quart")
    calls = [call("sys.version")]
    run.compare(
        "lane.version_32",
        "sys.version through the lane against the Quart route, 32 connections",
        ("the lane", calling(server, 32, calls, seconds=run.seconds)),
        ("Quart on Hypercorn", calling(server, 32, calls, seconds=run.seconds, path=QUART)),
        target=10.0,
    )
