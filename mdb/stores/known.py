"""What the one writer of a namespace knows of its state from its own commits."""

from __future__ import annotations

from collections.abc import Mapping

from mdb.core.messages import Append
from mdb.core.versions import first_conflict

# Streams whose versions are remembered for sure; at most twice as many are. Some 200 bytes each.
RECENT = 2000


class Known:
    """The head, and the versions of the streams that were written lately; nothing, to begin with.

    Whatever is done to the messages by anybody else, or by the writer with an outcome that is not
    certain, is followed by `forget`. For one task at a time.

    Attributes:
        head: the highest global position, 0 for none; None where nothing is known.
    """

    def __init__(self) -> None:
        self.head: int | None = None
        self._recent: dict[str, int] = {}
        self._older: dict[str, int] = {}

    def forget(self) -> None:
        """Know nothing any more."""
        self.head = None
        self._recent.clear()
        self._older.clear()

    def learn(self, head: int, versions: Mapping[str, int]) -> None:
        """Remember what stands, as a commit has left it."""
        if len(versions) > RECENT:
            self.forget()
            versions = {}
        elif len(self._recent) + len(versions) > RECENT:
            self._older, self._recent = self._recent, {}
        self.head = head
        self._recent.update(versions)

    def age(self) -> None:
        """Forget the streams that were not learned since this was called the last time."""
        self._older, self._recent = self._recent, {}

    def fits(self, append: Append, versions: dict[str, int]) -> bool:
        """Tell whether all that a write expects holds, by `versions` and what else is known.

        `versions`, as the writes before it leave them, is completed with those of its streams.
        Raises `KeyError` where one is not known.
        """
        for message in append.messages:
            if message.stream not in versions:
                versions[message.stream] = self._version(message.stream)
        if not append.expect:
            return True
        for stream, _ in append.expect:
            if stream not in versions:
                versions[stream] = self._version(stream)
        return first_conflict(append.expect, versions.__getitem__) is None

    def _version(self, stream: str) -> int:
        version = self._recent.get(stream)
        return self._older[stream] if version is None else version
