"""The CORS rule for answers, shared by everything that answers over HTTP. Pure.

Preflight requests (OPTIONS) are the application's.
"""

import msgspec

EXPOSED = ("Access-Control-Expose-Headers", "X-MessageDB-Token, X-Request-Id")
_VARY = ("Vary", "Origin")

HeaderPairs = tuple[tuple[str, str], ...]


class AllowedOrigins(msgspec.Struct, frozen=True):
    """Which web origins may read the answers: none (the default), those listed, or any."""

    listed: frozenset[str] = frozenset()
    """Origins as browsers send them: scheme, host, and port unless it is the default one."""

    any: bool = False
    """Every origin, ``null`` included. Tokens travel in a header that scripts must set
    themselves, never in cookies, so this lends no page the rights of its visitor."""

    def permits(self, origin: str) -> bool:
        """Tell whether a page of ``origin`` may read the answer."""
        return self.any or origin in self.listed


def cors_headers(origin: str | None, allowed: AllowedOrigins) -> HeaderPairs:
    """Return the headers to add to an answer, in the order they are sent.

    Args:
        origin: The request's Origin header, None if it has none.
        allowed: The setting.

    With no origin allowed at all nothing is added. Otherwise an answer says that it varies with
    the origin even where it has none or a foreign one: a shared cache must not hand it to a page
    that may read it, or the other way round.
    """
    if not (allowed.any or allowed.listed):
        return ()
    if origin is None or not allowed.permits(origin):
        return (_VARY,)
    return (("Access-Control-Allow-Origin", origin), _VARY, EXPOSED)
