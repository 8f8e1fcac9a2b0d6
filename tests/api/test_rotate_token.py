"""`ns.rotateToken`: the old token stops at once."""

from contextlib import asynccontextmanager

import trio
from fixtures.wire import PATIENCE

from mdb.core import tokens

T = {"type": "T", "data": 1}


class Following:
    """An event stream as it comes: over a socket, so that its end is the test's."""

    def __init__(self, stream):
        self._stream = stream
        self._seen = b""

    async def until(self, mark):
        """Read up to and including `mark`."""
        while mark not in self._seen:
            piece = await self._stream.receive_some()
            assert piece, f"the stream ended without {mark!r}: {self._seen!r}"
            self._seen += piece
        self._seen = self._seen.partition(mark)[2]

    async def ends(self):
        """Read to the answer's valid ending."""
        await self.until(b"\r\n0\r\n\r\n")


@asynccontextmanager
async def subscription(api, query, token):
    with trio.fail_after(PATIENCE):
        stream = await trio.open_tcp_stream("127.0.0.1", api.port)
        async with stream:
            head = f"GET /subscribe?{query} HTTP/1.1\r\nHost: mdb\r\nAuthorization: Bearer {token}"
            await stream.send_all(head.encode() + b"\r\n\r\n")
            yield Following(stream)


async def test_a_namespace_replaces_its_own_token(api):
    await api.good("stream.write", "s-1", T)
    result = await api.good("ns.rotateToken", "tests")
    assert set(result) == {"namespace", "token"}
    assert result["namespace"] == "tests"
    assert result["token"] != api.token
    assert tokens.parse(result["token"]).namespace == "tests"
    answer = await api("ns.get")
    assert (answer.status, answer.code) == (403, "AUTH_UNAUTHORIZED")
    assert (await api("stream.write", "s-1", T)).code == "AUTH_UNAUTHORIZED"
    assert len(await api.good("ns.get", token=result["token"])) == 1


async def test_the_admin_replaces_any_token_and_nobody_else_does(api):
    other = await api.create("n2")
    assert (await api("ns.rotateToken", "tests", token=other)).code == "AUTH_UNAUTHORIZED"
    assert (await api("ns.rotateToken", "tests", token=None)).code == "AUTH_REQUIRED"
    await api.good("ns.get")
    token = (await api.good("ns.rotateToken", "tests", token=api.admin))["token"]
    assert (await api("ns.get")).code == "AUTH_UNAUTHORIZED"
    await api.good("ns.get", token=token)
    await api.good("ns.get", token=other)
    missing = await api("ns.rotateToken", "n9", token=api.admin)
    assert (missing.status, missing.code) == (404, "NAMESPACE_NOT_FOUND")
    assert (await api("ns.rotateToken", "n9", token=other)).code == "AUTH_UNAUTHORIZED"
    assert (await api("ns.rotateToken", "../n9", token=api.admin)).code == "INVALID_REQUEST"


async def test_the_admins_own_token_is_replaced_too(api):
    token = (await api.good("ns.rotateToken", "default", token=api.admin))["token"]
    assert (await api("ns.list", token=api.admin)).code == "AUTH_UNAUTHORIZED"
    assert len(await api.good("ns.list", token=token)) == 2


async def test_of_many_rotations_one_token_is_left(api):
    made = []

    async def rotate():
        made.append((await api.good("ns.rotateToken", "tests", token=api.admin))["token"])

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(rotate)
    good = [token for token in made if (await api("ns.get", token=token)).status == 200]
    assert len(good) == 1


async def test_subscriptions_of_the_namespace_end_with_gone_and_others_go_on(api):
    other = await api.create("n2")
    async with (
        subscription(api, "stream=s-1", api.token) as mine,
        subscription(api, "all=true", api.admin) as admins,
        subscription(api, "all=true", other) as others,
    ):
        for following in (mine, admins, others):
            await following.until(b": ready")
        token = (await api.good("ns.rotateToken", "tests"))["token"]
        await mine.until(b"event: gone\ndata: {}\n\n")
        await mine.ends()
        for name, following in ((api.admin, admins), (other, others)):
            await api.good("stream.write", "s-1", T, token=name)
            await following.until(b"event: poke")
    async with subscription(api, "all=true", token) as following:
        await following.until(b": ready")
        await api.good("stream.write", "s-1", T, token=token)
        await following.until(b"event: poke")


async def test_a_subscription_that_was_on_its_way_opens_nothing(api):
    """The token was good when it was looked at, and replaced before the stream began."""
    namespace = await api.namespace()
    asked, answer = trio.Event(), trio.Event()
    head = namespace.store.head

    async def slow():
        asked.set()
        await answer.wait()
        return await head()

    namespace.store.head = slow
    async with subscription(api, "all=true&position=end", api.token) as following:
        await asked.wait()
        await api.good("ns.rotateToken", "tests")
        answer.set()
        await following.until(b"event: gone\ndata: {}\n\n")
        await following.ends()


async def test_a_look_up_that_began_before_the_rotation_does_not_bring_the_token_back(api):
    """Its finding is old when it arrives, and is not to be remembered."""
    found, go_on = trio.Event(), trio.Event()
    find = api.db.store.find_token
    answers = []

    async def slow(digest):
        result = await find(digest)
        if not found.is_set():
            found.set()
            await go_on.wait()
        return result

    api.db.store.find_token = slow

    async def ask():
        answers.append((await api("ns.get")).status)

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await found.wait()
            await api.good("ns.rotateToken", "tests", token=api.admin)
            go_on.set()
    assert answers == [403]
    assert (await api("ns.get")).status == 403
