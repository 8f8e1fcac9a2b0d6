"""Messages as the server sends them, and as they are printed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from mdb.cli.output import printable, write_lines

_decode = msgspec.json.Decoder(list[list[msgspec.Raw]]).decode
_encode = msgspec.json.encode

_NAMES = (b"id", b"stream", b"type", b"position", b"globalPosition", b"data", b"metadata", b"time")


class Message(msgspec.Struct, frozen=True):
    """A message. Its fields are JSON as the server sent it: nothing is lost in numbers."""

    fields: tuple[bytes, ...]
    """In the order of a category's messages: id, stream, type, position and so on."""

    @property
    def position(self) -> int:
        """The position in its stream."""
        return int(self.fields[3])

    @property
    def global_position(self) -> int:
        """The position in its namespace."""
        return int(self.fields[4])

    def as_json(self) -> bytes:
        """Return it as an object on one line."""
        pairs = zip(_NAMES, self.fields, strict=True)
        return b"{" + b",".join(b'"%b":%b' % pair for pair in pairs) + b"}"

    def as_text(self) -> str:
        """Return it as a line for people."""
        _id, stream, kind, position, global_position, data, metadata, time = self.fields
        texts = [
            global_position.decode(),
            _text(stream),
            position.decode(),
            _text(kind),
            _text(time),
            data.decode(),
            *([] if metadata == b"null" else [metadata.decode()]),
        ]
        return "  ".join(printable(text) for text in texts)


def _text(field: bytes) -> str:
    return str(msgspec.json.decode(field))


def parse(answer: bytes, stream: str | None) -> list[Message]:
    """Take the answer of a read apart. `stream`: whose messages, None where each says so."""
    name = None if stream is None else _encode(stream)
    found = []
    for row in _decode(answer):
        fields = [bytes(field) for field in row]
        if name is not None:
            fields.insert(1, name)
        # A newer server may send more.
        found.append(Message(tuple(fields[: len(_NAMES)])))
    return found


def write(messages: Sequence[Message], *, as_json: bool) -> None:
    """Print messages, a line each."""
    if as_json:
        sys.stdout.buffer.write(b"".join(m.as_json() + b"\n" for m in messages))
    else:
        write_lines(m.as_text() for m in messages)
    sys.stdout.buffer.flush()
