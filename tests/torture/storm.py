"""Everything at once: servers, direct writers, faults; then every subscriber's account is settled.

What happens when is decided by a seed; how the threads of the machine interleave is not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import trio

from mdb.core.ids import new_id
from mdb.core.messages import Append, NewMessage
from mdb.namespace import Namespace
from tests.fixtures.postgres import Connection
from tests.torture.over_http import Remote
from tests.torture.subscribers import Stored, Subscriber, of_every_kind

# In this process, or at the other end of a connection.
Server: TypeAlias = Namespace | Remote

SCHEMA = "message_store"
SUBSCRIBERS = 60

# Eight streams each. The servers and clients of our own write_message share the first three
# categories; clients that lock as genuine Message DB does, by category, have the others.
OURS = [f"c{n}-{m}" for n in range(3) for m in range(8)]
GENUINE = [f"g{n}-{m}" for n in range(2) for m in range(8)]

# For the phase of plain load: more connections than cores, each with a category.
PLAIN = [f"p{n}-1" for n in range(8)]

INSTALL = f"""
create function {SCHEMA}.genuine_write(stream text, type text) returns void language plpgsql as $$
declare
  last bigint;
begin
  perform pg_advisory_xact_lock({SCHEMA}.hash_64({SCHEMA}.category(stream)));
  select coalesce(max(m.position), -1) into last
  from {SCHEMA}.messages m where m.stream_name = stream;
  insert into {SCHEMA}.messages (id, stream_name, position, type, data, metadata)
  values (gen_random_uuid(), stream, last + 1, type, '{{}}', '{{"correlationStreamName": "c1-1"}}');
end;
$$;
create function {SCHEMA}.dawdle() returns trigger language plpgsql as $$
begin
  perform pg_sleep(0.15);
  return new;
end;
$$;
-- By now the number is drawn, and the row is not there.
create trigger dawdle before insert on {SCHEMA}.messages
for each row when (new.type = 'Slow') execute function {SCHEMA}.dawdle();
"""

# Ends the connections that listen for notifications.
CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where query ilike 'listen%' and datname = current_database()"
)

LISTENING = (
    "select count(*) from pg_stat_activity "
    "where query ilike 'listen%' and datname = current_database()"
)

STORED = f"""
select stream_name, position, global_position,
  split_part(metadata->>'correlationStreamName', '-', 1) as correlation
from {SCHEMA}.messages order by global_position
"""

# Seconds in which everybody must have been told everything, once the writing has ended.
SETTLE = 25.0


class Storm:
    """One run. `servers`: the same namespace, as each server has it."""

    def __init__(self, seed: int, servers: Sequence[Server], seconds: float) -> None:
        self.chance = random.Random(seed)
        self.servers = servers
        self.seconds = seconds
        self.deadline = 0.0

    def fork(self) -> random.Random:
        """A source of chance for one task: what others do does not change what it draws."""
        return random.Random(self.chance.random())

    async def write(self, namespace: Server, chance: random.Random) -> None:
        """Write through a server: one message, or a few at once."""
        while trio.current_time() < self.deadline:
            stream = chance.choice(OURS)
            correlation = chance.choice(("c1", "c2", None))
            metadata = b'{"correlationStreamName": "%b-1"}' % (correlation or "").encode()
            messages = tuple(
                NewMessage(
                    id=new_id(),
                    stream=stream,
                    type="T",
                    data=b"{}",
                    metadata=metadata if correlation else None,
                    correlation=correlation,
                )
                for _ in range(chance.choice((1, 1, 1, 5)))
            )
            await namespace.append(Append(messages))
            await trio.sleep(chance.choice((0, 0.01, 0.05)))

    async def direct(self, conn: Connection, chance: random.Random, *, genuine: bool) -> None:
        """Write in transactions of our own, some long, some rolled back, some dawdling."""
        while trio.current_time() < self.deadline:
            steps = ["begin"]
            category = chance.randrange(2 if genuine else 3)
            for _ in range(chance.choice((1, 1, 3))):
                stream = f"{'g' if genuine else 'c'}{category}-{chance.randrange(8)}"
                kind = "Slow" if chance.random() < 0.1 else "T"
                if genuine:
                    steps.append(f"select {SCHEMA}.genuine_write('{stream}', '{kind}')")
                else:
                    new = "gen_random_uuid()::text"
                    steps.append(
                        f"select {SCHEMA}.write_message({new}, '{stream}', '{kind}', '{{}}')"
                    )
                steps.append(f"select pg_sleep({chance.choice((0, 0, 0.02, 0.1))})")
            steps.append("rollback" if chance.random() < 0.15 else "commit")
            await conn.execute(";".join(steps))
            await trio.sleep(chance.uniform(0, 0.05))

    async def plain(self, conn: Connection, stream: str, until: float) -> None:
        """Write as fast as it goes, without waiting for the disk."""
        await conn.execute("set synchronous_commit = off")
        many = f"select {SCHEMA}.genuine_write('{stream}', 'T')"
        while trio.current_time() < until:
            # Each a transaction of its own.
            for _ in range(5):
                await conn.execute(many)

    async def cut(self, conn: Connection, chance: random.Random) -> None:
        """End listening connections now and then."""
        while trio.current_time() < self.deadline:
            await trio.sleep(chance.uniform(0.1, 0.7))
            await conn.execute(CUT)

    async def run(self, connections: Sequence[Connection], nursery: trio.Nursery) -> None:
        """Let all of it begin; it ends by itself at the deadline."""
        begin = trio.current_time()
        self.deadline = begin + self.seconds
        for number in range(4):
            server = self.servers[number % len(self.servers)]
            nursery.start_soon(self.write, server, self.fork())
        if not connections:
            return
        free = list(connections)
        nursery.start_soon(self.cut, free.pop(), self.fork())
        for number in range(6):
            direct = free.pop()
            genuine = number < 4

            async def write(conn: Connection = direct, genuine: bool = genuine) -> None:
                await self.direct(conn, self.fork(), genuine=genuine)

            nursery.start_soon(write)
        for conn, stream in zip(free, PLAIN, strict=True):
            nursery.start_soon(self.plain, conn, stream, begin + self.seconds / 4)


CONNECTIONS = 1 + 6 + len(PLAIN)


async def torture(
    seed: int,
    servers: Sequence[Server],
    connections: Sequence[Connection],
    *,
    seconds: float,
    stored: Callable[[], Any],
) -> tuple[int, list[str]]:
    """Run it; return how many messages there are, and what is wrong."""
    storm = Storm(seed, servers, seconds)
    streams = [*OURS, *GENUINE] if connections else OURS
    subscribers = of_every_kind(SUBSCRIBERS, servers, streams, storm.fork())
    finishing = trio.Event()
    async with trio.open_nursery() as following:
        for subscriber in subscribers:
            following.start_soon(subscriber.run, finishing)
        async with trio.open_nursery() as writing:
            await storm.run(connections, writing)
        finishing.set()
        if connections:
            await write_unheard(connections[0], len(servers))
        everything = await stored()
        settle(subscribers, everything)
        following.cancel_scope.deadline = trio.current_time() + SETTLE
    faults = [fault for s in subscribers if (fault := s.fault(everything)) is not None]
    return len(everything), faults


async def write_unheard(conn: Connection, servers: int) -> None:
    """Write when all is quiet, and tell nobody: a poll has to find it."""
    with trio.fail_after(SETTLE):
        while await conn.fetchval(LISTENING) < servers:  # noqa: ASYNC110  (nobody sets an event)
            await trio.sleep(0.05)
    await trio.sleep(1)  # until the servers have looked at what they missed
    for stream in ("c0-0", "c1-1", "c2-2"):
        await conn.execute(
            f"select {SCHEMA}.write_message(gen_random_uuid()::text, '{stream}', 'T', '{{}}')"
        )


def settle(subscribers: Sequence[Subscriber], everything: Sequence[Stored]) -> None:
    """Tell each how much there is for it: then it knows when it has all."""
    for subscriber in subscribers:
        subscriber.wanted = sum(message.matches(subscriber.follow) for message in everything)
