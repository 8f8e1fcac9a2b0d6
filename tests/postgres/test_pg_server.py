"""`mdb serve` on Postgres, as a process."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator

import httpx2

from tests.fixtures.postgres_server import PostgresServer
from tests.fixtures.server import Server, run_mdb, start_server

LIMIT = 30.0


def result(response: httpx2.Response) -> object:
    assert response.status_code == 200, response.text
    return response.json()


def frames(lines: Iterator[str]) -> Iterator[str]:
    return (line for line in lines if line.startswith("id: "))


def test_serves_writes_reads_and_subscriptions(database_url: str) -> None:
    with start_server([], {"MESSAGEDB_DB_URL": database_url}) as server:
        token = server.default_token
        written = server.rpc("stream.write", "account-1", {"type": "A", "data": 1.0}, token=token)
        assert result(written)["globalPosition"] == 1
        rows = result(server.rpc("category.get", "account", token=token))
        assert [row[1:6] for row in rows] == [["account-1", "A", 0, 1, 1.0]]
        health = result(server.rpc("sys.health"))
        assert health["backend"] == "postgres"
        assert health["connections"] >= 1
        assert httpx2.get(f"{server.url}/ready", timeout=LIMIT).status_code == 200
        query = {"category": "account", "token": token}
        url = f"{server.url}/subscribe"
        with httpx2.stream("GET", url, params=query, timeout=LIMIT) as events:
            assert next(frames(events.iter_lines())) == "id: 1"
        assert server.stop() == 0
    # Another server finds it all, and the same token.
    with start_server([], {"MESSAGEDB_DB_URL": database_url}) as server:
        assert server.default_token is None
        assert result(server.rpc("stream.version", "account-1", token=token)) == 0


def test_unreachable_at_the_start_is_one_line_and_exit_code_1() -> None:
    done = run_mdb("serve", "--db-url=postgresql://mdb:secret@127.0.0.1:1/events")
    assert done.returncode == 1
    assert "127.0.0.1:1: connection refused" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "secret" not in done.stderr


def test_lost_while_running_it_refuses_and_recovers_by_itself(
    private_postgres: Callable[..., PostgresServer],
) -> None:
    postgres = private_postgres(durable=True)
    with start_server([], {"MESSAGEDB_DB_URL": postgres.url()}) as server:
        token = server.default_token
        write = ("stream.write", "account-1", {"type": "A", "data": 1})
        assert server.rpc(*write, token=token).status_code == 200
        query = {"category": "account", "token": token}
        url = f"{server.url}/subscribe"
        with httpx2.stream("GET", url, params=query, timeout=LIMIT) as events:
            pokes = frames(events.iter_lines())
            assert next(pokes) == "id: 1"
            postgres.kill()
            refused = server.rpc(*write, token=token)
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "BACKEND_UNAVAILABLE"
            assert refused.headers["Retry-After"]
            assert httpx2.get(f"{server.url}/ready", timeout=LIMIT).status_code == 503
            assert httpx2.get(f"{server.url}/health", timeout=LIMIT).status_code == 200
            postgres.start()
            id_of_mine = str(uuid.uuid4())
            while (
                answer := server.rpc(*write, {"id": id_of_mine}, token=token)
            ).status_code != 200:
                assert answer.json()["error"]["code"] == "BACKEND_UNAVAILABLE"
            assert result(answer)["position"] == 1
            # The subscription stayed, and hears of it.
            assert next(pokes) == f"id: {result(answer)['globalPosition']}"
        assert httpx2.get(f"{server.url}/ready", timeout=LIMIT).status_code == 200
        assert server.stop() == 0


def test_migrate_brings_the_database_up_to_date(database_url: str) -> None:
    done = run_mdb("migrate", f"--db-url={database_url}")
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout


def test_writes_that_were_answered_survive_a_kill_of_the_server(database_url: str) -> None:
    """Killed in the middle of concurrent writes: what was answered is there, once, no holes."""
    answered: dict[str, int] = {}
    token = None
    for _ in range(2):
        with start_server([], {"MESSAGEDB_DB_URL": database_url}) as server:
            token = token or server.default_token
            enough = threading.Event()
            target = len(answered) + 100

            headers = {"Authorization": f"Bearer {token}"}

            def client(
                server: Server = server,
                target: int = target,
                enough: threading.Event = enough,
                headers: dict[str, str] = headers,
            ) -> None:
                with httpx2.Client(headers=headers, timeout=LIMIT) as http:
                    while True:
                        own = str(uuid.uuid4())
                        call = ["stream.write", "account-1", {"type": "A", "data": 1}, {"id": own}]
                        try:
                            answer = http.post(f"{server.url}/rpc", json=call)
                        except httpx2.TransportError:
                            return
                        if answer.status_code == 200:
                            answered[own] = answer.json()["position"]
                        if len(answered) >= target:
                            enough.set()

            clients = [threading.Thread(target=client) for _ in range(8)]
            for thread in clients:
                thread.start()
            assert enough.wait(LIMIT)
            server.process.kill()
            for thread in clients:
                thread.join(LIMIT)
    with start_server([], {"MESSAGEDB_DB_URL": database_url}) as server:
        rows = result(server.rpc("stream.get", "account-1", {"batchSize": -1}, token=token))
        assert [row[2] for row in rows] == list(range(len(rows)))
        stored = {row[0]: row[2] for row in rows}
        assert answered.items() <= stored.items()
        assert server.stop() == 0
