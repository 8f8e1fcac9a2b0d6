"""Message DB's own clients, as they are in the registries, beside clients of the HTTP server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from message_db.client import MessageDB

from tests.fixtures.postgres import Databases
from tests.fixtures.server import LIMIT, Server, start_server

HERE = Path(__file__).parent
PACKAGES = HERE.parent / "genuine"


@pytest.fixture(scope="module")
def database(postgres_server: Databases) -> Iterator[str]:
    name = postgres_server.create()
    try:
        yield postgres_server.url(name)
    finally:
        postgres_server.drop(name)


@pytest.fixture(scope="module")
def server(database: str) -> Iterator[Server]:
    """A server that the tests share; each uses a category of its own."""
    with start_server([f"--db-url={database}"]) as running:
        yield running


@pytest.fixture
def client(server: Server, database: str) -> Iterator[MessageDB]:
    """On the default namespace, whose schema has the name that is built into it."""
    opened = MessageDB.from_url(database, options="-c search_path=message_store")
    try:
        yield opened
    finally:
        opened.connection_pool.closeall()


def rpc(server: Server, *call: object, token: str | None = None) -> Any:
    answer = server.rpc(*call, token=token or server.default_token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def over_http(server: Server, stream: str, data: Any = None) -> dict[str, Any]:
    return rpc(server, "stream.write", stream, {"type": "Written", "data": data})


def as_http(row: dict[str, Any]) -> list[Any]:
    """A message of message-db-py in the layout of the HTTP server."""
    time = row["time"].isoformat(timespec="milliseconds") + "Z"
    names = ("id", "stream_name", "type", "position", "global_position", "data", "metadata")
    return [*(row[name] for name in names), time]


def test_message_db_py_shares_streams_and_categories_with_http_clients(
    server: Server, client: MessageDB
) -> None:
    assert client.write("account-1", "Opened", {"n": 1}, {"by": "py"}, expected_version=-1) == 0
    assert over_http(server, "account-1", {"n": 2})["position"] == 1
    assert client.write("account-1", "Closed", {"n": 3}, expected_version=1) == 2
    assert client.write_batch("account-2", [("A", {"n": 4}), ("B", {"n": 5}, {"x": None})]) == 1
    assert over_http(server, "order-1")["position"] == 0

    stream = client.read("account-1")
    assert [m["data"]["n"] for m in stream] == [1, 2, 3]
    assert [m["metadata"] for m in stream] == [{"by": "py"}, None, None]
    of_http = rpc(server, "stream.get", "account-1")
    assert [[m[0], *m[2:]] for m in map(as_http, stream)] == of_http
    assert as_http(client.read_last_message("account-1"))[0] == of_http[-1][0]
    assert client.read_last_message("nobody-1") is None

    category = client.read_category("account")
    assert list(map(as_http, category)) == rpc(server, "category.get", "account")
    after = category[1]["global_position"]
    assert client.read("account", position=after, no_of_messages=2) == category[1:3]
    assert [m["global_position"] for m in client.read("$all")] == [
        m[4] for m in rpc(server, "ns.get")
    ]
    assert client.stream_identifiers("account") == ["1", "2"]


def test_message_db_py_and_http_clients_are_members_of_the_same_groups(
    server: Server, client: MessageDB
) -> None:
    for n in range(12):
        over_http(server, f"member-{n}+{n % 2}")
        client.write(f"member-{n}", "T", {})
    found = []
    for member in range(3):
        read = client.read_category("member", consumer_group_member=member, consumer_group_size=3)
        group = {"consumerGroup": {"member": member, "size": 3}}
        assert list(map(as_http, read)) == rpc(server, "category.get", "member", group)
        found += [m["global_position"] for m in read]
    assert len(set(found)) == len(found) == 24


def test_message_db_py_is_told_of_a_wrong_version_by_an_http_client(
    server: Server, client: MessageDB
) -> None:
    over_http(server, "late-1")
    with pytest.raises(
        ValueError, match=r"^P0001-ERROR: +Wrong expected version: -1 \(Stream: late"
    ):
        client.write("late-1", "T", {}, expected_version=-1)
    client.write("late-1", "T", {}, expected_version=0)
    options = {"expectedVersion": 0}
    answer = server.rpc(
        "stream.write",
        "late-1",
        {"type": "T", "data": 1},
        options,
        token=server.default_token,
    )
    details = answer.json()["error"]["details"]
    assert details == {"stream": "late-1", "expected": 0, "actual": 1}
    # A batch of theirs is a transaction: of one that fails nothing stays.
    with pytest.raises(ValueError, match="Wrong expected version"):
        client.write_batch("late-1", [("A", {}), ("B", {})], expected_version=7)
    assert rpc(server, "stream.version", "late-1") == 1


def schema_of(url: str, namespace: str) -> str:
    async def ask() -> str:
        conn = await asyncpg.connect(url, timeout=10)
        try:
            query = "select schema_name from mdb.namespaces where id = $1"
            return await conn.fetchval(query, namespace)
        finally:
            await conn.close()

    return asyncio.run(ask())


def test_message_db_connector_works_on_another_namespace_by_its_search_path(
    server: Server, database: str
) -> None:
    if not (PACKAGES / "node_modules" / "message-db-connector").is_dir():
        pytest.fail("message-db-connector is missing: run 'make genuine', which needs npm")
    node = shutil.which("node")
    assert node, "Node.js 20 or newer is needed (Debian: apt-get install nodejs)"
    token = rpc(server, "ns.create", "shop")["token"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(
        [node, str(HERE / "session.cjs")],
        env={
            **environ,
            "MESSAGEDB_TEST_URL": database,
            "MESSAGEDB_TEST_PACKAGES": str(PACKAGES),
            "MESSAGEDB_TEST_OPTIONS": f"-c search_path={schema_of(database, 'shop')}",
            "TZ": "UTC",
        },
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    said = json.loads(done.stdout)
    assert (said["wrong"], said["twice"]) == ("InvalidExpectedVersionError", "DuplicateKeyError")
    assert (said["none"], said["sum"]) == (None, 3)
    category = rpc(server, "category.get", "account", token=token)
    assert [m[5] for m in category] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert said["category"] == category[:2]
    assert said["stream"] == category[1:2]
    assert said["last"] == category[1]
    assert category[0][6] == {"by": "node"}
    # The default namespace knows nothing of it.
    assert said["category"][0] not in rpc(server, "ns.get")
