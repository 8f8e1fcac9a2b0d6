"""Test mode: whoever comes without a token gets a namespace of their own.

Everything is in memory and gone at exit, so that a test suite can start a server, run its tests
in parallel, and never clean up.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

from mdb.core import tokens
from mdb.core.errors import AuthUnauthorized, NamespaceExists
from mdb.database import Database, NewNamespace
from mdb.namespace import Namespace


class TestMode:
    """The rules of test mode. `waiting`: subscriptions opened without a token, to be joined."""

    __test__ = False  # not a test, whatever its name

    def __init__(self, database: Database) -> None:
        """Nothing waits yet."""
        self._database = database
        self._waiting: deque[tuple[Namespace, str]] = deque()

    async def fresh(self) -> tuple[Namespace, str]:
        """Create a namespace of its own for a caller; return it with its token."""
        return await self._database.create_namespace(NewNamespace(f"test-{uuid.uuid4().hex}"))

    async def join(self) -> tuple[Namespace, str]:
        """Join the longest waiting subscription's namespace, else create one."""
        return self._waiting.popleft() if self._waiting else await self.fresh()

    @contextmanager
    def joinable(self, namespace: Namespace, token: str) -> Generator[None]:
        """Offer a subscription's namespace to the first caller without a token, once."""
        place = (namespace, token)
        self._waiting.append(place)
        try:
            yield
        finally:
            if place in self._waiting:
                self._waiting.remove(place)

    async def adopt(self, token: str) -> Namespace:
        """Create the namespace that an unknown token names, if it never existed here.

        Raises `AuthUnauthorized` where it exists with another token, or was deleted.
        """
        named = tokens.parse(token).namespace
        if self._database.was_deleted(named):
            raise AuthUnauthorized("the token's namespace was deleted")
        try:
            namespace, _token = await self._database.create_namespace(
                NewNamespace(named, token=token)
            )
        except NamespaceExists:
            # Made meanwhile with this very token, or there with another: the look-up tells.
            return await self._database.authenticate(token, bounded=False)
        return namespace
