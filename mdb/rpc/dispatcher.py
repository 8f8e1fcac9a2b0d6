"""From the bytes of a request to the bytes of its answer.

The order of judgement: JSON and method, token, arguments. Whatever goes wrong is an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec
import trio

from mdb.core import jsonrules
from mdb.core.errors import BackendError, MdbError
from mdb.core.messages import Append, Written
from mdb.database import Database
from mdb.metrics import Metrics
from mdb.namespace import Namespace
from mdb.request_context import REQUEST_ID, fresh_request_id
from mdb.rpc.auth import Auth, bearer
from mdb.rpc.calls import find_method, is_pipeline, known_method, run
from mdb.rpc.context import Context
from mdb.rpc.method import Method
from mdb.rpc.pipeline import Pipeline
from mdb.rpc.reply import Body, Reply
from mdb.rpc.table import METHODS
from mdb.rpc.testmode import TestMode
from mdb.rpc.writes import Form

log = logging.getLogger("mdb.rpc")

# Seconds a request may take, from the moment its body is complete.
REQUEST_TIMEOUT = 30.0

# Methods that need no task that waits, by how the body of a call begins, as nearly every client
# writes it.
_PROMPT = {
    b'["%b"' % name.encode(): method
    for name, method in METHODS.items()
    if method.queued or method.at_once is not None
}


class Dispatcher:
    """The one entrance to all methods, whatever carried the request."""

    def __init__(
        self,
        database: Database,
        *,
        test_mode: TestMode | None = None,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        """Inside of a trio run. `request_timeout` in seconds."""
        # What `trio.current_time` asks, without its steps: it is asked twice for each call.
        self._now = trio.lowlevel.current_clock().current_time
        self._database = database
        self._auth = Auth(database, test_mode)
        self._timeout = request_timeout
        self._metrics = database.metrics

    async def __call__(
        self, body: bytes, *, authorization: str | None, request_id: str | None
    ) -> Reply:
        """Answer the call, or the calls, in `body`; only `trio.Cancelled` is raised.

        `request_id`: the client's own, if it sent a sane one.
        """
        request_id = request_id or fresh_request_id()
        REQUEST_ID.set(request_id)
        headers = [("X-Request-Id", request_id)]
        begun = trio.current_time()
        name, outcome = "other", "CANCELLED"
        result: bytes | Body
        try:
            parts = jsonrules.decode_body(body)
            method = known_method(parts)
            caller = None
            if method is not None:
                name = method.name
                if method.queued:
                    caller = self._auth.known(authorization)
            elif is_pipeline(parts):
                name = "pipeline"
            if method is not None and caller is not None:
                # What there is most of, in as few steps as it takes.
                context = Context(self._database, caller, begun + self._timeout)
                result = await method.handler(context, *method.arguments(parts))
            else:
                result = await self._call(parts, method, authorization, headers)
            outcome = "OK"
            return Reply(200, result, tuple(headers))
        except MdbError as error:
            outcome = error.code
            return refusal(error, headers)
        except Exception:
            log.exception("a call failed")
            outcome = BackendError.code
            return refusal(BackendError("the server failed"), headers)
        finally:
            self._metrics.answered(name, outcome, trio.current_time() - begun)

    def begin(
        self,
        body: bytes,
        *,
        authorization: str | None,
        request_id: str | None,
        done: Callable[[Reply], None],
    ) -> bool:
        """Take up a call that needs no task that waits; `done` is given the answer.

        Sync. `done` is called once, perhaps before this returns, and must not raise. Returns
        False, and has done nothing, for whatever else is in `body`: call the dispatcher.
        """
        method = _PROMPT.get(body[: body.find(b'"', 2) + 1])
        if method is None:
            return False
        caller = None if method.at_once is not None else self._known(authorization)
        if caller is None and method.at_once is None:
            return False
        request_id = request_id or fresh_request_id()
        answer = _Answer(self._metrics, self._now, done, method.name, request_id)
        try:
            arguments = method.read(body)
            if arguments is None:
                return False
            if caller is not None:
                answer.append, answer.form = arguments
                return caller.enqueue(answer.append, answer.begun + self._timeout, answer.settle)
            assert method.at_once is not None
            answer.give(method.at_once(*arguments))
        except Exception as error:
            answer.refuse(error)
        return True

    def _known(self, authorization: str | None) -> Namespace | None:
        try:
            return self._auth.known(authorization)
        except MdbError:
            return None  # what is wrong with the body is said first

    async def _call(
        self,
        parts: list[msgspec.Raw],
        method: Method | None,
        authorization: str | None,
        headers: list[tuple[str, str]],
    ) -> bytes | Body:
        if method is None:
            if is_pipeline(parts):
                return await self._pipeline(parts, authorization, headers)
            method = find_method(parts)
        deadline = trio.current_time() + self._timeout
        if method.access == "open":
            context = Context(self._database, None, deadline)
            return await run(method, context, method.arguments(parts))
        found = await self._auth.caller(
            bearer(authorization), admin=method.access == "admin", own=method.access == "own"
        )
        arguments = method.arguments(parts)
        if isinstance(found, Namespace):
            caller = found
        else:
            caller, token = await found()
            if token is not None:
                headers.append(("X-MessageDB-Token", token))
        return await run(method, Context(self._database, caller, deadline), arguments)

    async def _pipeline(
        self,
        calls: list[msgspec.Raw],
        authorization: str | None,
        headers: list[tuple[str, str]],
    ) -> bytes | Body:
        pipeline = Pipeline(
            calls,
            database=self._database,
            auth=self._auth,
            authorization=authorization,
            timeout=self._timeout,
            request_id=headers[0][1],
        )
        result, token = await pipeline.answer()
        if token is not None:
            headers.append(("X-MessageDB-Token", token))
        return result


class _Answer:
    """The answer of a call that was begun; of a write, once it is known what became of it."""

    __slots__ = ("_done", "_method", "_metrics", "_now", "_request_id", "append", "begun", "form")

    append: Append
    form: Form

    def __init__(
        self,
        metrics: Metrics,
        now: Callable[[], float],
        done: Callable[[Reply], None],
        method: str,
        request_id: str,
    ) -> None:
        """Begin now, by trio's clock `now`."""
        self._metrics = metrics
        self._now = now
        self._done = done
        self._method = method
        self.begun = now()
        self._request_id = request_id

    def settle(self, outcome: Written | Exception) -> None:
        """Answer with what became of the write; does not raise."""
        if isinstance(outcome, Exception):
            self.refuse(self.form.explain(outcome))
            return
        try:
            result = self.form.answer(self.append, outcome)
        except Exception as error:
            self.refuse(error)
        else:
            self.give(result)

    def give(self, result: bytes) -> None:
        """Answer with a result; does not raise."""
        self._done(Reply(200, result, (("X-Request-Id", self._request_id),)))
        self._metrics.answered(self._method, "OK", self._now() - self.begun)

    def refuse(self, error: Exception) -> None:
        """Answer with an error; does not raise."""
        if not isinstance(error, MdbError):
            extra = {"request_id": self._request_id}
            log.error("a call failed", exc_info=error, extra=extra)
            error = BackendError("the server failed")
        self._done(refusal(error, [("X-Request-Id", self._request_id)]))
        self._metrics.answered(self._method, error.code, self._now() - self.begun)


def refusal(error: MdbError, headers: list[tuple[str, str]]) -> Reply:
    """Answer with an error."""
    if error.retry_after is not None:
        headers = [*headers, ("Retry-After", str(error.retry_after))]
    return Reply(error.status, error.to_json(), tuple(headers))
