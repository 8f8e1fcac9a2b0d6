"""Nothing of an import that did not end well stays, whatever ended it."""

import os
import signal
import time

import asyncpg
import trio
import trio_asyncio
from transfer_harness import Tenant, history, line, rpc, tenant_of, text

from tests.fixtures.server import LIMIT, start_server


def until(true):
    """Wait for what another process does; there is nothing to wait on, so look again."""
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline, "it does not come to be"
        os.sched_yield()


def can_import(tenant):
    """Whether no import is under way: the one that was broken off has been cleaned up."""
    return tenant.post(b"").status_code == 200


def test_an_upload_that_breaks_off_leaves_nothing(tenant):
    tenant.write("live-1")
    before = tenant.export()
    with tenant.upload() as upload:
        upload.send(text(history(1000, first=5)))
        assert upload.event()["imported"] == 1000
        # A chunk that is announced and does not come: no valid end of the body.
        upload.send(text(history(500, first=1005))[:-30])
    until(lambda: can_import(tenant))
    assert tenant.export() == before
    assert tenant.import_(text(history(1000, first=5)))[-1]["imported"] == 1000


def test_what_a_broken_upload_staged_is_removed_at_once(sqlite_server, data_dir):
    tenant = tenant_of(sqlite_server)
    with tenant.upload() as upload:
        upload.send(text(history(1000)))
        assert upload.event()["imported"] == 1000
        assert staged(data_dir)
    until(lambda: not staged(data_dir))


def staged(data_dir):
    return [path.name for path in (data_dir / "namespaces").iterdir() if "import" in path.name]


def test_a_server_killed_in_the_middle_leaves_nothing_and_sweeps(tmp_path):
    data_dir = tmp_path / "data"
    with start_server([f"--data-dir={data_dir}"]) as server:
        token = server.default_token
        tenant = Tenant(server, "default", token)
        tenant.write("live-1")
        before = tenant.export()
        with tenant.upload() as upload:
            upload.send(text(history(2000, first=5)))
            assert upload.event()["imported"] == 1000
            tenant.write("live-1")
            before = tenant.export()
            server.stop(signal.SIGKILL)
    assert staged(data_dir)
    with start_server([f"--data-dir={data_dir}"]) as server:
        assert not staged(data_dir)
        assert "sweeping" in server.stderr
        tenant = Tenant(server, "default", token)
        assert tenant.export() == before
        assert tenant.import_(text(history(2000, first=5)))[-1]["imported"] == 2000


STAGED_TABLES = "select count(*)::int from pg_class where relname like 'mdb_import%'"


def test_a_server_killed_in_the_middle_leaves_nothing_in_postgres(database_url):
    def tables():
        async def count():
            conn = await asyncpg.connect(database_url, timeout=10)
            try:
                return await conn.fetchval(STAGED_TABLES)
            finally:
                await conn.close()

        async def main():
            async with trio_asyncio.open_loop():
                return await trio_asyncio.aio_as_trio(count)()

        return trio.run(main)

    with start_server([f"--db-url={database_url}"]) as server:
        token = server.default_token
        tenant = Tenant(server, "default", token)
        tenant.write("live-1")
        before = tenant.export()
        with tenant.upload() as upload:
            upload.send(text(history(2000, first=5)))
            assert upload.event()["imported"] == 1000
            assert tables() > 0
            server.stop(signal.SIGKILL)
    until(lambda: tables() == 0)
    with start_server([f"--db-url={database_url}"]) as server:
        tenant = Tenant(server, "default", token)
        assert tenant.export() == before
        assert tenant.import_(text(history(2000, first=5)))[-1]["imported"] == 2000


def test_a_namespace_deleted_meanwhile_takes_nothing_in(server, tenant):
    with tenant.upload() as upload:
        upload.send(text(history(1000)))
        assert upload.event()["imported"] == 1000
        answer = rpc(server, server.default_token, "ns.delete", tenant.name)
        assert answer.json()["messagesDeleted"] == 0
        upload.end()
        assert upload.event()["error"] == "AUTH_UNAUTHORIZED"
    answer = rpc(server, server.default_token, "ns.create", tenant.name)
    again = Tenant(server, tenant.name, answer.json()["token"])
    assert again.export() == b""


def test_a_server_that_stops_ends_the_import_and_says_so(tmp_path):
    data_dir = tmp_path / "data"
    with start_server([f"--data-dir={data_dir}"]) as server:
        tenant = Tenant(server, "default", server.default_token)
        with tenant.upload() as upload:
            upload.send(text(history(1000)))
            assert upload.event()["imported"] == 1000
            server.send(signal.SIGTERM)
            server.wait_stderr("stopping")
            upload.send(text([line(1001, "b-1")]))
            assert upload.event()["error"] == "OVERLOADED"
        assert server.wait() == 0
    assert not staged(data_dir)
