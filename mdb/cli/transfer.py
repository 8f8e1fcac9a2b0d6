"""`mdb export` and `mdb import`: a namespace's history as lines of JSON."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final
from urllib.parse import urlencode

import msgspec
from cyclopts import Parameter

from mdb.cli.client import Client
from mdb.cli.failures import Failed, UsageError
from mdb.cli.output import Json, write_json, write_lines
from mdb.cli.progress import Progress
from mdb.cli.remote import DEFAULT_REMOTE, Remote
from mdb.cli.sse import Events

_PIECE: Final = 65_536

MESSAGE_DB_SCHEMA: Final = "message_store"


def export(
    *,
    category: Annotated[
        list[str] | None,
        Parameter(help="Only messages of this category; may be given again.", negative=()),
    ] = None,
    since: Annotated[
        str | None, Parameter(help="Only messages from this time on, as 2026-01-15T10:30:00Z.")
    ] = None,
    until: Annotated[str | None, Parameter(help="Only messages from before this time.")] = None,
    output: Annotated[
        Path | None,
        Parameter(
            help="File to write. It is there when it is complete. [default: standard output]"
        ),
    ] = None,
    json: Json = False,
    remote: Remote = DEFAULT_REMOTE,
) -> int:
    """Print a namespace's messages as lines of JSON, in order, for import.

    Everything that is kept of them, the time to the microsecond; the same history gives the same
    bytes. With --json, and --output: one object with how many there are.
    """
    if any("," in name for name in category or ()):
        raise UsageError("--category: one category each, without a comma")
    given = {"categories": category and ",".join(category), "since": since, "until": until}
    # An empty one is the server's to refuse: left out, it would be an export of everything.
    query = urlencode({name: value for name, value in given.items() if value is not None})
    count = 0
    with ExitStack() as stack:
        client = stack.enter_context(Client(remote.target()))
        out: BinaryIO = sys.stdout.buffer
        if output is not None and str(output) != "-":
            out = stack.enter_context(_complete_or_not_at_all(output))
        for piece in client.follow(f"/export{'?' * bool(query)}{query}", {}):
            count += piece.count(b"\n")
            try:
                out.write(piece)
            except BrokenPipeError:
                raise
            except OSError as exc:
                raise Failed(f"{output or 'standard output'}: {exc.strerror}") from exc
    if out is not sys.stdout.buffer:
        if json:
            write_json(msgspec.json.encode({"exported": count, "file": str(output)}))
        else:
            write_lines([f"{count} messages exported to {output}"])
    return 0


@contextmanager
def _complete_or_not_at_all(path: Path) -> Generator[BinaryIO]:
    """Write a file under another name, and give it its own once all of it is on disk.

    Where a link leads to a file, it is that file; a device or a pipe is written to as it is.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as device:
                yield device
            return
        path = Path(os.path.realpath(path))  # a loop of links is no traceback
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as exc:
        raise Failed(f"{path}: {exc.strerror}") from exc
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except OSError as exc:
        Path(name).unlink(missing_ok=True)
        raise Failed(f"{path}: {exc.strerror}") from exc
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def import_(
    file: Annotated[
        str,
        Parameter(
            help="File that export has written, or - for standard input. "
            "With --from-dsn: the namespace to fill, by default the token's own."
        ),
    ] = "-",
    /,
    *,
    from_dsn: Annotated[
        str | None,
        Parameter(help="Take the messages from a Message DB: postgresql://USER@HOST:PORT/NAME."),
    ] = None,
    schema: Annotated[
        str | None, Parameter(help="Schema they are in. [default: message_store]")
    ] = None,
    keep_closed: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Let no writers in at the end: more is going to come from there.",
        ),
    ] = False,
    give_up: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="End an import from a DSN that is not going to be finished: let writers in.",
        ),
    ] = False,
    json: Json = False,
    remote: Remote = DEFAULT_REMOTE,
) -> int:
    """Take in what export has written, with its positions, ids and times: all of it or nothing.

    The positions must lie above what the namespace holds, and its streams go on without a gap.
    Interrupted, it leaves nothing. With --json: one object with how many there were.

    With --from-dsn it reads a Message DB, and needs a namespace that is empty or holds the
    beginning of just that history. From the beginning to the end of the import the namespace
    refuses other writes. Interrupted, it goes on where it was when the same command is given again.
    """
    if give_up + (from_dsn is not None) > 1:
        raise UsageError("--give-up and --from-dsn: only one may be given")
    if from_dsn is None and (schema is not None or keep_closed):
        raise UsageError("--schema and --keep-closed go with --from-dsn")
    if give_up or from_dsn is not None:
        from mdb.cli import import_dsn  # noqa: PLC0415  (heavy)

        namespace = None if file == "-" else file
        if from_dsn is None:
            return import_dsn.give_up(namespace, remote.target(), json=json)
        wanted = import_dsn.Wanted(from_dsn, schema or MESSAGE_DB_SCHEMA, keep_closed=keep_closed)
        return import_dsn.import_dsn(wanted, namespace, remote.target(), json=json)
    with ExitStack() as stack:
        source, total = _source(file, stack)
        client = stack.enter_context(Client(remote.target()))
        progress = Progress(total)
        stack.callback(progress.clear)
        done = _carry_over(client, source, file, progress)
        progress.clear()
    if json:
        write_json(msgspec.json.encode({"imported": done["imported"], "elapsed": done["elapsed"]}))
    else:
        write_lines([f"{done['imported']} messages imported in {done['elapsed']}"])
    return 0


def _source(file: str, stack: ExitStack) -> tuple[BinaryIO, int | None]:
    if file == "-":
        return sys.stdin.buffer, None
    try:
        source = Path(file).open("rb")  # noqa: SIM115  (the stack closes it)
        stack.callback(source.close)
        size = os.fstat(source.fileno()).st_size
    except OSError as exc:
        raise Failed(f"{file}: {exc.strerror}") from exc
    return source, size or None


def _carry_over(client: Client, source: BinaryIO, name: str, progress: Progress) -> dict[str, Any]:
    """Send all of it; return the last event. Raises `Failed`, with the line where there is one."""
    parser = Events()
    headers = {"Content-Type": "application/x-ndjson", "Accept": "text/event-stream"}
    for answer in client.upload("/import", headers, _pieces(source, name, progress)):
        for event in parser.feed(answer):
            found: dict[str, Any] = msgspec.json.decode(event.data)
            progress.imported = found.get("imported", progress.imported)
            progress.show()
            if "error" in found:
                line = f"line {found['line']}: " if "line" in found else ""
                uncertain = found["error"] == "WRITE_UNCERTAIN"
                outcome = "" if uncertain else "; nothing was imported"
                raise Failed(f"{line}{found['error']}: {found['message']}{outcome}")
            if found.get("done"):
                return found
    raise Failed(f"{client.target.url}: the answer broke off; look with mdb ns info what is there")


def _pieces(source: BinaryIO, name: str, progress: Progress) -> Iterator[bytes]:
    while True:
        try:
            # What is there, not a whole piece: a pipe may be slow.
            piece = source.read1(_PIECE)  # type: ignore[attr-defined]
        except OSError as exc:
            raise Failed(f"{name}: {exc.strerror}") from exc
        if not piece:
            return
        yield piece
        progress.sent += len(piece)
        progress.show()
