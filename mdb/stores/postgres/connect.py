"""Connecting: the address, the session's settings, and which servers are refused and why."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
import msgspec

from mdb.core.urls import postgres_fault
from mdb.stores.base import OpenError
from mdb.stores.postgres.bridge import Bridge
from mdb.stores.postgres.faults import Lost, Refused, one_line
from mdb.stores.postgres.session import Driver, Session, SessionId
from mdb.stores.postgres.sql import registry_query

# Seconds for a connection to be there and set up. Several hosts share it.
CONNECT_LIMIT = 10.0

# Seconds a statement waits for a lock that somebody else holds; below an actor's limit for a
# commit, so that it ends with "nothing was written" and not with an unknown outcome.
LOCK_TIMEOUT = "10s"

# A session of ours never rests inside a transaction: one that does has lost its client.
IDLE_IN_TRANSACTION = "60s"

# Seconds for a statement whose call has no limit of its own; also for the driver's cancel requests.
COMMAND_TIMEOUT = 30.0

# Connections of one server (process) for writes and reads. Two more notify and listen: 20 in all.
POOL_SIZE = 18

# The oldest Postgres on which the schemas work and the tests are run.
MINIMUM_VERSION = 140000


class Address(msgspec.Struct, frozen=True):
    """A database URL, taken apart into the driver's part and our own options.

    `pool_size`: most connections. `pooler`: a transaction pooler stands between (PgBouncer), so no
    session state is relied upon.
    """

    dsn: str
    pool_size: int = POOL_SIZE
    pooler: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts as the URL names them, empty where it names none."""
        netloc = urlsplit(self.dsn).netloc
        return tuple(h for h in netloc.rpartition("@")[2].split(",") if h)

    def of_host(self, host: str) -> Address:
        """Return the same address with one host only."""
        parts = urlsplit(self.dsn)
        user, at, _hosts = parts.netloc.rpartition("@")
        return Address(urlunsplit(parts._replace(netloc=f"{user}{at}{host}")), 1, self.pooler)


def parse_url(url: str) -> Address:
    """Take a database URL apart. Raises `OpenError`.

    `postgresql://user:password@host:5432,host2/name?target_session_attrs=read-write&pool_size=18`;
    beside what the driver knows, `pool_size` (2 to 1000, default 18) and `pooler=transaction`.
    """
    fault = postgres_fault(url)
    if fault is not None:
        raise OpenError(f"database URL: {fault}")
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    given = dict(options)
    size = given.pop("pool_size", str(POOL_SIZE))
    if not (size.isascii() and size.isdigit() and 2 <= int(size) <= 1000):
        raise OpenError(f"database URL: pool_size must be from 2 to 1000, not {size!r}")
    pooler = given.pop("pooler", "")
    if pooler not in {"", "transaction"}:
        raise OpenError(f"database URL: pooler must be 'transaction', not {pooler!r}")
    # A standby refuses every write: of several hosts, the primary is looked for.
    given.setdefault("target_session_attrs", "read-write")
    dsn = urlunsplit(parts._replace(scheme="postgresql", query=urlencode(given)))
    return Address(dsn, int(size), pooler=bool(pooler))


def refusal(version: str, number: int, encoding: str, citus_group: int | None) -> str | None:
    """Say why mdb does not run on a server, or None where it does.

    `version`: its answer to `version()`; `number`: 140000 for 14.0; `citus_group`: of a node of
    Citus, 0 for the coordinator, None without Citus.
    """
    if version.startswith("CockroachDB"):
        return (
            "CockroachDB is not supported: its advisory locks do nothing, so writes would not be "
            "in order, and it has no LISTEN"
        )
    if "-YB-" in version:
        return "YugabyteDB is not supported: it has not passed mdb's tests"
    if number < MINIMUM_VERSION:
        return f"Postgres {MINIMUM_VERSION // 10000} or later is needed, this is: {version}"
    if encoding != "UTF8":
        return f"the database's encoding must be UTF8, not {encoding}"
    if citus_group is not None and citus_group != 0:
        return (
            f"this is a worker of a Citus cluster (group {citus_group}): global positions and "
            "locks hold on the coordinator only; connect to that"
        )
    return None


class Connector:
    """Opens sessions with the servers of an address."""

    def __init__(self, address: Address) -> None:
        """No I/O."""
        self.address = address

    async def connect(self) -> Session:
        """Connect and set the session up. On the asyncio side. Raises `Refused`, driver errors."""
        raw = await asyncpg.connect(
            self.address.dsn,
            timeout=CONNECT_LIMIT,
            command_timeout=COMMAND_TIMEOUT,
            # We prepare what we use, and know what is prepared.
            statement_cache_size=0 if self.address.pooler else 100,
            server_settings={"application_name": "mdb"},
        )
        try:
            return await self._set_up(raw)
        except BaseException:
            raw.terminate()
            raise

    async def _set_up(self, raw: Driver) -> Session:
        await _check(raw)
        # JSON goes through as bytes. The binary form of jsonb is a version, 1, and then the text.
        await raw.set_type_codec(
            "jsonb",
            schema="pg_catalog",
            format="binary",
            encoder=lambda text: b"\x01" + text,
            decoder=lambda binary: binary[1:],
        )
        if self.address.pooler:
            return Session(raw, None)
        row = await raw.fetchrow(registry_query("session"), LOCK_TIMEOUT, IDLE_IN_TRANSACTION)
        return Session(raw, SessionId(row["pid"], row["started"]))


async def _check(raw: Driver) -> None:
    version: str = await raw.fetchval(registry_query("server_version"))
    why = refusal(version, MINIMUM_VERSION, "UTF8", None)
    if why is None:
        citus = await raw.fetchval(registry_query("citus"))
        group = await raw.fetchval(registry_query("citus_group")) if citus else None
        settings = raw.get_settings()
        why = refusal(version, _version_number(raw), settings.server_encoding, group)
    if why is not None:
        raise Refused(why)


def _version_number(raw: Driver) -> int:
    version = raw.get_server_version()
    return int(version.major) * 10000 + int(version.minor)


async def first_connection(bridge: Bridge, connector: Connector) -> Session:
    """Connect for the first time. Raises `OpenError`: one line, which host refused and how."""
    hosts = connector.address.hosts
    try:
        return await _attempt(bridge, connector)
    except _FAULTS as exc:
        if len(hosts) <= 1:
            raise OpenError(_line({hosts[0] if hosts else "the default host": exc})) from exc
        first = exc
    # The driver tells of the last host only; an operator wants to know of each.
    faults: dict[str, BaseException] = {}
    for host in hosts:
        try:
            (await _attempt(bridge, Connector(connector.address.of_host(host)))).terminate()
            faults[host] = Refused("answers now")
        except _FAULTS as fault:
            faults[host] = fault
    raise OpenError(_line(faults)) from first


_FAULTS = (Lost, Refused, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)


async def _attempt(bridge: Bridge, connector: Connector) -> Session:
    return await bridge.call(connector.connect, limit=CONNECT_LIMIT)


def _line(faults: Mapping[str, BaseException]) -> str:
    told = "; ".join(f"{host}: {_reason(exc)}" for host, exc in faults.items())
    return f"the database cannot be opened: {told}"


def _reason(exc: BaseException) -> str:
    cause = exc.__cause__
    if isinstance(cause, asyncpg.TargetServerAttributeNotMatched):
        return "it takes no writes (a standby, or read-only)"
    return one_line(cause if isinstance(exc, Lost) and cause is not None else exc)
