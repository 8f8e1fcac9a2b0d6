"""Expected versions of a write: all are compared with the state before the write."""

from collections.abc import Callable, Iterable

from mdb.core.errors import InvalidRequest
from mdb.core.messages import VersionConflict

NO_STREAM = -1
"""The version of a stream that does not exist."""


def merge_expected(
    pairs: Iterable[tuple[str, int | None]], path: str = "$"
) -> tuple[tuple[str, int], ...]:
    """The pairs for `Append.expect`: each stream once, in order of mention; None expects nothing.

    Raises InvalidRequest naming `path` where a version is below -1, or one stream is given two
    different ones, which no state could fulfil.
    """
    merged: dict[str, int] = {}
    for stream, expected in pairs:
        if expected is None:
            continue
        if expected < NO_STREAM:
            raise InvalidRequest(f"{path}: an expected version is at least -1", path=path)
        if merged.setdefault(stream, expected) != expected:
            raise InvalidRequest(
                f"{path}: expected versions {merged[stream]} and {expected} of stream {stream}"
                " do not agree",
                path=path,
            )
    return tuple(merged.items())


def first_conflict(
    expect: Iterable[tuple[str, int]], current: Callable[[str], int]
) -> VersionConflict | None:
    """The first pair whose stream is not at its version; `current` gives -1 for no stream."""
    for stream, expected in expect:
        actual = current(stream)
        if actual != expected:
            return VersionConflict(stream, expected, actual)
    return None
