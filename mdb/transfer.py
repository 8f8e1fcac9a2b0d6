"""A namespace's history as lines of JSON: out of it, and into it.

Both keep what they hold in memory within a few pages, however long the history is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from mdb.core import interchange
from mdb.core.errors import AuthUnauthorized, InvalidRequest, MdbError, Overloaded, PayloadTooLarge
from mdb.core.messages import ExportPage, Part, Selection, StoredMessage
from mdb.namespace import Namespace
from mdb.stores.base import PAGE_BYTES, Importer
from mdb.stores.continuity import closed, too_low

# Messages looked at for one page of an export, and staged at a time by an import.
PAGE_MESSAGES = 1000

# Bytes of data and metadata of one message, together, that an import takes.
MESSAGE_BYTES = 1 << 20

# How much longer than its data and metadata a line may be by names, white space and escapes
# (`\\u00e4` is six bytes for two).
_LINE_FACTOR = 8
_LINE_EXTRA = 1 << 16

_EVERYTHING = Selection()


async def begin_export(
    namespace: Namespace, selection: Selection = _EVERYTHING
) -> AsyncGenerator[bytes, None]:
    """Begin an export; return a generator of blocks of whole lines, to be closed by the caller.

    It holds what was there when it began, in order of global position, and reads page by page: no
    transaction stays open meanwhile. The first page is read before this returns, so that a
    database that cannot be reached is noticed at once.
    """
    # Not the head: below that a message may still become visible, which the export would lack.
    head = await namespace.store.settled_head()
    first = await namespace.store.export_page(selection, 0, head, PAGE_MESSAGES)
    return _blocks(namespace, selection, head, first)


async def _blocks(
    namespace: Namespace, selection: Selection, head: int, page: ExportPage
) -> AsyncGenerator[bytes, None]:
    while True:
        if page.messages:
            # In a thread: a page takes milliseconds, which others need not wait for.
            yield await trio.to_thread.run_sync(interchange.encode, page.messages)
        if not page.more:
            return
        if namespace.gone:
            raise AuthUnauthorized("the namespace was deleted")
        page = await namespace.store.export_page(selection, page.upto, head, PAGE_MESSAGES)


class Import:
    """An import under way: `feed` it, then `finish`. Get one from `importing`.

    `imported` and `position` tell how many messages were staged, and the last one's global
    position. Errors that lie in a line carry its number, from 1, in `details["line"]`; after any
    error the import is over.
    """

    def __init__(
        self, namespace: Namespace, importer: Importer, limit: int, part: Part | None
    ) -> None:
        """Made by `importing`."""
        self.imported = 0
        self.position = 0
        self._namespace = namespace
        self._importer = importer
        self._limit = limit
        self._part = part
        self._longest = limit * _LINE_FACTOR + _LINE_EXTRA
        self._rest = b""
        self._line = 0
        self._last = 0
        self._waiting: list[tuple[int, StoredMessage]] = []
        self._size = 0

    async def feed(self, data: bytes) -> None:
        """Take in the next bytes, cut anywhere; blank lines are skipped.

        Raises `InvalidRequest`, `PayloadTooLarge`, `PositionExists` (out of order, or a gap in a
        stream), and what the store does.
        """
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = self._rest + lines[0]
            self._rest = rest
            for line in lines:
                await self._take(line)
        else:
            self._rest += rest
        self._check_length(self._rest, self._line + 1)

    async def finish(self) -> None:
        """Put everything into the namespace, all of it or nothing.

        Raises what `Importer.move` does. Cancelled, it is in or it is not; subscribers are told
        in either case.
        """
        rest, self._rest = self._rest, b""
        await self._take(rest)
        await self._flush()
        if not self.imported and self._part is None:
            return
        upto = 0
        try:
            await self._importer.move(self._part)
            upto = self.position
        finally:
            if self.imported:
                self._namespace.feed.note_import(upto)

    async def _take(self, line: bytes) -> None:
        self._line += 1
        if not line or line.isspace():
            return
        self._check_length(line, self._line)
        message = self._parsed(line)
        if message.global_position <= self._last:
            raise too_low(self._line, message.global_position, self._last)
        if not self._last:
            # Judged again when it is moved; said now, it may spare a long upload.
            head = await self._namespace.store.head()
            if message.global_position <= head:
                raise too_low(self._line, message.global_position, head)
        self._last = message.global_position
        self._waiting.append((self._line, message))
        self._size += len(message.data) + len(message.metadata or b"")
        if len(self._waiting) >= PAGE_MESSAGES or self._size >= PAGE_BYTES:
            await self._flush()

    def _parsed(self, line: bytes) -> StoredMessage:
        try:
            return interchange.decode(line, self._limit)
        except MdbError as error:
            error.details["line"] = self._line
            raise

    def _check_length(self, line: bytes, number: int) -> None:
        if len(line) > self._longest:
            raise PayloadTooLarge(
                f"a line has more than {self._longest} bytes", details={"line": number}
            )

    async def _flush(self) -> None:
        if self._namespace.gone:
            raise AuthUnauthorized("the namespace was deleted")
        if self._waiting:
            staged, self._waiting, self._size = self._waiting, [], 0
            await self._importer.stage(staged)
            self.imported += len(staged)
            self.position = staged[-1][1].global_position


@asynccontextmanager
async def importing(
    namespace: Namespace, *, limit: int = MESSAGE_BYTES, part: Part | None = None
) -> AsyncGenerator[Import, None]:
    """Import into a namespace for as long as the block runs: what is not finished leaves nothing.

    `limit`: bytes of data and metadata that one message may have. `part`: it is one of several
    that keep the namespace closed to other writes from the first to the last. Raises `Overloaded`
    while another import into this namespace is under way, `BackendUnavailable`, `BackendError`.
    """
    check_importable(namespace)
    namespace.importing = True
    try:
        if part is None:
            # Judged again when it is moved; said now, it may spare a long upload.
            source = await namespace.store.import_source()
            if source is not None:
                raise closed(source)
        async with namespace.store.begin_import() as importer:
            yield Import(namespace, importer, limit, part)
    finally:
        namespace.importing = False


def check_importable(namespace: Namespace) -> None:
    """Raise what keeps an import from being begun, as far as it can be told without I/O."""
    if namespace.gone:
        raise AuthUnauthorized("the namespace was deleted")
    if namespace.record.adopted:
        raise InvalidRequest("an adopted schema takes no import: its other writers may write")
    if namespace.importing:
        raise Overloaded("another import into this namespace is under way", retry_after=5)
