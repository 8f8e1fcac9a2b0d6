"""Message DB's 64-bit hash, and which member of a consumer group a stream belongs to."""

from functools import lru_cache
from hashlib import md5

from mdb.core.names import cardinal_id


def hash_64(value: str) -> int:
    """The first 8 bytes of the MD5 of the UTF-8 text, as a signed big-endian 64-bit integer."""
    digest = md5(value.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@lru_cache(maxsize=4096)  # asked for by each write, and again by its notice
def cardinal_hash(stream: str) -> int | None:
    """The hash of the stream's cardinal id; None for a stream without an id."""
    cardinal = cardinal_id(stream)
    return None if cardinal is None else hash_64(cardinal)


def member_of(hash_value: int, size: int) -> int:
    """The member, 0 to size - 1, that streams of this cardinal hash belong to.

    Equals `abs(hash % size)` of SQL, whose remainder takes the sign of the hash. SQL must not
    take `abs(hash)` first, which overflows for the smallest 64-bit integer; here it cannot.
    """
    return abs(hash_value) % size
