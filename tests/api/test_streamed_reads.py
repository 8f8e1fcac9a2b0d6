"""`batchSize: -1`: everything, page by page, and never a broken answer that looks whole."""

import pytest
import trio

from mdb.core.errors import BackendUnavailable

CALLS = (
    ("stream.get", "s-1", {"batchSize": -1}),
    ("category.get", "s", {"batchSize": -1}),
    ("ns.get", {"batchSize": -1}),
)


async def fill(api, count, size):
    for start in range(0, count, 10):
        await api.good(
            "stream.writeBatch",
            "s-1",
            [{"type": "T", "data": [n, "x" * size]} for n in range(start, start + 10)],
        )


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
@pytest.mark.parametrize("direction", ["forward", "backward"])
async def test_everything_comes_in_order_across_pages(api, call, direction):
    await fill(api, 40, 100_000)
    answer = await api(*call[:-1], {"batchSize": -1, "direction": direction})
    assert answer.headers.get("transfer-encoding") == "chunked"
    numbers = [row[-3][0] for row in answer.json]
    assert numbers == list(range(40))[:: 1 if direction == "forward" else -1]


async def test_everything_ends_at_the_head_as_it_stood_at_the_start(api):
    await fill(api, 30, 100_000)
    namespace = await api.namespace()
    read = namespace.store.read

    async def busy(query, limit):
        page = await read(query, limit)
        await namespace.write("s-1", "T", ["late"])
        return page

    namespace.store.read = busy
    for call in CALLS:
        expected = await api.good("stream.version", "s-1")
        rows = await api.good(*call)
        assert len(rows) == expected + 1
        assert await api.good("stream.version", "s-1") > expected


async def test_no_more_than_a_page_is_held(api):
    """A page is read when the one before it has been taken."""
    await fill(api, 120, 100_000)
    namespace = await api.namespace()
    sizes = []
    read = namespace.store.read

    async def watched(query, limit):
        page = await read(query, limit)
        sizes.append(len(page.rows))
        return page

    namespace.store.read = watched
    rows = await api.good("ns.get", {"batchSize": -1})
    assert len(rows) == 120
    assert len(sizes) >= 10
    assert max(sizes) < 1_300_000


async def test_a_large_batch_is_cut_where_it_was_asked_for(api):
    await fill(api, 40, 100_000)
    rows = await api.good("ns.get", {"batchSize": 33})
    assert [row[5][0] for row in rows] == list(range(33))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
async def test_a_fault_in_the_middle_breaks_the_answer_off(api, call):
    """Without its last chunk: no client can take what came for all."""
    await fill(api, 40, 100_000)
    namespace = await api.namespace()
    read = namespace.store.read
    pages = []

    async def breaking(query, limit):
        if len(pages) == 2:
            raise BackendUnavailable("the database went away")
        pages.append(await read(query, limit))
        return pages[-1]

    namespace.store.read = breaking
    answer = await api(*call)
    assert (answer.status, answer.headers.get("transfer-encoding")) == (200, "chunked")
    assert not answer.complete
    assert len(answer.body) > 1_000_000
    assert not answer.body.endswith(b"]]")
    namespace.store.read = read
    assert len(await api.good(*call)) == 40


async def test_a_fault_before_the_first_page_is_an_error(api):
    namespace = await api.namespace()

    async def broken(query, limit):
        raise BackendUnavailable("the database went away")

    namespace.store.read = broken
    answer = await api("ns.get", {"batchSize": -1})
    assert (answer.status, answer.code) == (503, "BACKEND_UNAVAILABLE")


async def test_a_page_that_never_comes_breaks_the_answer_off(api, monkeypatch):
    monkeypatch.setattr("mdb.rpc.results.PAGE_TIMEOUT", 0.2)
    await fill(api, 40, 100_000)
    namespace = await api.namespace()
    read = namespace.store.read
    pages = []

    async def stuck(query, limit):
        if pages:
            await trio.sleep_forever()
        pages.append(await read(query, limit))
        return pages[-1]

    namespace.store.read = stuck
    assert not (await api("ns.get", {"batchSize": -1})).complete


async def test_in_a_pipeline_a_fault_in_the_middle_breaks_off_and_what_was_done_stands(api):
    await fill(api, 40, 100_000)
    namespace = await api.namespace()
    read = namespace.store.read
    pages = []

    async def breaking(query, limit):
        if pages:
            raise BackendUnavailable("the database went away")
        pages.append(await read(query, limit))
        return pages[-1]

    namespace.store.read = breaking
    calls = [["stream.write", "t-1", {"type": "T", "data": 1}], ["ns.get"], ["sys.version"]]
    answer = await api.post(calls)
    assert not answer.complete
    assert answer.body.startswith(b'[{"result":{"position":0,')
    namespace.store.read = read
    assert await api.good("stream.version", "t-1") == 0
