"""The calls that are sent, and the messages in them: of real shape, the same on both sides."""

from __future__ import annotations

import base64
import json

# Of one category: more than there are connections, so that versions differ as they do in use.
STREAMS = 1000

TYPE = "Deposited"
DATA = {"amount": 5, "note": "for the rent of March"}


def token(namespace: str) -> str:
    """Return the token that a namespace of the benchmarks has."""
    name = base64.urlsafe_b64encode(namespace.encode()).decode().rstrip("=")
    return f"ns_{name}_" + "0123456789abcdef" * 4


ADMIN = token("default")


def call(*parts: object, token: str = ADMIN) -> tuple[str, str]:
    """Return a call as `bench.workers.load` takes it."""
    return token, json.dumps(parts)


def writes(category: str = "account", token: str = ADMIN) -> list[tuple[str, str]]:
    """Return a write to each stream of one category."""
    message = {"type": TYPE, "data": DATA}
    return [
        call("stream.write", f"{category}-{number}", message, token=token)
        for number in range(STREAMS)
    ]
