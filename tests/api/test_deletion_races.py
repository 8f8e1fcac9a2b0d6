"""Deletion, while other calls of the same namespace are on their way."""

import pytest
import trio
import trio.testing
from fixtures.served import server

from mdb.core.errors import AuthUnauthorized, NamespaceNotFound
from mdb.database import NewNamespace

MESSAGE = {"type": "T", "data": {}}


async def test_of_two_deletions_at_once_one_succeeds(served):
    answers = []

    async def delete():
        answers.append(await served.call("ns.delete", "tests"))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(delete)
    assert sorted(answer.status for answer in answers) == [200, 403, 403, 403, 403]
    assert {a.code for a in answers if a.status == 403} == {"AUTH_UNAUTHORIZED"}


async def test_calls_beside_a_deletion_are_carried_out_or_refused(served):
    codes = set()

    async def use(n):
        for _ in range(5):
            for parts in (
                ("stream.write", f"s-{n}", MESSAGE),
                ("stream.get", f"s-{n}"),
                ("category.get", "s"),
                ("ns.info", "tests"),
            ):
                answer = await served.call(*parts)
                codes.add(200 if answer.status == 200 else answer.code)

    async with trio.open_nursery() as nursery:
        for n in range(8):
            nursery.start_soon(use, n)
        assert (await served.call("ns.delete", "tests")).status == 200
    assert codes <= {200, "AUTH_UNAUTHORIZED"}
    assert (await served.call("stream.get", "s-1")).code == "AUTH_UNAUTHORIZED"


async def test_a_write_that_waits_for_its_first_turn_is_told_of_the_deletion(served, monkeypatch):
    opened, gate, answers = trio.Event(), trio.Event(), []
    namespace = await served.database.namespace("tests")
    store_open = type(namespace.store).open

    async def slow_open(store):
        opened.set()
        await gate.wait()
        await store_open(store)

    monkeypatch.setattr(type(namespace.store), "open", slow_open)

    async def write():
        answers.append(await served.call("stream.write", "s-1", MESSAGE))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await opened.wait()
        nursery.start_soon(served.call, "ns.delete", "tests")
        await trio.testing.wait_all_tasks_blocked()
        gate.set()
    assert [answer.code for answer in answers] == ["AUTH_UNAUTHORIZED"]


async def test_a_token_that_was_looked_up_before_a_deletion_is_not_taken_after_it(monkeypatch):
    async with server() as served:
        db, token = served.database, served.own
        find_token = db.store.find_token

        async def slow_find_token(digest):
            found = await find_token(digest)
            monkeypatch.undo()
            await db.delete_namespace("tests")
            await db.create_namespace(NewNamespace("tests"))
            return found

        monkeypatch.setattr(db.store, "find_token", slow_find_token)
        assert (await served.call("ns.delete", "tests", token=token)).code == "AUTH_UNAUTHORIZED"
        assert (await served.call("ns.info", "tests", token=served.admin)).status == 200


async def test_an_owner_never_deletes_what_was_made_anew_under_the_same_id(served):
    db = served.database
    old = await db.authenticate(served.own)
    await db.delete_namespace("tests")
    await served.create("tests")
    with pytest.raises(NamespaceNotFound):
        await db.delete_namespace("tests", incarnation=old.record.incarnation)
    assert (await served.call("ns.info", "tests", token=served.admin)).status == 200
    with pytest.raises(AuthUnauthorized):
        await db.authenticate(served.own)


@pytest.mark.parametrize("method", ["ns.rotateToken", "ns.info"])
async def test_an_owner_is_told_nothing_of_what_was_made_anew_meanwhile(monkeypatch, method):
    """Its token was good when it was looked at; then the namespace is deleted and made again."""
    async with server() as served:
        db = served.database
        find_namespace = db.store.find_namespace
        made = []

        async def slow_find_namespace(namespace):
            monkeypatch.undo()
            await db.delete_namespace("tests")
            _namespace, token = await db.create_namespace(NewNamespace("tests"))
            made.append(token)
            return await find_namespace(namespace)

        assert (await served.call("ns.get")).status == 200  # the token is known from here on
        monkeypatch.setattr(db.store, "find_namespace", slow_find_namespace)
        answer = await served.call(method, "tests")
        assert (answer.status, answer.code) == (403, "AUTH_UNAUTHORIZED")
        (token,) = made
        assert (await served.call("ns.get", token=token)).status == 200
