"""Test mode: who comes without a token gets a namespace of their own."""

import pytest
import trio
from fixtures.served import server
from fixtures.sse import followers, following

from mdb.core import tokens

MESSAGE = {"type": "T", "data": {}}
TOKEN = "x-messagedb-token"


async def at_once(count, function):
    """Call a function so many times at once; return its answers."""
    answers = []

    async def one(n):
        answers.append(await function(n))

    async with trio.open_nursery() as nursery:
        for n in range(count):
            nursery.start_soon(one, n)
    return answers


async def test_a_first_call_gets_a_namespace_and_its_token(in_test_mode):
    served = in_test_mode
    first = await served.call("stream.write", "s-1", MESSAGE, token=None)
    assert first.status == 200
    token = first.headers[TOKEN]
    name = tokens.parse(token).namespace
    again = await served.call("stream.get", "s-1", token=token)
    assert len(again.result) == 1
    assert TOKEN not in again.headers
    assert (await served.call("ns.info", name, token=token)).result["messageCount"] == 1
    other = await served.call("stream.get", "s-1", token=None)
    assert other.result == []
    assert other.headers[TOKEN] != token


async def test_a_hundred_first_calls_at_once_get_a_hundred_namespaces(in_test_mode):
    served = in_test_mode

    async def first(n):
        return await served.call("stream.write", "s-1", {"type": "T", "data": n}, token=None)

    answers = await at_once(100, first)
    assert {answer.status for answer in answers} == {200}
    given = {answer.headers[TOKEN] for answer in answers}
    assert len(given) == 100
    assert len({tokens.parse(token).namespace for token in given}) == 100
    seen = set()
    for token in given:
        (row,) = (await served.call("stream.get", "s-1", token=token)).result
        seen.add(row[4])
    assert seen == set(range(100))


async def test_what_needs_no_token_creates_nothing(in_test_mode):
    served = in_test_mode
    before = (await served.call("ns.list", token=served.admin)).result
    for parts in (("sys.version",), ("sys.health",), ("util.hash64", "a"), ("util.id", "a-1")):
        answer = await served.call(*parts, token=None)
        assert answer.status == 200
        assert TOKEN not in answer.headers
    assert (await served.call("ns.list", token=served.admin)).result == before


async def test_the_admins_methods_still_need_the_admin(in_test_mode):
    for parts in (("ns.list",), ("ns.create", "n1")):
        assert (await in_test_mode.call(*parts, token=None)).code == "AUTH_REQUIRED"
        unknown = tokens.make("unknown")
        assert (await in_test_mode.call(*parts, token=unknown)).code == "AUTH_UNAUTHORIZED"


async def test_a_token_of_a_namespace_that_never_was_creates_it(in_test_mode):
    served, token = in_test_mode, tokens.make("mine")
    answer = await served.call("stream.write", "s-1", MESSAGE, token=token)
    assert answer.status == 200
    assert TOKEN not in answer.headers
    assert (await served.call("ns.info", "mine", token=token)).result["messageCount"] == 1
    other = await served.call("stream.get", "s-1", token=tokens.make("mine"))
    assert other.code == "AUTH_UNAUTHORIZED"
    answer = await served.call("stream.get", "s-1", token=tokens.make("default"))
    assert answer.code == "AUTH_UNAUTHORIZED"


async def test_one_token_at_once_is_one_namespace(in_test_mode):
    served, token = in_test_mode, tokens.make("mine")

    async def write(n):
        return await served.call("stream.write", f"s-{n}", MESSAGE, token=token)

    assert {answer.status for answer in await at_once(30, write)} == {200}
    assert (await served.call("ns.info", "mine", token=token)).result["streamCount"] == 30


async def test_of_many_tokens_for_one_name_at_once_one_wins(in_test_mode):
    served = in_test_mode
    given = [tokens.make("mine") for _ in range(20)]

    async def write(n):
        return await served.call("stream.write", "s-1", MESSAGE, token=given[n])

    answers = await at_once(20, write)
    assert sorted(answer.status for answer in answers) == [200] + [403] * 19


async def test_unknown_tokens_are_not_bounded_in_test_mode(in_test_mode, monkeypatch):
    """They are the rule there: a test suite brings one for each of its tests."""
    served = in_test_mode
    monkeypatch.setattr(served.database._unknown, "_per_second", 2)

    async def write(n):
        return await served.call("stream.write", "s-1", MESSAGE, token=tokens.make(f"suite-{n}"))

    assert {answer.status for answer in await at_once(30, write)} == {200}
    async with following(served, "all=true", token=tokens.make("follower")) as events:
        await events.ready()


async def test_what_was_deleted_stays_deleted(in_test_mode):
    served = in_test_mode
    first = await served.call("stream.write", "s-1", MESSAGE, token=None)
    token = first.headers[TOKEN]
    name = tokens.parse(token).namespace
    assert (await served.call("ns.delete", name, token=token)).status == 200
    for again in (token, tokens.make(name)):
        answer = await served.call("stream.write", "s-1", MESSAGE, token=again)
        assert answer.code == "AUTH_UNAUTHORIZED"
    recreated = (await served.call("ns.create", name, token=served.admin)).result["token"]
    assert (await served.call("stream.get", "s-1", token=recreated)).result == []
    assert (await served.call("stream.get", "s-1", token=token)).code == "AUTH_UNAUTHORIZED"


async def test_a_token_does_not_bring_a_namespace_back_while_it_is_deleted(in_test_mode):
    served, token = in_test_mode, tokens.make("mine")
    await served.call("stream.write", "s-1", MESSAGE, token=token)
    codes = set()

    async def write():
        for _ in range(20):
            answer = await served.call("stream.write", "s-1", MESSAGE, token=token)
            codes.add(answer.status)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(write)
        assert (await served.call("ns.delete", "mine", token=token)).status == 200
    assert codes <= {200, 403}
    answer = await served.call("stream.get", "s-1", token=token)
    assert answer.code == "AUTH_UNAUTHORIZED"
    assert (await served.call("ns.info", "mine", token=served.admin)).code == "NAMESPACE_NOT_FOUND"


async def test_a_subscription_without_a_token_is_joined_once(in_test_mode):
    served = in_test_mode
    async with following(served, "category=s", token=None) as events:
        token = events.headers[TOKEN]
        await events.ready()
        assert (await served.call("sys.version", token=None)).status == 200
        first = await served.call("stream.write", "s-1", MESSAGE, token=None)
        assert first.headers[TOKEN] == token
        second = await served.call("stream.write", "s-1", MESSAGE, token=None)
        assert second.headers[TOKEN] != token
        poke = await events.poke()
        assert (poke.stream, poke.position) == ("s-1", 0)


async def test_a_bad_call_does_not_join(in_test_mode):
    served = in_test_mode
    async with following(served, "category=s", token=None) as events:
        await events.ready()
        assert (await served.call("stream.write", token=None)).code == "INVALID_REQUEST"
        first = await served.call("stream.write", "s-1", MESSAGE, token=None)
        assert first.headers[TOKEN] == events.headers[TOKEN]


async def test_subscriptions_are_joined_in_their_order_and_not_after_their_end(in_test_mode):
    served = in_test_mode
    async with following(served, "all=true", token=None) as one:
        await one.ready()
        async with following(served, "all=true", token=None) as two:
            await two.ready()
            async with following(served, "all=true", token=None) as three:
                await three.ready()
                answers = [await served.call("stream.get", "s-1", token=None)]
            await followers(served, 2)
            answers += [await served.call("stream.get", "s-1", token=None) for _ in range(2)]
            found = [answer.headers[TOKEN] for answer in answers]
            assert found[:2] == [one.headers[TOKEN], two.headers[TOKEN]]
            assert found[2] not in {e.headers[TOKEN] for e in (one, two, three)}


async def test_of_many_first_calls_at_once_one_joins(in_test_mode):
    served = in_test_mode
    async with following(served, "all=true", token=None) as events:
        await events.ready()

        async def first(_n):
            return await served.call("stream.write", "s-1", MESSAGE, token=None)

        answers = await at_once(20, first)
        given = [answer.headers[TOKEN] for answer in answers]
        assert len(set(given)) == 20
        assert events.headers[TOKEN] in given


async def test_without_test_mode_none_of_this_is_so():
    async with server() as served:
        assert (await served.call("stream.get", "s-1", token=None)).code == "AUTH_REQUIRED"
        unknown = tokens.make("mine")
        assert (await served.call("stream.get", "s-1", token=unknown)).code == "AUTH_UNAUTHORIZED"
        for target in ("/subscribe?all=true", f"/subscribe?all=true&token={unknown}"):
            answer = await served.request("GET", target)
            assert answer.code in {"AUTH_REQUIRED", "AUTH_UNAUTHORIZED"}


@pytest.mark.parametrize("target", ["/subscribe", "/subscribe?stream=", "/subscribe?all=no"])
async def test_a_bad_subscription_creates_nothing(in_test_mode, target):
    before = (await in_test_mode.call("ns.list", token=in_test_mode.admin)).result
    answer = await in_test_mode.request("GET", target)
    assert answer.code == "INVALID_REQUEST"
    assert TOKEN not in answer.headers
    assert (await in_test_mode.call("ns.list", token=in_test_mode.admin)).result == before
