"""What the driver's errors mean: for the data, and to the caller."""

from __future__ import annotations

import asyncpg

from actors import Unavailable
from mdb.core.errors import (
    AuthUnauthorized,
    BackendError,
    BackendUnavailable,
    MdbError,
    Overloaded,
)


class Lost(Exception):
    """The server could not be reached, or the connection broke, or gave no answer in time."""


class Refused(Exception):
    """The server answers, but mdb does not work on it. The message says why."""


class Gone(Exception):
    """The namespace was deleted, by another server perhaps."""


class Saturated(Exception):
    """Too many others wait for a connection, or waited too long."""


# Class 08: connection exception; 57P0x: the server stops, crashed, starts, or drops the session.
_LOST_STATES = {"57P01", "57P02", "57P03", "57P05"}

# Not the data's fault and nothing was done, by class: no privilege or a wrong password, too few
# resources, a conflict with others, an operator's doing, an I/O error, a plan that is outdated.
_NOT_NOW = {"28", "40", "53", "55", "57", "58", "0A"}

# The same, in single: a read-only server, a privilege that was taken away.
_NOT_NOW_STATES = {"25006", "42501"}

# What is asked for is not there, or went away in the middle: the schema may have been dropped.
_MISSING = {"3F000", "42P01", "42883", "42704", "XX000"}


def is_lost(exc: BaseException) -> bool:
    """Tell whether an error says that the connection is no more, or never was."""
    if isinstance(exc, asyncpg.PostgresError):
        state = exc.sqlstate or ""
        return state.startswith("08") or state in _LOST_STATES
    if isinstance(exc, asyncpg.InterfaceError):
        # The same class stands for values that the driver can't encode; those are ValueErrors.
        return not isinstance(exc, ValueError)
    return isinstance(exc, OSError | asyncpg.InternalClientError)


def may_be_gone(exc: BaseException) -> bool:
    """Tell whether an error may come from a schema that was dropped."""
    return isinstance(exc, asyncpg.PostgresError) and exc.sqlstate in _MISSING


def leaves_connection_sound(exc: BaseException) -> bool:
    """Tell whether the connection may be used again after an error: one of the data alone."""
    if not isinstance(exc, asyncpg.PostgresError):
        return False
    return (exc.sqlstate or "")[:2] in {"22", "23", "54"}


def not_now(exc: BaseException) -> bool:
    """Tell whether an error of the server lies in its state, not in what it was given."""
    if not isinstance(exc, asyncpg.PostgresError):
        return False
    state = exc.sqlstate or ""
    return state[:2] in _NOT_NOW or state in _NOT_NOW_STATES


def one_line(exc: BaseException) -> str:
    """Say an error in one line, for an operator."""
    match exc:
        case ConnectionRefusedError():
            return "connection refused"
        case TimeoutError() if not str(exc):
            return "no answer in time"
        case asyncpg.PostgresError():
            return f"{exc.message or exc}".replace("\n", " ")
    return " ".join(str(exc).split()) or type(exc).__name__


def _described(exc: BaseException) -> MdbError:
    if isinstance(exc, Gone):
        # Whoever still comes here has a token of the dead.
        return AuthUnauthorized("the namespace was deleted")
    if isinstance(exc, Saturated):
        return Overloaded(str(exc), retry_after=1)
    if isinstance(exc, Lost):
        return BackendUnavailable("the database cannot be reached", retry_after=1)
    state = getattr(exc, "sqlstate", None) or ""
    if state == "53100":
        return BackendUnavailable("the database's disk is full", retry_after=5)
    if not_now(exc):
        return BackendUnavailable("the database cannot do this now", retry_after=1)
    return BackendError("the database failed")


class _Reading:
    """See `reading`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, exc: BaseException | None, _traceback: object) -> None:
        if isinstance(exc, _FAULTS):
            raise _described(exc) from exc


class _Writing:
    """See `writing`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, exc: BaseException | None, _traceback: object) -> None:
        if not isinstance(exc, _FAULTS):
            return
        described = _described(exc)
        if isinstance(exc, Lost | Saturated):
            raise Unavailable(f"{described.message}: {exc}") from exc
        if isinstance(described, BackendUnavailable):
            raise Unavailable(described.message) from exc
        raise described from exc


_FAULTS = (Gone, Lost, Saturated, asyncpg.PostgresError, ValueError)

# Without a state, one of each is enough. Classes, because they go around every call: made by
# `contextmanager`, each would cost some 2 µs.
_READING, _WRITING = _Reading(), _Writing()


def reading() -> _Reading:
    """Translate the errors of a read, and of the registry."""
    return _READING


def writing() -> _Writing:
    """Translate the errors of a write that was rolled back, or never began."""
    return _WRITING
