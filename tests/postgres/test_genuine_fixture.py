"""What the tests take for a genuine Message DB is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from tests.fixtures import genuine
from tests.fixtures.genuine import GenuineMissing, genuine_message_db, scripts


async def test_its_clients_write_and_read(genuine_client: Callable[..., Any]) -> None:
    client = await genuine_client()
    assert await client.fetchval("select message_store_version()") == "1.3.0"
    write = "select write_message(gen_random_uuid()::varchar, $1, 'Opened', '{\"n\": 1}')"
    assert [await client.fetchval(write, "account-1") for _ in range(2)] == [0, 1]
    read = await client.fetch("select * from get_category_messages('account')")
    assert [(row["stream_name"], row["position"], row["data"]) for row in read] == [
        ("account-1", 0, '{"n": 1}'),
        ("account-1", 1, '{"n": 1}'),
    ]


async def test_an_older_one_under_another_name(
    database_url: str, connect: Callable[..., Any]
) -> None:
    def install() -> None:
        genuine_message_db(database_url, "elsewhere", "1.2")

    await trio.to_thread.run_sync(install)
    client = await connect(database_url, server_settings={"search_path": "elsewhere"})
    assert await client.fetchval("select message_store_version()") == "1.2.6"


def test_a_missing_one_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(genuine, "_PACKAGES", tmp_path)
    with pytest.raises(GenuineMissing, match="make genuine"):
        scripts()
