"""Many calls in one request: run in order, answered in order, none standing in for another.

Writes that follow each other enter the namespace's queue together, so that they share a commit
and not a round trip each. The answer is collected while it is small, and else sent as it comes.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import msgspec
import trio

from mdb.core import jsonrules
from mdb.core.errors import (
    AuthUnauthorized,
    BackendError,
    InvalidRequest,
    MdbError,
)
from mdb.core.messages import Append
from mdb.database import Database
from mdb.namespace import Namespace
from mdb.rpc.auth import Auth, Later, bearer, permitted
from mdb.rpc.calls import find_method, run
from mdb.rpc.context import Context
from mdb.rpc.limits import COLLECTED_BYTES, PIPELINE_CALLS
from mdb.rpc.method import Method
from mdb.rpc.reply import Body
from mdb.rpc.results import ReadBody
from mdb.rpc.writes import Form

log = logging.getLogger("mdb.rpc")

# What is sent at a time once the answer is streamed, in bytes.
_CHUNK_BYTES = 65_536


class _Ready(msgspec.Struct, frozen=True):
    """A call that was judged good."""

    method: Method
    caller: Namespace | None
    arguments: tuple[object, ...]


class Pipeline:
    """The calls of one request. `answer` is called once."""

    def __init__(
        self,
        calls: Sequence[msgspec.Raw],
        *,
        database: Database,
        auth: Auth,
        authorization: str | None,
        timeout: float,
        request_id: str,
    ) -> None:
        """No I/O. `timeout`: seconds for all calls together."""
        self._calls = calls
        self._next = 0  # the first call that was not judged yet
        self._held: _Ready | None = None  # judged, but not yet its turn
        self._answers: deque[bytes | ReadBody] = deque()
        self._database = database
        self._auth = auth
        self._authorization = authorization
        self._unknown: AuthUnauthorized | None = None
        self._joined: Namespace | None = None
        self._deadline = trio.current_time() + timeout
        self._request_id = request_id

    async def answer(self) -> tuple[bytes | Body, str | None]:
        """Run the calls; return the array of their answers, and a token to tell the caller.

        An answer too large to collect is returned half-way, as a body that runs the rest while
        it is sent. Raises `InvalidRequest` for too many calls, otherwise only what the creation
        of a namespace raises in test mode: a call's failure is its own answer.
        """
        if len(self._calls) > PIPELINE_CALLS:
            raise InvalidRequest(
                f"a pipeline holds 1 to {PIPELINE_CALLS} calls, not {len(self._calls)}", path="$"
            )
        token = await self._join()
        collected: list[bytes] = []
        size = 0
        while (answer := await self.following()) is not None:
            if isinstance(answer, ReadBody) or size + len(answer) > COLLECTED_BYTES:
                self._answers.appendleft(answer)
                return _Streamed(self, collected), token
            collected.append(answer)
            size += len(answer)
        return b"[" + b",".join(collected) + b"]", token

    async def _join(self) -> str | None:
        """In test mode, get a caller without a token a namespace if any call is good for it.

        All of the request's calls share it. It is got before anything is answered, because its
        token is told in a header.
        """
        if self._authorization is not None or self._auth.test_mode is None:
            return None
        if not any(self._needs_namespace(call) for call in self._calls):
            return None
        self._joined, token = await self._auth.test_mode.join()
        return token

    @staticmethod
    def _needs_namespace(call: msgspec.Raw) -> bool:
        try:
            parts = jsonrules.decode_call(call)
            method = find_method(parts)
            if method.access != "namespace":
                return False
            _arguments(method, parts)
        except MdbError:
            return False
        return True

    # Judging

    async def _take(self) -> _Ready | bytes | None:
        """Judge the next call: what is to be run, or its refusal; None after the last."""
        if self._held is not None:
            ready, self._held = self._held, None
            return ready
        if self._next == len(self._calls):
            return None
        call = self._calls[self._next]
        self._next += 1
        try:
            return await self._judge(call)
        except Exception as error:
            return self._refusal(error)

    async def _judge(self, call: msgspec.Raw) -> _Ready:
        parts = jsonrules.decode_call(call)
        method = find_method(parts)
        if method.access == "open":
            return _Ready(method, None, _arguments(method, parts))
        found = await self._caller(method)
        arguments = _arguments(method, parts)
        if not isinstance(found, Namespace):
            found, _token = await found()
        return _Ready(method, found, arguments)

    async def _caller(self, method: Method) -> Namespace | Later:
        """Judge the token anew: a call before this one may have replaced it."""
        token = bearer(self._authorization)
        admin = method.access == "admin"
        if token is None:
            if method.access == "namespace" and self._joined is not None:
                return self._joined
            return await self._auth.caller(None, admin=admin, own=method.access == "own")
        if self._unknown is not None:
            # Asked once: a thousand calls are one look-up of a token that is not known.
            raise self._unknown.with_traceback(None)
        try:
            found = await self._auth.identify(token)
        except AuthUnauthorized as error:
            self._unknown = error
            raise
        return permitted(found, admin=admin)

    # Running

    async def following(self) -> bytes | ReadBody | None:
        """Return the next answer, run for it if need be; None after the last.

        A `ReadBody` stands for the answer that has its text as the result. Failures are answers.
        """
        while not self._answers:
            if self._held is None and self._next == len(self._calls):
                return None
            await self._advance()
        return self._answers.popleft()

    def pause(self, seconds: float) -> None:
        """Move the deadline: so long the client took to read what was answered."""
        self._deadline += seconds

    async def _advance(self) -> None:
        """Run the next call, or the writes up to the next call of another kind."""
        writes: list[_Ready] = []
        answers: list[bytes | None] = []
        while (ready := await self._take()) is not None:
            if isinstance(ready, bytes):
                answers.append(ready)
            elif ready.method.queued and (not writes or ready.caller is writes[0].caller):
                writes.append(ready)
                answers.append(None)  # comes from the queue
            elif answers:
                self._held = ready
                break
            else:
                self._answers.append(await self._run(ready))
                return
        written = iter(await self._write(writes))
        self._answers.extend(next(written) if answer is None else answer for answer in answers)

    async def _run(self, ready: _Ready) -> bytes | ReadBody:
        context = Context(self._database, ready.caller, self._deadline)
        try:
            result = await run(ready.method, context, ready.arguments)
        except Exception as error:
            return self._refusal(error)
        return result if isinstance(result, ReadBody) else b'{"result":%b}' % result

    async def _write(self, writes: Sequence[_Ready]) -> list[bytes]:
        if not writes:
            return []
        caller = writes[0].caller
        assert caller is not None, "a write asks for a token"
        appends: list[tuple[Append, Form]] = [cast("Any", ready.arguments) for ready in writes]
        outcomes = await caller.append_all([append for append, _form in appends], self._deadline)
        return [
            self._refusal(form.explain(outcome))
            if isinstance(outcome, Exception)
            else b'{"result":%b}' % form.answer(append, outcome)
            for (append, form), outcome in zip(appends, outcomes, strict=True)
        ]

    def _refusal(self, error: Exception) -> bytes:
        if not isinstance(error, MdbError):
            log.error("a call failed", extra={"request_id": self._request_id}, exc_info=error)
            error = BackendError("the server failed")
        return error.to_json()


class _Streamed:
    """The answer of a pipeline from where it grew too large; see `Body`."""

    def __init__(self, pipeline: Pipeline, collected: Sequence[bytes]) -> None:
        self._pipeline = pipeline
        self._collected = collected

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the array's text, running the calls on the way.

        What was done is told whatever happens next: it is on its way before a read can fail.
        """
        pipeline = self._pipeline
        text = bytearray(b"[" + b",".join(self._collected))
        separator = b"," if self._collected else b""
        self._collected = ()
        while (answer := await pipeline.following()) is not None:
            text += separator
            separator = b","
            if isinstance(answer, bytes):
                text += answer
                if len(text) < _CHUNK_BYTES:
                    continue
            else:
                text += b'{"result":'
                while (piece := await answer.next()) is not None:
                    begun = trio.current_time()
                    yield bytes(text + piece)
                    pipeline.pause(trio.current_time() - begun)
                    text.clear()
                text += b"}"
            begun = trio.current_time()
            yield bytes(text)
            pipeline.pause(trio.current_time() - begun)
            text.clear()
        yield bytes(text + b"]")


def _arguments(method: Method, parts: Sequence[msgspec.Raw]) -> tuple[Any, ...]:
    arguments: tuple[Any, ...] = method.arguments(parts)
    if method.paged and arguments[1] is None:
        raise InvalidRequest(
            "batchSize -1 is not allowed in a pipeline",
            path=f"$[{len(method.parameters)}].batchSize",
        )
    return arguments
