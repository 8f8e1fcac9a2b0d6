"""The Quart application: every path but the lane's, and the lane's path too."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator

import msgspec
from quart import Response, request
from quart.wrappers.response import ResponseBody
from quart_trio import QuartTrio
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from mdb.core.errors import (
    BackendError,
    InvalidRequest,
    MdbError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RequestTimeout,
)
from mdb.database import Database
from mdb.http.asgi import KeepAliveConnection
from mdb.http.cors import AllowedOrigins, cors_headers
from mdb.http.handed import chunked_connection
from mdb.http.limits import Limits
from mdb.http.metrics import Exposition
from mdb.http.request_id import fresh_request_id, sane_request_id
from mdb.http.subscribe import Subscriptions
from mdb.http.transfer import Transfers
from mdb.request_context import REQUEST_ID
from mdb.rpc.dispatcher import Dispatcher
from mdb.rpc.reply import Reply
from mdb.rpc.testmode import TestMode
from mdb.version import VERSION

log = logging.getLogger("mdb.http")

# What a browser may send to POST /rpc and GET /subscribe from another origin.
_ALLOWED_HEADERS = "Authorization, Content-Type, Last-Event-ID, X-Request-Id"
_PREFLIGHT_SECONDS = "600"


def build_app(
    database: Database,
    dispatcher: Dispatcher,
    *,
    test_mode: TestMode | None = None,
    origins: AllowedOrigins | None = None,
    limits: Limits | None = None,
    keep_alive: float = 15.0,
) -> QuartTrio:
    """Build the application. `keep_alive`: seconds of silence before an event stream says so."""
    limits = limits or Limits()
    allowed = origins or AllowedOrigins()
    subscriptions = Subscriptions(database, test_mode, keep_alive)
    app = QuartTrio("mdb", static_folder=None)
    app.asgi_http_class = KeepAliveConnection
    app.config["MAX_CONTENT_LENGTH"] = limits.max_body
    app.config["BODY_TIMEOUT"] = limits.body_timeout
    # An answer may take longer than Quart's minute; each has a bound of its own.
    app.config["RESPONSE_TIMEOUT"] = None

    # Quart's own answer to OPTIONS would come before the one to preflights below.
    @app.post("/rpc", provide_automatic_options=False)
    async def rpc() -> Response:
        reply = await dispatcher(
            await request.get_data(cache=False, as_text=False, parse_form_data=False),
            authorization=request.headers.get("Authorization"),
            request_id=REQUEST_ID.get(),
        )
        return _response(reply)

    @app.get("/subscribe", provide_automatic_options=False)
    async def subscribe() -> Response:
        if request.method == "HEAD":
            # Werkzeug takes it for a GET, but its client has its answer with the head: nobody
            # would be there to end the stream for.
            raise WrongMethod(valid_methods=["GET"])
        stream, headers = await subscriptions.open(
            _single(request.args),
            authorization=request.headers.get("Authorization"),
            last_event_id=request.headers.get("Last-Event-ID"),
            connection=chunked_connection(request.scope or {}),
        )
        response = _events(stream)
        for name, value in headers:
            response.headers[name] = value
        return response

    _add_transfers(app, Transfers(database, test_mode, limits, keep_alive))

    _add_probes(app, database)

    @app.route("/rpc", methods=["OPTIONS"])
    @app.route("/subscribe", methods=["OPTIONS"])
    async def preflight() -> Response:
        response = Response(b"", 204)
        response.headers["Allow"] = "OPTIONS, POST" if request.path == "/rpc" else "GET, OPTIONS"
        origin = request.headers.get("Origin")
        if origin is not None and allowed.permits(origin):
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return response

    @app.errorhandler(MdbError)
    async def refused(error: MdbError) -> Response:
        return _refusal(error)

    @app.errorhandler(HTTPException)
    async def http_error(error: HTTPException) -> Response:
        response = _refusal(_of_http(error))
        valid = getattr(error, "valid_methods", None)
        if valid:
            response.headers["Allow"] = ", ".join(sorted({*valid, "OPTIONS"} - {"HEAD"}))
        return response

    @app.errorhandler(Exception)
    async def failed(error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        return _refusal(BackendError("the server failed"))

    @app.before_request
    async def begin() -> None:
        REQUEST_ID.set(sane_request_id(request.headers.get("X-Request-Id")) or fresh_request_id())

    @app.after_request
    async def finish(response: Response) -> Response:
        if "X-Request-Id" not in response.headers:
            response.headers["X-Request-Id"] = REQUEST_ID.get() or fresh_request_id()
        for name, value in cors_headers(request.headers.get("Origin"), allowed):
            response.headers[name] = value
        return response

    return app


def _add_probes(app: QuartTrio, database: Database) -> None:
    exposition = Exposition(database)

    @app.get("/health")
    async def health() -> Response:
        return _json(200, {"status": "ok"})

    @app.get("/ready")
    async def ready() -> Response:
        if database.draining:
            return _json(503, {"status": "draining", "reason": "the server is shutting down"})
        try:
            await database.store.ping()
        except MdbError as error:
            return _json(503, {"status": "unavailable", "reason": error.message})
        return _json(200, {"status": "ready"})

    @app.get("/metrics")
    async def metrics() -> Response:
        text, content_type = exposition.render(request.headers.get("Accept"))
        response = Response(text, 200, content_type=content_type)
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/version")
    async def version() -> Response:
        return _json(200, {"version": VERSION})


def _add_transfers(app: QuartTrio, transfers: Transfers) -> None:
    @app.get("/export")
    async def export() -> Response:
        compressed = request.accept_encodings.quality("gzip") > 0
        blocks = await transfers.export(
            _single(request.args),
            authorization=request.headers.get("Authorization"),
            compressed=compressed,
            delimited=request.http_version != "1.0",
        )
        if request.method == "HEAD":
            await blocks.aclose()
            return Response(b"", 200, content_type="application/x-ndjson")
        response = Response(_Chunks(blocks), 200, content_type="application/x-ndjson")
        response.timeout = None
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Accept-Encoding"
        if compressed:
            response.headers["Content-Encoding"] = "gzip"
        return response

    @app.post("/import")
    async def import_() -> Response:
        return _events(
            await transfers.import_(
                _single(request.args),
                request.body,
                authorization=request.headers.get("Authorization"),
                encoding=request.headers.get("Content-Encoding"),
            )
        )


def _single(query: MultiDict[str, str]) -> dict[str, str]:
    """Make the query a plain mapping; a parameter given twice has no one meaning."""
    for name, values in query.lists():
        if len(values) > 1:
            raise InvalidRequest(f"{name[:100]} is given twice", path=name[:100])
    return query.to_dict()


def _response(reply: Reply) -> Response:
    body = reply.body if isinstance(reply.body, bytes) else _Chunks(reply.body.chunks())
    response = Response(body, reply.status, content_type=reply.content_type)
    response.timeout = None
    for name, value in reply.headers:
        response.headers[name] = value
    return response


def _events(stream: ResponseBody) -> Response:
    response = Response(stream, 200, content_type="text/event-stream")
    response.timeout = None
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _json(status: int, value: object) -> Response:
    response = Response(msgspec.json.encode(value), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _refusal(error: MdbError) -> Response:
    response = Response(error.to_json(), error.status, content_type="application/json")
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _of_http(error: HTTPException) -> MdbError:
    """Say an error of HTTP itself in the words of the contract."""
    known = {404: NotFound, 405: MethodNotAllowed, 408: RequestTimeout, 413: PayloadTooLarge}
    kind = known.get(error.code or 500)
    return BackendError("the server failed") if kind is None else kind()


class _Chunks(ResponseBody):
    """A generator as Quart sends it; it is closed whatever happens."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self._chunks = chunks

    async def __aenter__(self) -> _Chunks:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._chunks.aclose()

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self._chunks
