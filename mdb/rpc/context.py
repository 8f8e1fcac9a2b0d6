"""What a handler is given besides its arguments."""

from __future__ import annotations

import msgspec

from mdb.core.errors import AuthUnauthorized
from mdb.database import Database
from mdb.namespace import Namespace


class Context(msgspec.Struct, frozen=True):
    """The database, the caller's namespace, and the request's deadline (trio time).

    `caller` is None only for methods that anyone may call.
    """

    database: Database
    caller: Namespace | None
    deadline: float

    @property
    def namespace(self) -> Namespace:
        """The caller's namespace."""
        assert self.caller is not None, "the method's access asks for a token"
        return self.caller

    @property
    def is_admin(self) -> bool:
        """Whether the token is the admin's."""
        return self.caller is not None and self.caller.is_default

    @property
    def own_incarnation(self) -> str | None:
        """The one namespace that a call may name; None: the admin may name any.

        An owner means the one that the token is of, whatever bears its id by now.
        """
        return None if self.is_admin else self.namespace.record.incarnation

    def check_own(self, namespace: str) -> None:
        """Let the namespace's own token and the admin's through."""
        if not self.is_admin and self.namespace.id != namespace:
            raise AuthUnauthorized("the token is not this namespace's")
