"""The names of the Postgres schemas that hold a namespace, and what serves an adopted one."""

from __future__ import annotations

import hashlib
import re
import uuid

from mdb.core.messages import NamespaceRecord

DEFAULT_NAMESPACE = "default"
DEFAULT_SCHEMA = "message_store"  # Message DB's own, so that its clients find it where they look

NAME_LIMIT = 63  # bytes; Postgres cuts longer identifiers silently
_PREFIX = "ns_"
_FUNCTIONS_PREFIX = "mdb_"
_DIGEST = 32  # hex digits, 128 bits: two namespaces never meet by chance


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
    return own_schema_name(namespace, incarnation)


def own_schema_name(namespace: str, incarnation: uuid.UUID) -> str:
    """As `schema_name`, for the namespace ``default`` too: another has adopted its place."""
    return _name(_PREFIX, namespace, incarnation)


def functions_schema(record: NamespaceRecord) -> str:
    """Where this server's functions for a namespace are: with its messages, in its own schema.

    For one that was adopted they are in a schema beside it, ``mdb_<readable>_<32 hex digits>``.
    """
    if not record.adopted:
        return record.location
    return _name(_FUNCTIONS_PREFIX, record.id, uuid.UUID(record.incarnation))


def _name(prefix: str, namespace: str, incarnation: uuid.UUID) -> str:
    room = NAME_LIMIT - len(prefix) - 1 - _DIGEST
    readable = re.sub(r"[^a-z0-9]+", "_", namespace.lower())[:room].strip("_")
    digest = hashlib.sha256(incarnation.bytes + namespace.encode()).hexdigest()[:_DIGEST]
    return f"{prefix}{readable}_{digest}" if readable else f"{prefix}{digest}"
