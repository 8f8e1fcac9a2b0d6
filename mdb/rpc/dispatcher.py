"""From the bytes of a request to the bytes of its answer.

The order of judgement: JSON and method, token, arguments. Whatever goes wrong is an answer.
"""

from __future__ import annotations

import logging

import msgspec
import trio

from mdb.core import jsonrules
from mdb.core.errors import BackendError, MdbError
from mdb.database import Database
from mdb.namespace import Namespace
from mdb.request_context import REQUEST_ID, fresh_request_id
from mdb.rpc.auth import Auth, bearer
from mdb.rpc.calls import find_method, is_pipeline, known_method, run
from mdb.rpc.context import Context
from mdb.rpc.method import Method
from mdb.rpc.pipeline import Pipeline
from mdb.rpc.reply import Body, Reply
from mdb.rpc.testmode import TestMode

log = logging.getLogger("mdb.rpc")

# Seconds a request may take, from the moment its body is complete.
REQUEST_TIMEOUT = 30.0


class Dispatcher:
    """The one entrance to all methods, whatever carried the request."""

    def __init__(
        self,
        database: Database,
        *,
        test_mode: TestMode | None = None,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        """`request_timeout` in seconds."""
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


def refusal(error: MdbError, headers: list[tuple[str, str]]) -> Reply:
    """Answer with an error."""
    if error.retry_after is not None:
        headers = [*headers, ("Retry-After", str(error.retry_after))]
    return Reply(error.status, error.to_json(), tuple(headers))
