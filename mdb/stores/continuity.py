"""Whether the streams of an import go on without a gap; the part that needs no database."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mdb.core import ids
from mdb.core.errors import Overloaded, PositionExists
from mdb.core.messages import Part, StoredMessage


class Run(msgspec.Struct, gc=False):
    """What some consecutive messages of an import hold of one stream.

    `line`: that of the first of them.
    """

    stream: str
    first: int
    last: int
    line: int


def runs(messages: Sequence[tuple[int, StoredMessage]]) -> list[Run]:
    """Put the messages together by stream. Raises `PositionExists` where one leaves a gap."""
    found: dict[str, Run] = {}
    for line, message in messages:
        run = found.get(message.stream)
        if run is None:
            at = message.position
            found[message.stream] = Run(message.stream, at, at, line)
        elif message.position == run.last + 1:
            run.last = message.position
        else:
            raise misplaced(line, message.stream, message.position, run.last)
    return list(found.values())


def misplaced(line: int, stream: str, position: int, version: int) -> PositionExists:
    """Return the error of a stream that does not go on from its version (-1: no stream)."""
    return PositionExists(
        f"position {position} of stream {stream} does not follow its version, which is {version}",
        details={"line": line, "stream": stream, "expected": version + 1, "actual": position},
    )


def too_low(line: int, position: int, head: int) -> PositionExists:
    """Return the error of a global position that is not above all before it."""
    return PositionExists(
        f"global position {position} is not above {head}",
        details={"line": line, "gpos": position, "head": head},
    )


# Seconds after which to try again to write to a namespace that an import in parts fills.
CLOSED_RETRY = 30


def closed(source: str | None = None) -> Overloaded:
    """Return the error of a write to a namespace that an import in parts keeps closed."""
    whence = "" if source is None else f" from {source}"
    return Overloaded(
        f"the namespace takes no writes: it is being filled by an import{whence}",
        retry_after=CLOSED_RETRY,
    )


def check_part(part: Part, head: int, head_id: bytes | None) -> None:
    """Judge whether a part goes on where the namespace ends. Raises `PositionExists`."""
    stands = None if head_id is None else (head, head_id)
    if stands != part.after and not part.anywhere:
        raise PositionExists(
            f"the namespace's last message is {_named(stands)}, "
            f"and this part of an import goes on after {_named(part.after)}",
            details={"head": head},
        )


def _named(at: tuple[int, bytes] | None) -> str:
    return "none" if at is None else f"{ids.format_uuid(at[1])} at global position {at[0]}"
