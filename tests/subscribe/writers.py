"""What writes to a namespace's schema past the server."""

from __future__ import annotations

from typing import Any

from tests.fixtures.postgres import Connection

# As Message DB's own function does it: the lock is the category's, not the namespace's.
GENUINE = """
create function {schema}.genuine_write(stream text) returns bigint language plpgsql as $$
declare
  last bigint;
begin
  perform pg_advisory_xact_lock({schema}.hash_64({schema}.category(stream)));
  select coalesce(max(m.position), -1) into last
  from {schema}.messages m where m.stream_name = stream;
  insert into {schema}.messages (id, stream_name, position, type, data)
  values (gen_random_uuid(), stream, last + 1, 'Direct', '{{}}');
  return last + 1;
end;
$$
"""


async def install(conn: Connection, schema: str) -> None:
    await conn.execute(GENUINE.format(schema=schema))


async def genuine(conn: Connection, schema: str, stream: str) -> None:
    """Write as a Message DB client on a genuine schema."""
    await conn.fetchval(f"select {schema}.genuine_write($1)", stream)


async def direct(conn: Connection, schema: str, stream: str) -> None:
    """Write as a Message DB client on one of our schemas."""
    await conn.fetchval(
        f"select {schema}.write_message(gen_random_uuid()::text, $1, 'Direct', '{{}}')", stream
    )


async def take(pokes: Any, count: int) -> list[tuple[str, int]]:
    """The next pokes of a subscription: streams and global positions."""
    found = [await anext(pokes) for _ in range(count)]
    return [(poke.stream, poke.global_position) for poke in found]
