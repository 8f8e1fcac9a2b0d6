"""Servers on free ports, and TLS for them."""

import ssl
from functools import partial

import pytest
import trio
import trustme
from http_harness import App, Rpc, Server, quick, tiny_app

from mdb.http.lane.reactor import Reactor
from mdb.http.serve import serve
from mdb.http.tls import tls_context


@pytest.fixture(params=["asked", "begun", "without-epoll"])
async def start(nursery, request, monkeypatch):
    """Start a server on a free port; it and its clients are cut off when the test ends.

    Each test runs with requests that are answered by the connection's own task, with requests
    that are begun without it, and with connections that wait for themselves.
    """
    servers = []
    if request.param == "without-epoll":
        monkeypatch.setattr(Reactor, "available", False)

    async def start(*, lane=True, app_class=App, config=None, **kwargs):
        draining, stopped, gone = trio.Event(), trio.Event(), trio.Event()
        scope = trio.CancelScope()
        app = tiny_app(draining, app_class)
        app.config.update(config or {})
        rpc = Rpc(nursery if request.param == "begun" else None)

        async def run(*, task_status):
            try:
                with scope:
                    await serve(
                        lambda: app,
                        rpc if lane else None,
                        port=0,
                        draining=draining,
                        task_status=task_status,
                        **{"limits": quick(), **kwargs},
                    )
                    stopped.set()
            finally:
                gone.set()

        port = await nursery.start(partial(run))
        servers.append(Server(port, rpc, app, draining, stopped, gone, scope.cancel))
        return servers[-1]

    yield start
    for server in servers:
        for client in server.clients:
            await trio.aclose_forcefully(client.stream)


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(path)
    return tls_context(path)


@pytest.fixture
def client_tls(authority):
    """Return a client context that offers the protocols given."""

    def make(*protocols):
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    return make
