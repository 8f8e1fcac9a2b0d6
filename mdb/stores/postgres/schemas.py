"""The name of the Postgres schema that holds a namespace."""

from __future__ import annotations

import hashlib
import re
import uuid

DEFAULT_NAMESPACE = "default"
DEFAULT_SCHEMA = "message_store"  # Message DB's own, so that its clients find it where they look

NAME_LIMIT = 63  # bytes; Postgres cuts longer identifiers silently
_PREFIX = "ns_"
_DIGEST = 32  # hex digits, 128 bits: two namespaces never meet by chance
_READABLE = NAME_LIMIT - len(_PREFIX) - 1 - _DIGEST


def schema_name(namespace: str, incarnation: uuid.UUID) -> str:
    """The schema of one incarnation of a namespace: ``ns_<readable>_<32 hex digits>``.

    The digest is over the exact id and the incarnation, so ids that differ in case or in a
    punctuation mark, or only after their first letters, have schemas of their own, and so has a
    namespace that was deleted and created again.  The namespace ``default`` is always in
    ``message_store``.

    The result is an identifier of lower-case ASCII letters, digits and underscores, at most 63
    bytes, that needs no quotes and is never one of Postgres's own (``pg_...``).
    """
    if namespace == DEFAULT_NAMESPACE:
        return DEFAULT_SCHEMA
    readable = re.sub(r"[^a-z0-9]+", "_", namespace.lower())[:_READABLE].strip("_")
    digest = hashlib.sha256(incarnation.bytes + namespace.encode()).hexdigest()[:_DIGEST]
    return f"{_PREFIX}{readable}_{digest}" if readable else f"{_PREFIX}{digest}"
