"""Expected versions of a write: all are compared with the state before the write."""

from collections.abc import Callable, Iterable

from mdb.core.errors import InvalidRequest
from mdb.core.messages import VersionConflict

NO_STREAM = -1
"""The version of a stream that does not exist."""

MAX_VERSION = 2**63 - 1
"""The largest position either database can hold."""


def merge_expected(
    wanted: Iterable[tuple[str, int | None, str]],
) -> tuple[tuple[str, int], ...]:
    """The pairs for `Append.expect`: each stream once, in order of mention; None expects nothing.

    `wanted` holds (stream, version, place of the argument). Raises InvalidRequest naming the
    place where a version is below -1, or one stream is given two different ones, which no state
    could fulfil.
    """
    merged: dict[str, int] = {}
    for stream, expected, path in wanted:
        if expected is not None:
            add_expected(merged, stream, expected, path)
    return tuple(merged.items())


def add_expected(merged: dict[str, int], stream: str, expected: int, path: str) -> None:
    """Add one expected version to those of a write; raises as `merge_expected`."""
    if not NO_STREAM <= expected <= MAX_VERSION:
        raise InvalidRequest(f"{path}: an expected version is an integer of at least -1", path=path)
    if merged.setdefault(stream, expected) != expected:
        raise InvalidRequest(
            f"{path}: expected versions {merged[stream]} and {expected} of stream {stream}"
            " do not agree",
            path=path,
        )


def first_conflict(
    expect: Iterable[tuple[str, int]], current: Callable[[str], int]
) -> VersionConflict | None:
    """The first pair whose stream is not at its version; `current` gives -1 for no stream."""
    for stream, expected in expect:
        actual = current(stream)
        if actual != expected:
            return VersionConflict(stream, expected, actual)
    return None
