"""`mdb ns adopt`, `release` and `grant`, and a server that finds a Message DB."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from fixtures.commands import TOKEN
from fixtures.server import run_mdb, start_server


@pytest.fixture
def direct(genuine_url: str) -> Callable[[str], Any]:
    """Asks the database as a Message DB client does."""

    async def ask(query: str) -> Any:
        raw = await asyncpg.connect(
            genuine_url, timeout=10, server_settings={"search_path": "message_store"}
        )
        try:
            return await raw.fetchval(query)
        finally:
            await raw.close()

    return lambda query: asyncio.run(ask(query))


WRITE = "select write_message(gen_random_uuid()::text, 'account-1', 'Opened', '{}')"
SCHEMAS = "select string_agg(nspname, ' ') from pg_namespace where nspname like 'mdb%'"


def test_a_server_that_finds_a_message_db_names_the_choices_and_touches_nothing(
    genuine_url: str, direct: Callable[[str], Any]
) -> None:
    for command in (["serve", "--port=0"], ["migrate"]):
        done = run_mdb(*command, env={"MESSAGEDB_DB_URL": genuine_url})
        assert (done.returncode, done.stdout) == (2, "")
        assert "--adopt" in done.stderr
        assert "mdb ns adopt default --schema message_store" in done.stderr
        assert "use another database" in done.stderr
        assert direct(SCHEMAS) is None


def test_what_cannot_be_adopted_is_said_at_the_start(
    genuine_url: str, direct: Callable[[str], Any]
) -> None:
    direct("alter sequence messages_global_position_seq cache 20")
    for option in ([], ["--adopt"]):
        done = run_mdb("serve", "--port=0", *option, env={"MESSAGEDB_DB_URL": genuine_url})
        assert (done.returncode, done.stdout) == (2, "")
        assert "messages_global_position_seq has cache 20" in done.stderr
        assert direct(SCHEMAS) is None


def test_adopted_by_the_server_and_served_again_without_being_told(
    genuine_url: str, direct: Callable[[str], Any]
) -> None:
    direct(WRITE)
    env = {"MESSAGEDB_DB_URL": genuine_url}
    with start_server(["--adopt"], env) as server:
        token = server.default_token
        assert token is not None
        read = server.rpc("stream.get", "account-1", token=token).json()
        assert [row[1:4] for row in read] == [["Opened", 0, 1]]
        refused = server.rpc("ns.delete", "default", token=token)
        assert refused.json()["error"]["code"] == "INVALID_REQUEST"
        assert server.stop() == 0
    with start_server([], env) as server:
        assert server.default_token is None
        written = server.rpc("stream.write", "account-1", {"type": "T", "data": 1}, token=token)
        assert written.json()["position"] == 1
    assert direct(WRITE) == 2


def test_adopted_beside_a_default_namespace_checked_exported_and_released(
    mdb: Callable[..., Any], genuine_url: str, direct: Callable[[str], Any]
) -> None:
    direct(WRITE)
    env = {"MESSAGEDB_DB_URL": genuine_url}
    done = mdb("ns", "adopt", "old", **env)
    assert done.code == 0, done.err
    shown = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert (shown["namespace"], shown["schema"]) == ("old", "message_store")
    again = mdb("ns", "adopt", "other", **env)
    assert again.refusal == "the schema message_store belongs to a namespace already"
    with start_server([f"--token={TOKEN}"], env) as server:
        old = shown["token"]
        for token in (TOKEN, old):
            written = server.rpc("stream.write", "account-1", {"type": "T", "data": 1}, token=token)
            assert written.status_code == 200
        info = server.rpc("ns.info", "old", token=old).json()
        assert (info["messageCount"], info["streamCount"], info["head"]) == (2, 1, 2)
        refused = server.rpc("ns.delete", "old", token=old).json()["error"]
        assert (refused["code"], "mdb ns release old" in refused["message"]) == (
            "INVALID_REQUEST",
            True,
        )
        connected = {"MESSAGEDB_TOKEN": old, "MESSAGEDB_URL": server.url}
        exported = mdb("export", **connected)
        assert exported.code == 0, exported.err
        assert [row["gpos"] for row in exported.rows] == [1, 2]
        assert "stop all servers first" in mdb("ns", "release", "old", **env).refusal
    checked = mdb("check", "--json", **env).document
    assert checked["faults"] == []
    assert [n["namespace"] for n in checked["namespaces"]] == ["default", "old"]
    assert mdb("ns", "release", "old", **env).out == "Released.\n"
    assert mdb("ns", "release", "old", **env).refusal == "namespace old not found"
    assert direct("select count(*) from messages") == 2
    assert direct(SCHEMAS) == "mdb"


def test_what_makes_no_sense_is_a_mistake_of_the_user(mdb: Callable[..., Any]) -> None:
    done = mdb("ns", "adopt", "x", MESSAGEDB_DATA_DIR="/nowhere")
    assert done.code == 2
    assert "only schemas of Postgres" in done.err
    done = mdb("ns", "adopt", "x", f"--set-token={TOKEN}", MESSAGEDB_DB_URL="postgresql://h/x")
    assert (done.code, "--set-token names another namespace" in done.err) == (2, True)
