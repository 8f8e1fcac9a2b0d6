"""Message DB itself, of its own makers, in the same Postgres."""

from __future__ import annotations

from bench.servers import database
from tests.fixtures.genuine import GenuineMissing, genuine_message_db
from tests.fixtures.postgres_server import PostgresServer


def install_genuine(server: PostgresServer, name: str) -> str:
    """Create a database that holds it; return its URL."""
    url = database(server, name)
    try:
        genuine_message_db(url)
    except GenuineMissing as exc:
        raise SystemExit(str(exc)) from exc
    return url
