"""A message as a line of an export: `{"data","gpos","id","meta","pos","stream","time","type"}`.

A line is canonical JSON (see `jsonrules.canonical`): keys by code point, numbers by their exact
value, no white space. So one history has one export, whatever database it came from and however
its messages were written.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mdb.core import ids, names
from mdb.core.errors import InvalidRequest, PayloadTooLarge
from mdb.core.jsonrules import canonical, check, least_size
from mdb.core.messages import StoredMessage
from mdb.core.metadata import check_metadata
from mdb.core.times import iso_micros, parse_time

# The largest position either database can hold.
MAX_POSITION = 2**63 - 1

# Above it no client that keeps numbers in doubles could tell two positions apart, and there must
# be room for the messages that are written after an import.
MAX_GLOBAL_POSITION = 2**53 - 1

_NULL = msgspec.Raw(b"null")

_text = msgspec.json.Encoder().encode


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    stream: str
    type: str
    pos: int
    gpos: int
    data: msgspec.Raw
    time: str
    meta: msgspec.Raw = _NULL


_decode = msgspec.json.Decoder(_Line).decode


def encode(messages: Iterable[StoredMessage]) -> bytes:
    """Encode messages, each with a line feed. Raises InvalidRequest for a text that is no JSON."""
    return b"".join(map(_encode, messages))


def _encode(m: StoredMessage) -> bytes:
    return (
        b'{"data":%b,"gpos":%d,"id":"%b","meta":%b,"pos":%d,"stream":%b,"time":"%b","type":%b}\n'
        % (
            canonical(m.data),
            m.global_position,
            ids.format_uuid(m.id).encode("ascii"),
            b"null" if m.metadata is None else canonical(m.metadata),
            m.position,
            _text(m.stream),
            iso_micros(m.time).encode("ascii"),
            _text(m.type),
        )
    )


def decode(line: bytes, limit: int) -> StoredMessage:
    """Decode and check one line; it need not be canonical.

    `limit`: bytes of data and metadata, numbers counted in their shortest form.

    Raises InvalidRequest for whatever a write would be refused for and for keys that are missing
    or unknown, PayloadTooLarge.
    """
    try:
        if not line.isascii():
            line.decode()  # msgspec looks into a Raw's syntax, not into its encoding
        found = _decode(line)
    except UnicodeDecodeError as exc:
        raise InvalidRequest(f"not UTF-8 (byte {exc.start})") from exc
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"not a message of an export ({exc})") from exc
    except msgspec.DecodeError as exc:
        raise InvalidRequest(f"not JSON ({exc})") from exc
    except RecursionError as exc:
        raise InvalidRequest("nested too deeply") from exc
    if not 0 <= found.pos <= MAX_POSITION:
        raise InvalidRequest("pos must be an integer of at least 0", path="pos")
    if not 1 <= found.gpos <= MAX_GLOBAL_POSITION:
        raise InvalidRequest("gpos must be an integer from 1 to 2^53 - 1", path="gpos")
    data = check(bytes(found.data), "data")
    metadata, correlation = check_metadata(found.meta, "meta")
    size = len(data) + len(metadata or b"")
    if size > limit:
        # It may have been within the limit when it was written, and be longer written out.
        size = least_size(data) + least_size(metadata or b"")
    if size > limit:
        raise PayloadTooLarge(f"the message has {size} bytes, the limit is {limit}")
    return StoredMessage(
        id=ids.parse_uuid(found.id, "id"),
        stream=names.check_stream_name(found.stream, "stream"),
        type=names.check_message_type(found.type, "type"),
        position=found.pos,
        global_position=found.gpos,
        data=data,
        metadata=metadata,
        time=parse_time(found.time, "time"),
        correlation=correlation,
    )
