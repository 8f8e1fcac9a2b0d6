"""Durable writes over HTTP to Postgres, against Message DB's `write_message` called directly.

Both in the same Postgres, each in a database of its own, one category of 1,000 streams, the same
messages. The direct callers are spread over two processes, so that neither client is the
bottleneck; `pgbench`, which is written in C, is a second opinion on the same.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import partial
from pathlib import Path

from bench.bodies import DATA, STREAMS, TYPE, writes
from bench.genuine import install_genuine
from bench.run import Run
from bench.sample import Sample
from bench.servers import on_postgres, postgres
from bench.workers import Team, call_once, calling
from tests.fixtures.postgres_server import PostgresServer

# Processes that the direct callers are spread over.
CALLERS = 2

# Its first calls are dear, and it counts them.
PGBENCH_SECONDS = 2

SCRIPT = f"""\\set n random(0, {STREAMS - 1})
select write_message(gen_random_uuid()::varchar, ('account-' || :n)::varchar, '{TYPE}'::varchar,
  '{{"amount": {DATA["amount"]}, "note": "{DATA["note"]}"}}'::jsonb, null, null);
"""


def direct(url: str, connections: int, seconds: float) -> Team:
    """Call `write_message` over so many connections."""
    shares = [connections // CALLERS] * CALLERS if connections > 1 else [1]
    common = {"what": "write", "url": url, "seconds": seconds}
    return Team(
        "bench.direct",
        [
            {**common, "connections": share, "first": number * STREAMS // CALLERS}
            for number, share in enumerate(shares)
        ],
    )


def pgbench(server: PostgresServer, script: Path, connections: int, seconds: int) -> Sample:
    """The same, by pgbench, which measures in whole seconds. It tells no percentiles."""
    done = subprocess.run(
        [
            *(str(server.bin / "pgbench"), "--no-vacuum", "--protocol=prepared"),
            *(f"--file={script}", f"--client={connections}", f"--jobs={min(connections, CALLERS)}"),
            *(f"--time={seconds}", server.url("genuine")),
        ],
        env={**os.environ, "PGOPTIONS": "-c search_path=message_store,public"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    rate = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    mean = re.search(r"^latency average = ([0-9.]+) ms", done.stdout, re.MULTILINE)
    if done.returncode != 0 or rate is None or mean is None:
        raise SystemExit(f"pgbench failed: {done.stdout}{done.stderr}")
    return Sample(float(rate[1]) * seconds, seconds, [float(mean[1]) / 1000])


def bench_MDB001_7A_T1_write_message_postgres(run: Run) -> None:
    """Writes at 32 and 64 connections, and the latency of a lone caller."""
    server = postgres(run)
    genuine = install_genuine(server, "genuine")
    mdb = on_postgres(run, server)
    calls = writes()
    seconds = run.seconds
    call_once(mdb, 64, calls)
    for connections, target in ((32, 2.5), (64, 3.0)):
        run.compare(
            f"writes_postgres.rate_{connections}",
            f"Durable writes over HTTP to Postgres, {connections} connections",
            ("HTTP", calling(mdb, connections, calls, seconds=seconds)),
            ("write_message by asyncpg", direct(genuine, connections, seconds)),
            target=target,
        )
    run.compare(
        "writes_postgres.latency_1",
        "Latency of a durable write over HTTP to Postgres, 1 connection (median)",
        ("HTTP", calling(mdb, 1, calls, seconds=seconds)),
        ("write_message by asyncpg", direct(genuine, 1, seconds)),
        measure="median",
        target=2.0,
    )
    if (server.bin / "pgbench").exists():
        script = run.directory() / "write.sql"
        script.write_text(SCRIPT)
        run.compare(
            "writes_postgres.pgbench_64",
            "The same at 64 connections, against pgbench",
            ("HTTP", calling(mdb, 64, calls, seconds=PGBENCH_SECONDS)),
            ("write_message by pgbench", partial(pgbench, server, script, 64, PGBENCH_SECONDS)),
            slices=1,
        )
