"""`mdb import --from-dsn`: a genuine Message DB into a namespace of either database."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
import pytest
from transfer_harness import Tenant, line, rpc, tenant_of, text

from mdb.cli.program import run
from tests.fixtures.postgres import Databases
from tests.fixtures.server import LIMIT, Server, environment, run_mdb

# Messages of every kind that an import takes, over gaps in the positions, each at a microsecond of
# its own; written by Message DB's own function.
FILL = """
set search_path = message_store;
select setval(
  'messages_global_position_seq', 41 + (select coalesce(max(global_position), 0) from messages)
);
select write_message(
  gen_random_uuid()::varchar,
  (array['account-1', 'account-2+a', 'account', 'ä-😀', 'order:command-' || n % 50])[n % 5 + 1],
  'T' || n % 3,
  (array['null', '1.50', '{"b": [1e400, 1234567890123456.5], "a": "\\u00e4"}'])[n % 3 + 1]::jsonb,
  (array[null, '{"correlationStreamName": "order-1"}', '{}'])[n / 3 % 3 + 1]::jsonb
)
from generate_series(1, $messages) n;
update messages
set time = time - interval '1 year' + global_position * interval '1.000001 second'
where time > now() at time zone 'utc' - interval '1 month';
"""

# A command whose parts are small, and which tells of everything that it hears.
SMALL_PARTS = (
    "import mdb.cli.import_dsn as i, mdb.cli.progress as p; i.PART_MESSAGES = 2000; p._LINE = 0; "
    "from mdb.cli import main; main()"
)

loads = partial(json.loads, parse_float=Decimal, parse_int=Decimal)


def sql(url: str, script: str, *args: object) -> list[Any]:
    """Run statements on a connection of its own; the rows of the last, where it has arguments."""

    async def run() -> list[Any]:
        conn = await asyncpg.connect(url, timeout=10)
        try:
            if args or script.startswith("select *"):
                return await conn.fetch(script, *args)
            await conn.execute(script)
            return []
        finally:
            await conn.close()

    return asyncio.run(run())


def fill(url: str, messages: int) -> None:
    sql(url, FILL.replace("$messages", str(messages)))


def stored(url: str) -> list[dict[str, Any]]:
    """What Message DB holds, as an export says it."""
    return [
        {
            "id": str(row["id"]),
            "stream": row["stream_name"],
            "type": row["type"],
            "pos": row["position"],
            "gpos": row["global_position"],
            "data": loads(row["data"] or "null"),
            "meta": loads(row["metadata"] or "null"),
            "time": row["time"].isoformat(timespec="microseconds") + "Z",
        }
        for row in sql(url, "select * from message_store.messages order by global_position")
    ]


def exported(tenant: Tenant) -> list[dict[str, Any]]:
    return [loads(one) for one in tenant.export().splitlines()]


def carry_over(tenant: Tenant, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command as the admin."""
    known = admin(tenant.server)
    return run_mdb("import", "--from-dsn", url, tenant.name, *more, env=known)


@pytest.fixture
def run_here(
    sqlite_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """Run a command in this process, as the admin; its exit code and standard error."""
    for name, value in admin(sqlite_server).items():
        monkeypatch.setenv(name, value)

    def run_here(*args: str) -> tuple[int, str]:
        code = run(args)
        out, err = capfd.readouterr()
        assert out == ""
        return code, err

    return run_here


def admin(server: Server) -> dict[str, str]:
    return {"MESSAGEDB_URL": server.url, "MESSAGEDB_TOKEN": server.default_token or ""}


def write(tenant: Tenant) -> Any:
    return rpc(tenant.server, tenant.token, "stream.write", "new-1", {"type": "T", "data": 1})


def closed(tenant: Tenant) -> bool:
    """Whether it refuses writers; it does so to all of them."""
    answer = write(tenant)
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "OVERLOADED")
    assert "being filled by an import" in answer.json()["error"]["message"]
    assert int(answer.headers["retry-after"]) > 0
    assert tenant.post(text([line(10**9)])).text.count("OVERLOADED") == 1
    return True


def test_positions_times_and_ids_are_kept(tenant: Tenant, genuine_url: str) -> None:
    fill(genuine_url, 3000)
    before = stored(genuine_url)
    done = carry_over(tenant, genuine_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"3000 messages imported into {tenant.name} in ")
    assert exported(tenant) == before == stored(genuine_url)
    assert not closed(tenant)
    assert exported(tenant)[-1]["gpos"] > before[-1]["gpos"]


def test_killed_in_the_middle_it_goes_on_where_it_was(
    tenant: Tenant, genuine_url: str, schema_of: Callable[[Tenant], str | None]
) -> None:
    fill(genuine_url, 9000)
    before = stored(genuine_url)
    command = [sys.executable, "-c", SMALL_PARTS, "import", f"--from-dsn={genuine_url}"]
    with subprocess.Popen(
        [*command, tenant.name],
        env=environment(admin(tenant.server)),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while not any(f"{n},000 messages" in (shown := process.stderr.readline()) for n in (5, 6)):
            assert shown.startswith("mdb: "), shown
        process.send_signal(signal.SIGKILL)
    part = exported(tenant)
    assert 4000 <= len(part) < 9000
    assert part == before[: len(part)]
    assert closed(tenant)
    info = tenant.rpc("ns.info", tenant.name)
    assert info["importing"].endswith(" schema message_store")
    assert_schema_is_closed(schema_of(tenant))

    done = carry_over(tenant, genuine_url, "--json")
    assert json.loads(done.stdout)["imported"] == 9000 - len(part), done.stderr
    assert exported(tenant) == before
    assert "importing" not in tenant.rpc("ns.info", tenant.name)
    assert not closed(tenant)


def assert_schema_is_closed(address: str | None) -> None:
    """A client of the schema is told, too."""
    if address is not None:
        with pytest.raises(asyncpg.PostgresError, match="being filled by an import") as caught:
            sql(address, "select write_message(gen_random_uuid()::varchar, 'a-1', 'T', '{}')")
        assert caught.value.sqlstate == "MDB01"


@pytest.fixture
def schema_of(
    request: pytest.FixtureRequest, postgres_server: Databases
) -> Callable[[Tenant], str | None]:
    """Give the address of a namespace's schema, None where it has none."""

    def address(tenant: Tenant) -> str | None:
        if tenant.server is not request.getfixturevalue("postgres_backed"):
            return None
        database = request.getfixturevalue("postgres_database")
        [row] = sql(database, "select schema_name from mdb.namespaces where id = $1", tenant.name)
        return f"{database}?options=-csearch_path%3D{row[0]}"

    return address


def test_a_server_killed_in_the_middle_keeps_writers_out(
    tmp_path: Any, genuine_url: str, start_one: Callable[..., Any]
) -> None:
    fill(genuine_url, 1000)
    with start_one() as server:
        tenant = Tenant(server, "default", server.default_token)
        assert carry_over(tenant, genuine_url, "--keep-closed").returncode == 0
        assert closed(tenant)
        token = server.default_token
        server.stop(signal.SIGKILL)
    fill(genuine_url, 10)
    with start_one() as server:
        tenant = Tenant(server, "default", token)
        assert closed(tenant)
        known = {"MESSAGEDB_URL": server.url, "MESSAGEDB_TOKEN": token}
        done = run_mdb("import", "--from-dsn", genuine_url, env=known)
        assert done.stdout.startswith("10 messages imported into default in "), done.stderr
        assert exported(tenant) == stored(genuine_url)
        assert not closed(tenant)


@pytest.fixture(params=["sqlite", "postgres"])
def start_one(request: pytest.FixtureRequest, tmp_path: Any) -> Callable[[], Any]:
    from tests.fixtures.server import start_server

    url = f"sqlite:///{tmp_path}/data"
    if request.param == "postgres":
        url = request.getfixturevalue("database_url")
    return lambda: start_server([f"--db-url={url}"])


def test_only_the_beginning_of_that_history_is_gone_on_from(
    tenant: Tenant, genuine_url: str
) -> None:
    fill(genuine_url, 20)
    tenant.write("mine-1")
    refused = carry_over(tenant, genuine_url)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "ends at global position 1, where the source has no message" in refused.stderr
    tenant.import_(text([line(42)]))
    refused = carry_over(tenant, genuine_url)
    assert refused.stderr.startswith("mdb: POSITION_EXISTS: the namespace's last message is ")
    assert not closed(tenant)


def test_what_cannot_be_taken_in_is_named_and_can_be_given_up(
    tenant: Tenant, genuine_url: str
) -> None:
    fill(genuine_url, 20)
    sql(genuine_url, "delete from message_store.messages where global_position = 51")
    refused = carry_over(tenant, genuine_url)
    assert "the message at global position 56 of the source: POSITION_EXISTS" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert closed(tenant)
    given_up = run_mdb("import", "--give-up", tenant.name, env=admin(tenant.server))
    assert given_up.stdout == f"the namespace {tenant.name} takes writes\n", given_up.stderr
    assert not closed(tenant)


@contextmanager
def writing(url: str) -> Iterator[Callable[[], None]]:
    """A transaction of another's that has written and is open; the block's call ends it."""
    loop = asyncio.new_event_loop()
    conn = loop.run_until_complete(asyncpg.connect(url, timeout=10))
    try:
        loop.run_until_complete(
            conn.execute(
                "begin; set local search_path = message_store; "
                "select write_message(gen_random_uuid()::varchar, 'late-1', 'T', '{}')"
            )
        )
        yield lambda: loop.run_until_complete(conn.execute("commit"))
    finally:
        conn.terminate()
        loop.close()


def test_a_message_that_is_committed_late_is_not_passed_by(
    tenant: Tenant, genuine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(genuine_url, 10)
    monkeypatch.setattr("mdb.stores.postgres.source.LOOK_AGAIN", 0.01)
    from mdb.stores.base import OpenError
    from mdb.stores.postgres.source import reading_from

    with writing(genuine_url) as commit:
        sql(
            genuine_url,
            "set search_path = message_store; "
            "select write_message(gen_random_uuid()::varchar, 'b-1', 'T', '{}')",
        )
        with reading_from(genuine_url, "message_store") as source:
            with pytest.raises(OpenError, match="have written and not ended"):
                source.settled_head(0)
            asked = []

            def ask() -> dict[str, int | None]:
                # The second time that it looks, after the head was read, it has been committed.
                asked.append(1)
                found = look()
                if len(asked) == 1:
                    commit()
                return found

            look = source._holders
            monkeypatch.setattr(source, "_holders", ask)
            assert source.settled_head(LIMIT) == 53
            assert [m.stream for m in source.page(51, 53)] == ["late-1", "b-1"]


def test_a_source_that_is_none_is_said_so(
    sqlite_server: Server, genuine_url: str, run_here: Callable[..., tuple[int, str]]
) -> None:
    tenant = tenant_of(sqlite_server)
    sql(genuine_url, "create schema odd; create table odd.messages (global_position bigint)")
    for schema, said in (
        ("nowhere", "the database holds no table nowhere.messages"),
        ("odd", "odd.messages is not Message DB's: its column position should be bigint, and is "),
    ):
        code, err = run_here("import", f"--from-dsn={genuine_url}", f"--schema={schema}")
        assert (code, err.count("\n")) == (1, 1)
        assert said in err
    assert not closed(tenant)


def test_usage_and_secrets(run_here: Callable[..., tuple[int, str]]) -> None:
    for options in (
        ["--schema=x"],
        ["--keep-closed"],
        ["--from-dsn=sqlite:///x"],
        ["--from-dsn=postgresql://h/n", "--give-up"],
    ):
        assert run_here("import", *options)[0] == 2
    secret = "postgresql://me:hidden@127.0.0.1:1/none?password=hidden"
    code, err = run_here("import", "--from-dsn", secret)
    assert (code, err.count("\n")) == (1, 1)
    assert "hidden" not in err


def test_a_bad_part_is_refused_before_anything_is_done(tenant: Tenant) -> None:
    for query, path in [
        ("part=x", "part"),
        ("part=more", "source"),
        ("part=more&source=a&after=5", None),
        ("part=more&source=a&after=x&id=y", "after"),
        ("part=last&source=a&after=5&id=y", "id"),
        ("part=end&source=a", "source"),
        ("source=a", "source"),
    ]:
        answer = tenant.post(b"", f"?{query}")
        assert answer.json()["error"]["code"] == "INVALID_REQUEST", query
        assert answer.json()["error"]["details"].get("path") == path, query
    other = tenant.post(b"", "?namespace=default")
    assert other.json()["error"]["code"] == "AUTH_UNAUTHORIZED"
    assert not closed(tenant)
