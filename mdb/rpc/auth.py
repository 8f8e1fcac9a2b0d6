"""Who calls: from the Authorization header to a namespace.

A caller is found before its arguments are looked at, but in test mode a namespace is created
only after them: a bad call creates nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TypeAlias

from mdb.core.errors import AuthInvalidToken, AuthRequired, AuthUnauthorized
from mdb.database import Database
from mdb.namespace import Namespace
from mdb.rpc.testmode import TestMode

# What is still to be done once the arguments are good: returns the namespace, and the token to
# tell the caller where the server chose it.
Later: TypeAlias = Callable[[], Awaitable[tuple[Namespace, str | None]]]

SCHEME = "bearer"


@lru_cache(maxsize=1024)
def bearer(authorization: str | None) -> str | None:
    """Return the token of an Authorization header, None where there is none.

    Remembered: the headers of a client are all the same.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != SCHEME:
        raise AuthInvalidToken("the Authorization header must be: Bearer <token>")
    return token.strip()


def permitted(found: Namespace | Later, *, admin: bool) -> Namespace | Later:
    """Let everyone through to what is theirs, and the admin's token alone where `admin`."""
    if admin and not (isinstance(found, Namespace) and found.is_default):
        raise AuthUnauthorized("the method is the admin's")
    return found


class Auth:
    """Finds callers. `test_mode` None: nobody gets in without a token."""

    def __init__(self, database: Database, test_mode: TestMode | None) -> None:
        """No I/O."""
        self._database = database
        self.test_mode = test_mode

    def known(self, authorization: str | None) -> Namespace | None:
        """Return the namespace of a header that needs no look-up, for methods that anyone may call.

        None says nothing: see `caller`. Raises `AuthInvalidToken`.
        """
        token = bearer(authorization)
        return None if token is None else self._database.known(token)

    async def caller(self, token: str | None, *, admin: bool, own: bool) -> Namespace | Later:
        """Return the token's namespace, or (test mode) what will make it.

        `admin`: only the admin's token will do. `own`: the call names a namespace itself, so
        that one made up for it would be of no use. Raises the `AUTH_…` errors.
        """
        if token is None:
            if self.test_mode is None or admin or own:
                raise AuthRequired
            return self.test_mode.join
        known = self._database.known(token)
        return permitted(known if known is not None else await self.identify(token), admin=admin)

    async def identify(self, token: str) -> Namespace | Later:
        """Return the token's namespace, or (test mode) what will make it.

        Raises `AuthInvalidToken`, `AuthUnauthorized` (it is not known), `Overloaded`.
        """
        try:
            # In test mode unknown tokens are the rule, and there is no disk to protect.
            bounded = self.test_mode is None
            return await self._database.authenticate(token, bounded=bounded)
        except AuthUnauthorized:
            if self.test_mode is None:
                raise
            return self._adopting(self.test_mode, token)

    @staticmethod
    def _adopting(test_mode: TestMode, token: str) -> Later:
        async def adopt() -> tuple[Namespace, None]:
            return await test_mode.adopt(token), None

        return adopt
