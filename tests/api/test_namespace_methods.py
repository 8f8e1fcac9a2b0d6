"""ns.create, ns.delete, ns.list, ns.info."""

import re
from datetime import datetime
from uuid import UUID

import pytest

from mdb.core import tokens

MESSAGE = {"type": "T", "data": {}}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def admin(served):
    async def call(*parts):
        return await served.call(*parts, token=served.admin)

    return call


async def test_a_namespace_is_created_with_a_token_of_its_own(served, admin):
    created = (await admin("ns.create", "team-a")).result
    assert set(created) == {"namespace", "token", "createdAt"}
    assert created["namespace"] == "team-a"
    assert TIME.fullmatch(created["createdAt"])
    assert tokens.parse(created["token"]).namespace == "team-a"
    assert re.fullmatch(r"ns_dGVhbS1h_[0-9a-f]{64}", created["token"])
    answer = await served.call("stream.write", "s-1", MESSAGE, token=created["token"])
    assert answer.result["globalPosition"] == 1


async def test_description_metadata_and_token_may_be_given(served, admin):
    token = tokens.make("team-a")
    metadata = {"owner": {"name": "ä"}, "n": 1}
    options = {"description": "Team A's", "metadata": metadata, "token": token}
    assert (await admin("ns.create", "team-a", options)).result["token"] == token
    info = (await served.call("ns.info", "team-a", token=token)).result
    assert (info["description"], info["metadata"]) == ("Team A's", metadata)
    empty = {"description": None, "metadata": None, "token": None}
    for n, options in enumerate(((), (None,), ({},), (empty,))):
        assert (await admin("ns.create", f"n{n}", *options)).status == 200
        info = (await admin("ns.info", f"n{n}")).result
        assert (info["description"], info["metadata"]) == (None, None)


BAD_IDS = ["", ".a", "-a", "a b", "a/b", "ä", "a\x00", "a\n", "x" * 201, "a:b", "..", "a\\b"]


async def test_bad_ids_are_refused(admin):
    for name in BAD_IDS:
        answer = await admin("ns.create", name)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", "$[1]"), name
    for parts in ([], [None], [1], [[]]):
        answer = await admin("ns.create", *parts)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", "$[1]"), parts
    assert [entry["namespace"] for entry in (await admin("ns.list")).result] == ["default", "tests"]


async def test_ids_at_their_limits_are_taken(admin):
    for name in ("x" * 200, "_", "0", "a.b-c_d", "A", "a"):
        assert (await admin("ns.create", name)).result["namespace"] == name
        assert (await admin("ns.info", name)).result["namespace"] == name


async def test_bad_options_are_refused(admin):
    for path, options in (
        ("$[2]", []),
        ("$[2].description", {"description": 1}),
        ("$[2].metadata", {"metadata": []}),
        ("$[2].metadata", {"metadata": "x"}),
        ("$[2].token", {"token": "secret"}),
        ("$[2].token", {"token": tokens.make("other")}),
        ("$[2].token", {"token": 1}),
    ):
        answer = await admin("ns.create", "team-a", options)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", path), options
    assert (await admin("ns.info", "team-a")).code == "NAMESPACE_NOT_FOUND"


async def test_a_name_is_taken_once(admin):
    for name in ("default", "tests"):
        assert (await admin("ns.create", name)).code == "NAMESPACE_EXISTS"
    assert (await admin("ns.create", "Tests")).status == 200


async def test_deletion_tells_how_much_went(served, admin):
    for n in range(3):
        await served.call("stream.write", f"s-{n}", MESSAGE)
    before = (await admin("ns.info", "tests")).result["createdAt"]
    deleted = (await served.call("ns.delete", "tests")).result
    assert set(deleted) == {"namespace", "deletedAt", "messagesDeleted"}
    assert (deleted["namespace"], deleted["messagesDeleted"]) == ("tests", 3)
    assert deleted["deletedAt"] >= before
    assert (await served.call("stream.get", "s-1")).code == "AUTH_UNAUTHORIZED"
    assert (await admin("ns.info", "tests")).code == "NAMESPACE_NOT_FOUND"
    assert (await admin("ns.delete", "tests")).code == "NAMESPACE_NOT_FOUND"


async def test_the_admin_deletes_any_namespace_but_the_default_one(served, admin):
    assert (await admin("ns.delete", "tests")).status == 200
    answer = await admin("ns.delete", "default")
    assert (answer.code, answer.path) == ("INVALID_REQUEST", "$[1]")
    assert (await admin("ns.info", "default")).status == 200


async def test_a_namespace_created_again_is_a_new_one(served, admin):
    await served.call("stream.write", "s-1", MESSAGE)
    old = (await admin("ns.info", "tests")).result
    await admin("ns.delete", "tests")
    token = (await admin("ns.create", "tests")).result["token"]
    new = (await admin("ns.info", "tests")).result
    assert UUID(new["incarnation"]) != UUID(old["incarnation"])
    assert (new["messageCount"], new["head"]) == (0, 0)
    assert (await served.call("stream.get", "s-1")).code == "AUTH_UNAUTHORIZED"
    assert (await served.call("stream.version", "s-1", token=token)).result is None


async def test_the_list_is_by_id_in_pages_and_without_tokens(served, admin):
    await served.call("stream.write", "s-1", MESSAGE)
    for name in ("b", "a", "B"):
        await admin("ns.create", name, {"description": f"about {name}"})
    answer = await admin("ns.list")
    assert b"ns_" not in answer.body
    listed = answer.result
    assert [entry["namespace"] for entry in listed] == ["B", "a", "b", "default", "tests"]
    assert all(
        set(entry) == {"namespace", "description", "createdAt", "messageCount"} for entry in listed
    )
    assert listed[1]["description"] == "about a"
    assert [entry["messageCount"] for entry in listed] == [0, 0, 0, 0, 1]
    for options, expected in (
        ({"limit": 2}, listed[:2]),
        ({"limit": 2, "offset": 1}, listed[1:3]),
        ({"offset": 4}, listed[4:]),
        ({"offset": 99}, []),
        ({"limit": 1000}, listed),
        ({"limit": None, "offset": None}, listed),
    ):
        assert (await admin("ns.list", options)).result == expected, options


async def test_bad_pages_are_refused(admin):
    for path, options in (
        ("$[1].limit", {"limit": 0}),
        ("$[1].limit", {"limit": -1}),
        ("$[1].limit", {"limit": 1001}),
        ("$[1].limit", {"limit": "1"}),
        ("$[1].offset", {"offset": -1}),
        ("$[1].offset", {"offset": 0.5}),
        ("$[1]", []),
    ):
        answer = await admin("ns.list", options)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", path), options


async def test_info_is_what_the_namespace_is_and_holds(served, admin):
    info = (await served.call("ns.info", "tests")).result
    assert set(info) == {
        "namespace",
        "description",
        "metadata",
        "createdAt",
        "incarnation",
        "messageCount",
        "streamCount",
        "head",
        "lastActivity",
    }
    assert (info["messageCount"], info["streamCount"], info["head"]) == (0, 0, 0)
    assert info["lastActivity"] is None
    for n in range(5):
        written = (await served.call("stream.write", f"s-{n % 2}", MESSAGE)).result
    last = (await served.call("stream.last", "s-0")).result[6]
    info = (await served.call("ns.info", "tests")).result
    assert (info["messageCount"], info["streamCount"]) == (5, 2)
    assert (info["head"], info["lastActivity"]) == (written["globalPosition"], last)
    assert datetime.fromisoformat(info["createdAt"]) <= datetime.fromisoformat(last)
    assert (await admin("ns.info", "tests")).result == info


async def test_what_is_whose(served, admin):
    """create and list: the admin's. delete and info: the owner's and the admin's."""
    other = await served.create("other")
    for parts in (("ns.create", "mine"), ("ns.list",)):
        assert (await served.call(*parts)).code == "AUTH_UNAUTHORIZED"
    for method in ("ns.info", "ns.delete"):
        for name in ("other", "default", "never-was"):
            assert (await served.call(method, name)).code in {
                "AUTH_UNAUTHORIZED",
                "INVALID_REQUEST",
            }
        assert (await admin(method, "never-was")).code == "NAMESPACE_NOT_FOUND"
        assert (await served.call(method)).path == "$[1]"
    assert (await served.call("ns.info", "default")).code == "AUTH_UNAUTHORIZED"
    assert (await served.call("ns.info", "other", token=other)).status == 200


async def test_namespaces_do_not_see_each_other(served):
    other = await served.create("other")
    await served.call("stream.write", "s-1", {"type": "T", "data": "mine"})
    await served.call("stream.write", "s-1", {"type": "T", "data": "theirs"}, token=other)
    for token, data in ((served.own, "mine"), (other, "theirs")):
        for parts in (("stream.get", "s-1"), ("category.get", "s")):
            rows = (await served.call(*parts, token=token)).result
            assert [row[-3] for row in rows] == [data]
            assert rows[0][-4] == 1


async def test_a_message_id_is_known_in_its_own_namespace_only(served):
    other = await served.create("other")
    given = {"id": "01234567-89ab-4cde-8f01-23456789abcd"}
    first = await served.call("stream.write", "s-1", MESSAGE, given)
    second = await served.call("stream.write", "s-2", MESSAGE, given, token=other)
    assert (first.status, second.status) == (200, 200)
