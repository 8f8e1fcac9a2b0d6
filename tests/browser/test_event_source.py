"""A browser's own EventSource follows a server, loses it, and goes on from where it stood."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser.browser import Browser, Page
from tests.fixtures.server import Server, start_process, start_server

TOKEN = "ns_ZGVmYXVsdA_" + "ab" * 32

# `seen`: ids of the pokes; `past(n)` waits for so many of them.
FOLLOW = """
window.seen = [];
window.waiting = [];
window.opened = 0;
window.states = [];
window.source = new EventSource(%s);
const look = () => { waiting = waiting.filter(check => !check()); };
source.addEventListener("open", () => { opened += 1; look(); });
source.addEventListener("error", () => { states.push(source.readyState); look(); });
for (const kind of ["poke", "gone", "reset"])
  source.addEventListener(kind, event => {
    seen.push(kind === "poke" ? JSON.parse(event.data).globalPosition : kind);
    look();
  });
window.until = condition => new Promise(resolve => {
  const check = () => condition() && (resolve(seen), true);
  if (!check()) waiting.push(check);
});
null
"""


def follow(page: Page, address: str) -> None:
    page.run(FOLLOW % json.dumps(address))


def told(page: Page, count: int) -> list[object]:
    """Wait for so many events."""
    events: list[object] = page.run(f"until(() => seen.length >= {count})")
    return events


def write(server: Server, *streams: str) -> None:
    for stream in streams:
        answer = server.rpc("stream.write", stream, {"type": "T", "data": {}}, token=TOKEN)
        assert answer.is_success, answer.text


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    return [f"--data-dir={tmp_path}", f"--token={TOKEN}"]


@contextlib.contextmanager
def page_server() -> Iterator[str]:
    """Somebody else's web site, with one empty page; its origin."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_port}"
        finally:
            site.shutdown()
            thread.join()


def test_it_follows_from_the_beginning_and_on(browser: Browser, data: list[str]) -> None:
    with start_server(data) as server:
        write(server, "a-1", "b-1", "a-2")
        page = browser.open(f"{server.url}/health")
        follow(page, f"/subscribe?category=a&token={TOKEN}")
        assert told(page, 2) == [1, 3]
        write(server, "b-1", "a-1")
        assert told(page, 3) == [1, 3, 5]


def test_it_comes_back_by_itself_to_a_server_started_again(
    browser: Browser, data: list[str]
) -> None:
    with start_server(data) as server:
        port = server.port
        write(server, "a-1", "a-1")
        page = browser.open(f"{server.url}/health")
        follow(page, f"/subscribe?all=true&token={TOKEN}")
        assert told(page, 2) == [1, 2]
        assert server.stop() == 0
    with start_process(["serve", f"--port={port}", *data]) as server:
        server.wait_listening()
        write(server, "a-2")
        assert told(page, 3) == [1, 2, 3]
        assert page.run("opened") == 2


def test_it_is_told_that_its_namespace_is_gone(browser: Browser, data: list[str]) -> None:
    with start_server(data) as server:
        token = server.rpc("ns.create", "tenant", token=TOKEN).json()["token"]
        page = browser.open(f"{server.url}/health")
        follow(page, f"/subscribe?all=true&token={token}")
        page.run("until(() => opened === 1)")
        assert server.rpc("ns.delete", "tenant", token=TOKEN).is_success
        assert told(page, 1) == ["gone"]
        # It tries again, is refused, and gives up: that is what an EventSource does with a status.
        page.run("until(() => source.readyState === EventSource.CLOSED)")


def test_a_page_of_another_origin_follows_where_it_is_allowed(
    browser: Browser, data: list[str]
) -> None:
    with page_server() as origin, start_server([*data, f"--cors-origin={origin}"]) as server:
        write(server, "a-1")
        page = browser.open(f"{origin}/")
        follow(page, f"{server.url}/subscribe?all=true&token={TOKEN}")
        assert told(page, 1) == [1]
        written = page.run(
            f"""fetch("{server.url}/rpc", {{
              method: "POST",
              headers: {{Authorization: "Bearer {TOKEN}", "Content-Type": "application/json"}},
              body: JSON.stringify(["stream.write", "a-2", {{type: "T", data: 1}}]),
            }}).then(async answer => [answer.headers.has("X-Request-Id"), await answer.json()])"""
        )
        assert (written[0], written[1]["globalPosition"]) == (True, 2)
        assert told(page, 2) == [1, 2]


def test_a_page_of_another_origin_is_kept_out_by_default(browser: Browser, data: list[str]) -> None:
    with page_server() as origin, start_server(data) as server:
        write(server, "a-1")
        page = browser.open(f"{origin}/")
        follow(page, f"{server.url}/subscribe?all=true&token={TOKEN}")
        page.run("until(() => states.length > 0)")
        assert page.run("[states, seen, opened]") == [[2], [], 0]
