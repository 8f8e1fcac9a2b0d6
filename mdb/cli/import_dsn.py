"""`mdb import --from-dsn`: the messages of a Message DB into a namespace, by way of its server.

In parts: each is an import of its own, so nothing is lost of those that were taken in. How far it
has come is told by the namespace itself, whose last message must be the source's at that position:
there is no other note of it that could be lost, or be wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from mdb.cli.client import Client, Refused
from mdb.cli.failures import Failed, UsageError
from mdb.cli.output import write_json, write_lines
from mdb.cli.progress import Progress
from mdb.cli.remote import Target
from mdb.cli.sse import Events
from mdb.core import ids, interchange
from mdb.core.errors import InvalidRequest
from mdb.core.messages import StoredMessage
from mdb.settings.urls import mask_url
from mdb.stores.base import OpenError

try:
    from mdb.stores.postgres.source import MessageSource, reading_from
except ImportError as exc:  # the driver does not run on every Python
    raise Failed(str(exc)) from exc

# Messages of one part: what is sent again after an interruption, at most.
PART_MESSAGES: Final = 20_000

# Seconds to wait at the source for those who have written and not committed yet.
PATIENCE: Final = 60.0

# Seconds to wait for the end of another import into the namespace.
OTHER_IMPORT_LIMIT: Final = 30.0


class Wanted(msgspec.Struct, frozen=True):
    """What to take in: the messages of a schema of a database.

    `keep_closed`: the namespace refuses other writes afterwards, too.
    """

    dsn: str
    schema: str
    keep_closed: bool = False

    @property
    def name(self) -> str:
        """The source as people are told it: without a password."""
        return f"{mask_url(self.dsn.partition('?')[0])} schema {self.schema}"[:500]


class _Info(msgspec.Struct):
    head: int


def import_dsn(wanted: Wanted, namespace: str | None, target: Target, *, json: bool) -> int:
    """Carry everything over that is not there yet; print how many messages that were.

    Raises `Failed`, `UsageError`. Interrupted, it can be called again.
    """
    if not wanted.dsn.startswith(("postgresql://", "postgres://")):
        raise UsageError("--from-dsn: expected postgresql://USER@HOST:PORT/NAME")
    named = namespace or target.own_namespace()
    begun = time.monotonic()
    try:
        with Client(target) as client, reading_from(wanted.dsn, wanted.schema) as source:
            count = _Transfer(client, source, wanted, named).run()
    except OpenError as exc:
        raise Failed(str(exc)) from exc
    elapsed = f"{time.monotonic() - begun:.1f}s"
    if json:
        write_json(msgspec.json.encode({"imported": count, "elapsed": elapsed}))
    else:
        rest = "; it takes no writes yet" if wanted.keep_closed else ""
        write_lines([f"{count} messages imported into {named} in {elapsed}{rest}"])
    return 0


def give_up(namespace: str | None, target: Target, *, json: bool) -> int:
    """Let writers into a namespace that an import keeps closed; what has come stays."""
    named = namespace or target.own_namespace()
    query = {"namespace": named, "part": "end"}
    with Client(target) as client:
        _send(client, query, iter(()), lambda _event: None)
    if json:
        write_json(b"{}")
    else:
        write_lines([f"the namespace {named} takes writes"])
    return 0


class _Transfer:
    """Carries messages from a source to a server."""

    def __init__(
        self, client: Client, source: MessageSource, wanted: Wanted, namespace: str
    ) -> None:
        self._client = client
        self._source = source
        self._wanted = wanted
        self._namespace = namespace
        self._at: tuple[int, bytes] | None = None  # the last message that was sent
        self._positions: list[int] = []  # of the lines of this part
        self._count = 0  # messages taken in by the parts before

    def run(self) -> int:
        """Carry over what lies above the namespace's head; return how many messages."""
        upto = self._source.settled_head(PATIENCE)
        progress = Progress(None)
        try:
            head = self._begin(progress)
            progress.total = max(upto - head, 1)
            while self._position < upto:
                before = self._position
                self._part("more", self._lines(upto, head, progress), progress)
                if self._position == before:
                    break
            if not self._wanted.keep_closed:
                self._part("last", iter(()), progress)
        finally:
            progress.clear()
        return self._count

    @property
    def _position(self) -> int:
        return 0 if self._at is None else self._at[0]

    def _begin(self, progress: Progress) -> int:
        """Close the namespace to others, where the source goes on from its head; return that."""
        until = time.monotonic() + OTHER_IMPORT_LIMIT
        while True:
            info = msgspec.json.decode(self._client.call("ns.info", self._namespace), type=_Info)
            self._at = self._find(info.head)
            try:
                # Without a message: where somebody has written meanwhile, it is said here, before
                # anything is read.
                self._part("more", iter(()), progress)
            except Refused as exc:
                if exc.code != "OVERLOADED" or time.monotonic() > until:
                    raise
                # Perhaps a part of this very import, which was interrupted and is still cleared up.
                time.sleep(1)
            else:
                return info.head

    def _find(self, head: int) -> tuple[int, bytes] | None:
        """Find where the namespace ends in the source."""
        if not head:
            return None
        last = self._source.id_at(head)
        if last is None:
            raise Failed(
                f"the namespace {self._namespace} ends at global position {head}, where the source "
                "has no message: it holds others, and nothing was imported"
            )
        return head, last

    def _lines(self, upto: int, head: int, progress: Progress) -> Iterator[bytes]:
        """Read one part, page by page, as lines of an import."""
        while len(self._positions) < PART_MESSAGES:
            page = self._source.page(self._position, upto)
            if not page:
                return
            yield b"".join(map(_line, page))
            self._positions += [message.global_position for message in page]
            self._at = (page[-1].global_position, page[-1].id)
            progress.sent = self._position - head
            progress.show()

    def _part(self, part: str, pieces: Iterator[bytes], progress: Progress) -> None:
        """Send one part, and wait until it was taken in."""
        query = {"namespace": self._namespace, "part": part, "source": self._wanted.name}
        if self._at is not None:
            query |= {"after": str(self._at[0]), "id": ids.format_uuid(self._at[1])}
        self._positions = []

        def hear(event: _Event) -> None:
            progress.imported = self._count + event.imported
            progress.show()
            if event.error is not None:
                raise Failed(f"{self._place(event)}{event.error}: {event.message}; {_KEPT}")

        self._count += _send(self._client, query, pieces, hear)

    def _place(self, event: _Event) -> str:
        if event.line is None or event.line > len(self._positions):
            return ""
        return f"the message at global position {self._positions[event.line - 1]} of the source: "


def _line(message: StoredMessage) -> bytes:
    try:
        return interchange.encode((message,))
    except (InvalidRequest, OverflowError) as exc:
        at = message.global_position
        raise Failed(f"the message at global position {at} of the source: {exc}; {_KEPT}") from exc


class _Event(msgspec.Struct):
    imported: int = 0
    done: bool = False
    error: str | None = None
    message: str = ""
    line: int | None = None


_KEPT: Final = "what came before it is there, and the same command goes on from there"


def _send(
    client: Client,
    query: Mapping[str, str],
    pieces: Iterator[bytes],
    hear: Callable[[_Event], None],
) -> int:
    """Make an import; return how many messages were taken in. `hear` is told how it goes."""
    headers = {"Content-Type": "application/x-ndjson", "Accept": "text/event-stream"}
    parser = Events()
    for answer in client.upload(f"/import?{urlencode(query)}", headers, pieces):
        for event in parser.feed(answer):
            found = msgspec.json.decode(event.data, type=_Event)
            hear(found)
            if found.error is not None:
                raise Failed(f"{found.error}: {found.message}")
            if found.done:
                return found.imported
    raise Failed(f"{client.target.url}: the answer broke off; {_KEPT}")
