"""Tokens: `ns_<base64url of the namespace id, unpadded>_<64 hex digits>`.

Only the SHA-256 of a token is stored anywhere; a parsed token carries the digest, not the text, so
that nothing passed on or printed can give the token away. (Those that requests came with lately are
in the process's memory, like the requests themselves.)
"""

import binascii
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from mdb.core.errors import AuthInvalidToken
from mdb.core.names import check_namespace_id, is_namespace_id

_SECRET_BYTES = 32

# base64url has `_` in its alphabet: the greedy first part makes the last one the separator.
# 267 characters of base64 hold the longest namespace id of 200.
_TOKEN = re.compile(r"ns_([A-Za-z0-9_-]{1,267})_[0-9A-Fa-f]{64}")

# Also what is left of a token cut short, as long as 16 digits of its secret are there.
_IN_TEXT = re.compile(r"ns_([A-Za-z0-9_-]{1,267})_[0-9A-Fa-f]{16,}")

# Where a token stands by its name, whatever its form: it may be misspelt or percent-encoded.
_BY_PLACE = re.compile(r"(token=|bearer\s+)(?!ns_[A-Za-z0-9_-]+_\*\*\*)[^\s&\"']+", re.IGNORECASE)

# Stored in a digest's place where no token was made yet. No text is known whose SHA-256 is this,
# and no request brings a digest, so it lets nobody in.
NO_TOKEN = bytes(32)


@dataclass(frozen=True, slots=True)
class Token:
    """A well-formed token, without its secret."""

    namespace: str
    """The namespace id that the token names."""
    digest: bytes
    """SHA-256 of the token's text, 32 bytes."""


def make(namespace: str) -> str:
    """A new random token for the namespace; InvalidRequest where the id is not a valid one."""
    check_namespace_id(namespace, "namespace")
    return f"ns_{_encode(namespace)}_{secrets.token_hex(_SECRET_BYTES)}"


def parse(token: str) -> Token:
    """What a token says; AuthInvalidToken where it is not of the form or names no valid id."""
    match = _TOKEN.fullmatch(token)
    namespace = _decode(match[1]) if match else None
    if namespace is None:
        raise AuthInvalidToken
    return Token(namespace, digest(token))


@lru_cache(maxsize=1024)  # asked for by every request
def digest(token: str) -> bytes:
    """The SHA-256 by which a token is stored and looked up."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def same_digest(one: bytes, other: bytes) -> bool:
    """Whether two digests are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one, other)


def redact(text: str) -> str:
    """The text with the secret part of every token in it masked, for logs and messages.

    A well-formed one still shows its namespace; whatever follows `token=` or `Bearer` and is
    not well-formed is masked whole.
    """
    return _BY_PLACE.sub(r"\1***", _IN_TEXT.sub(r"ns_\1_***", text))


def _encode(namespace: str) -> str:
    return urlsafe_b64encode(namespace.encode("ascii")).rstrip(b"=").decode("ascii")


@lru_cache(maxsize=1024)  # of namespaces, not of secrets
def _decode(encoded: str) -> str | None:
    try:
        namespace = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    # Unused bits of the last character must be zero: one id, one spelling.
    if is_namespace_id(namespace) and _encode(namespace) == encoded:
        return namespace
    return None
