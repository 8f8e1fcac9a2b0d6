"""A power cut, as far as files can show it: what is in them while the server stands still."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
from pathlib import Path

from fixtures.server import Server, start_server

from blackbox.backends import TOKEN
from blackbox.client import Answer, hammer
from blackbox.ledger import Ledger, Place, check_on, retry_open

# With how many of the 1,000 writes answered the files are copied.
MOMENTS = (1, 600)


def test_the_files_hold_what_was_answered_at_any_moment(tmp_path: Path) -> None:
    ledger = Ledger()
    calls = ledger.add(1000)
    copies: list[tuple[Path, dict[str, Place]]] = []
    env = {"MESSAGEDB_TOKEN": TOKEN}
    with start_server([f"--data-dir={tmp_path / 'data'}"], env) as server:

        def answered(number: int, answer: Answer) -> None:
            assert answer.status == 200, answer
            ledger.note(ledger.writes[number], answer)
            if len(ledger.answered) in MOMENTS:
                copy = tmp_path / f"copy-{len(ledger.answered)}"
                with standing_still(server):
                    shutil.copytree(tmp_path / "data", copy)
                copies.append((copy, dict(ledger.answered)))

        hammer(server, TOKEN, calls, connections=50, answered=answered)
        assert len(ledger.answered) == 1000
        assert server.stop() == 0

    assert len(copies) == len(MOMENTS)
    for copy, then in copies:
        (copy / "mdb.lock").unlink()
        with start_server([f"--data-dir={copy}"], env) as server:
            # What was committed, but not yet answered, may be there too.
            check_on(server, Ledger(ledger.writes), at_least=then)
            survivors = Ledger(ledger.writes, dict(then))
            retry_open(server, survivors)
            check_on(server, survivors)
            assert server.stop() == 0
        check_integrity(copy)


@contextlib.contextmanager
def standing_still(server: Server):
    """Stop the server's process, all threads of it, wherever they are; let it go on afterwards."""
    server.send(signal.SIGSTOP)
    os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
    try:
        yield
    finally:
        server.send(signal.SIGCONT)


def check_integrity(directory: Path) -> None:
    files = sorted(directory.rglob("*.db"))
    assert len(files) == 2, "the registry and the namespace"
    for file in files:
        with contextlib.closing(sqlite3.connect(file)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
