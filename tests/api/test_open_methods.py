"""util.* and sys.*: for anyone."""

import re

from fixtures.vectors import load_document


async def test_names_are_taken_apart_as_message_db_does(call):
    compared = 0
    for vector in load_document("names")["vectors"]:
        name = vector["stream_name"]
        for method, key in (
            ("util.category", "category"),
            ("util.id", "id"),
            ("util.cardinalId", "cardinal_id"),
            ("util.isCategory", "is_category"),
            ("util.hash64", "hash_64"),
        ):
            assert (await call(method, name)).result == vector[key], (method, name)
            compared += 1
    assert compared > 50


async def test_hashes_are_integers_and_message_dbs(call):
    for vector in load_document("hash_64")["vectors"]:
        answer = await call("util.hash64", vector["value"])
        assert answer.body == str(vector["hash_64"]).encode()


async def test_arguments_are_one_string(call):
    for method in ("category", "id", "cardinalId", "isCategory", "hash64"):
        for parts in ((), (None,), (1,), ([],), ({},)):
            answer = await call(f"util.{method}", *parts)
            assert (answer.code, answer.path) == ("INVALID_REQUEST", "$[1]"), (method, parts)
        assert (await call(f"util.{method}", "a", "b")).path == "$[2]"
        assert (await call(f"util.{method}", "")).status == 200


async def test_no_token_is_needed_and_any_is_ignored(served):
    for parts in (("sys.version",), ("sys.health",), ("util.hash64", "a")):
        for headers in ([], [("Authorization", "Bearer nonsense")], [("Authorization", "x")]):
            assert (await served.call(*parts, token=None, headers=headers)).status == 200


async def test_the_version_is_one(call):
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", (await call("sys.version")).result)
    assert (await call("sys.version", 1)).path == "$[1]"


async def test_health_asks_the_database(call):
    health = (await call("sys.health")).result
    assert set(health) == {"status", "backend", "connections"}
    assert (health["status"], health["backend"]) == ("ok", "sqlite")
    assert health["connections"] >= 1
