"""Histories to read from, made in seconds: straight into the tables, before a server opens them.

A history of n messages goes round its streams: the message number g is in stream g mod 1,000, and
the streams go round the categories. So the beginning of a long history looks like the whole of a
short one, and the same read returns and skips as much in both.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import msgspec
import trio

import mdb
from bench.bodies import DATA, STREAMS, TYPE, token
from bench.run import Run
from bench.servers import psql
from mdb.core.hash64 import cardinal_hash
from mdb.core.ids import new_id
from mdb.core.tokens import parse
from mdb.database import NewNamespace
from mdb.stores.sqlite import registry
from mdb.stores.sqlite.connect import open_file
from mdb.stores.sqlite.connections import FileConnections, IdleReaders
from mdb.stores.sqlite.files import METADATA_FILE, NAMESPACES
from tests.fixtures.postgres_server import PostgresServer

CATEGORIES = ("account", "order", "cart", "user")


class Namespace(msgspec.Struct, frozen=True):
    """A namespace and how much it holds."""

    id: str
    messages: int
    categories: tuple[str, ...] = CATEGORIES

    def stream(self, number: int) -> str:
        """Return the name of a stream."""
        return f"{self.categories[number % len(self.categories)]}-{number}"


def sized(run: Run, namespace: Namespace) -> Namespace:
    """Return a namespace with as many messages as a run has time for."""
    messages = max(namespace.messages // 10, 1) if run.quick else namespace.messages
    return msgspec.structs.replace(namespace, messages=messages)


def _create(url: str, namespaces: Sequence[Namespace]) -> list[str]:
    """Create namespaces; return where each is: its file, or its schema."""

    async def create() -> list[str]:
        locations = []
        async with mdb.open(url) as opened:
            for namespace in namespaces:
                new = NewNamespace(namespace.id, token=token(namespace.id))
                made, _token = await opened.create_namespace(new)
                locations.append(made.record.location)
        return locations

    return trio.run(create)


def fill_postgres(server: PostgresServer, name: str, namespaces: Sequence[Namespace]) -> None:
    """Create namespaces with their histories in a database that no server has opened."""
    locations = _create(server.url(name), namespaces)
    for namespace, schema in zip(namespaces, locations, strict=True):
        psql(server, name, _script(namespace, schema))


def fill_genuine(server: PostgresServer, name: str, namespace: Namespace) -> None:
    """Fill Message DB's own schema."""
    psql(server, name, _script(namespace, "message_store"), search_path="message_store,public")


def _script(namespace: Namespace, schema: str) -> str:
    categories = ",".join(namespace.categories)
    return f"""
        insert into {schema}.messages (id, stream_name, type, position, data)
        select gen_random_uuid(),
          ('{{{categories}}}'::text[])[1 + g % {STREAMS} % {len(namespace.categories)}]
            || '-' || g % {STREAMS},
          '{TYPE}', g / {STREAMS}, '{json.dumps(DATA)}'
        from generate_series(0, {namespace.messages - 1}) g;
        vacuum (analyze) {schema}.messages;
        checkpoint;
    """


def fill_sqlite(directory: Path, namespaces: Sequence[Namespace]) -> None:
    """Create namespaces with their histories in a data directory that no server has opened."""
    locations = _create(f"sqlite:///{directory}", namespaces)
    for namespace, location in zip(namespaces, locations, strict=True):
        db = open_file(directory / "namespaces" / location, create=False)
        try:
            fill_loop(db, namespace)
        finally:
            db.close()


def empty_namespaces(directory: Path, ids: Sequence[str]) -> None:
    """Create so many empty namespaces in a data directory, as copies of one file.

    The server takes some 10 ms for each, most of it waiting for the disk; this nothing like it.
    """
    _create(f"sqlite:///{directory}", [])  # the registry
    template = directory / "template.db"
    open_file(template, create=True).close()
    FileConnections(template, IdleReaders(1)).migrate()
    db = open_file(directory / METADATA_FILE, create=False)
    try:
        db.execute("pragma synchronous = off")
        for one in ids:
            digest = parse(token(one)).digest
            record = registry.begin_create(db, one, digest, None, None)
            shutil.copyfile(template, directory / NAMESPACES / record.location)
            registry.finish_create(db, record)
    finally:
        db.close()
    template.unlink()


def fill_loop(db: apsw.Connection, namespace: Namespace) -> None:
    """Fill the file of one namespace."""
    db.execute("begin immediate")
    db.executemany(
        "insert into messages (id, stream_name, type, position, data, time, hash)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        _rows(namespace),
    )
    db.execute("commit")
    db.execute("pragma wal_checkpoint(truncate)")


def _rows(namespace: Namespace) -> Iterator[tuple[bytes, str, str, int, str, int, int | None]]:
    names = [namespace.stream(number) for number in range(STREAMS)]
    streams = [(name, cardinal_hash(name)) for name in names]
    data = json.dumps(DATA)
    began = 1_700_000_000_000_000
    for number in range(namespace.messages):
        name, hashed = streams[number % STREAMS]
        yield new_id(), name, TYPE, number // STREAMS, data, began + number, hashed
