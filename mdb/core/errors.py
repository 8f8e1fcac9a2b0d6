"""Every error that a caller of mdb can meet, one class for each wire code.

The class carries the code and the HTTP status, the instance carries the values. Nothing else in
mdb maps a fault to a status. The first sentence of a class's docstring is its default message.
"""

import json
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final
from uuid import UUID

import msgspec

_encode = msgspec.json.Encoder().encode


class MdbError(Exception):
    """The request could not be carried out.

    The common base; only its subclasses are raised. `message` is for people, `details` is always
    an object and names the place or the values, `retry_after` is in whole seconds or None.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    default_retry_after: ClassVar[int | None] = None

    message: str
    details: dict[str, object]
    retry_after: int | None

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.message = _first_sentence(type(self)) if message is None else message
        self.details = dict(details) if details else {}
        self.retry_after = self.default_retry_after if retry_after is None else retry_after
        super().__init__(self.message)

    def to_object(self) -> dict[str, object]:
        """The inner object, `{code, message, details}`, as a pipeline's item holds it."""
        return {"code": self.code, "message": self.message, "details": self.details}

    def to_json(self) -> bytes:
        """The body of an error answer: `{"error": {code, message, details}}`."""
        body = {"error": self.to_object()}
        try:
            return _encode(body)
        except UnicodeEncodeError:
            # A message may quote what a caller sent, lone surrogates included.
            text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            return text.encode("utf-8", "replace")


def _first_sentence(cls: type[MdbError]) -> str:
    text = " ".join((cls.__doc__ or cls.code).split())  # no docstrings under python -OO
    return text.partition(". ")[0].removesuffix(".")


def _placed(
    details: Mapping[str, object] | None, path: str | None, index: int | None
) -> dict[str, object]:
    placed = dict(details) if details else {}
    if path is not None:
        placed["path"] = path
    if index is not None:
        placed["index"] = index
    return placed


class InvalidRequest(MdbError):
    """The request is not valid.

    `path` names the argument at fault (`$[2].type`), `index` the item of a batch.
    """

    code = "INVALID_REQUEST"
    status = 400

    def __init__(
        self,
        message: str | None = None,
        *,
        path: str | None = None,
        index: int | None = None,
        details: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, details=_placed(details, path, index), retry_after=retry_after)


class AuthRequired(MdbError):
    """A token is required."""

    code = "AUTH_REQUIRED"
    status = 401


class AuthInvalidToken(MdbError):
    """The token is malformed."""

    code = "AUTH_INVALID_TOKEN"
    status = 401


class AuthUnauthorized(MdbError):
    """The token does not give this right."""

    code = "AUTH_UNAUTHORIZED"
    status = 403


class NamespaceNotFound(MdbError):
    """The namespace does not exist."""

    code = "NAMESPACE_NOT_FOUND"
    status = 404


class NamespaceExists(MdbError):
    """The namespace exists already."""

    code = "NAMESPACE_EXISTS"
    status = 409


class StreamVersionConflict(MdbError):
    """Wrong expected version.

    `actual` is the stream's version before the call, -1 where there is no stream. The text is
    Message DB's own.
    """

    code = "STREAM_VERSION_CONFLICT"
    status = 409

    def __init__(
        self, stream: str, expected: int, actual: int, *, index: int | None = None
    ) -> None:
        self.stream = stream
        self.expected = expected
        self.actual = actual
        values = {"stream": stream, "expected": expected, "actual": actual}
        super().__init__(
            f"Wrong expected version: {expected} (Stream: {stream}, Stream Version: {actual})",
            details=_placed(values, None, index),
        )


class MessageIdConflict(MdbError):
    """A message with this id but different content is already stored."""

    code = "MESSAGE_ID_CONFLICT"
    status = 409

    def __init__(
        self,
        message: str | None = None,
        *,
        index: int | None = None,
        details: Mapping[str, object] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, details=_placed(details, None, index), retry_after=retry_after)


class PositionExists(MdbError):
    """The position to import is taken or out of order."""

    code = "POSITION_EXISTS"
    status = 409


class PayloadTooLarge(MdbError):
    """The body or a message is larger than the limit."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413


class Overloaded(MdbError):
    """The server takes no more work now, and nothing was written."""

    code = "OVERLOADED"
    status = 503
    default_retry_after = 1


class BackendUnavailable(MdbError):
    """The database cannot be reached, and nothing was written."""

    code = "BACKEND_UNAVAILABLE"
    status = 503
    default_retry_after = 1


class WriteUncertain(MdbError):
    """The outcome of the write could not be found out in time; retry with the same ids.

    `ids` are the message ids of the call, as text or as 16 bytes; `details.ids` holds text.
    """

    code = "WRITE_UNCERTAIN"
    status = 503

    def __init__(self, ids: Iterable[str | bytes] = (), message: str | None = None) -> None:
        texts = [str(UUID(bytes=i)) if isinstance(i, bytes) else i for i in ids]
        super().__init__(message, details={"ids": texts})


class DeadlinePassed(MdbError):
    """The deadline passed before the work was done, and nothing was written."""

    code = "TIMEOUT"
    status = 504


class BackendError(MdbError):
    """The database reported a fault.

    The message never holds the driver's text; that goes to the log.
    """

    code = "BACKEND_ERROR"
    status = 500


class NotFound(MdbError):
    """There is nothing at this address."""

    code = "NOT_FOUND"
    status = 404


class MethodNotAllowed(MdbError):
    """The address does not answer this method.

    `allow` lists the methods for the `Allow` header.
    """

    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, message: str | None = None, *, allow: Iterable[str] = ()) -> None:
        self.allow = tuple(allow)
        super().__init__(message)


class RequestTimeout(MdbError):
    """The request did not arrive in time."""

    code = "REQUEST_TIMEOUT"
    status = 408


class HeadersTooLarge(MdbError):
    """The request's headers are larger than the limit."""

    code = "HEADERS_TOO_LARGE"
    status = 431


BY_CODE: Final[Mapping[str, type[MdbError]]] = {cls.code: cls for cls in MdbError.__subclasses__()}
"""Wire code -> class, every code of the contract once."""
