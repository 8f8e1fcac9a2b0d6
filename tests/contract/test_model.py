"""Every store does what a model in memory does, whatever comes in whatever order.

`MESSAGEDB_TEST_EXAMPLES` sets how many sequences are tried on each store (`make soak`: 500).
"""

import json
import os
import uuid
from collections import Counter

import trio
from contract.model import Model, facts
from fixtures.messages import message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mdb
from mdb.core.messages import AllQuery, Append, CategoryQuery, StreamQuery, Written
from mdb.core.names import category
from mdb.core.versions import merge_expected
from mdb.database import NewNamespace

EXAMPLES = int(os.environ.get("MESSAGEDB_TEST_EXAMPLES", "30"))

STREAMS = ["a-1", "a-2", "a", "a-1+x", "b-1", "é-1"]
IDS = [uuid.UUID(int=n, version=4).bytes for n in range(3)]

# Texts of which some are the same value.
VALUES = [b"1", b"1.0", b"2", b"null", b'{"a":1,"b":[]}', b'{"b":[],"a":1e0}', b'{"a":true,"b":[]}']
METADATA = [None, None, None, b"{}", b'{"m":1}', b'{"m":10e-1}']

streams = st.sampled_from(STREAMS)
types = st.sampled_from(["T", "U"])
# "right": what the stream stands at when the write is judged.
versions = st.one_of(st.none(), st.just("right"), st.integers(-1, 3))


def variants(n):
    """One id five times: the first two are equal, the others differ in metadata or in data."""
    base = {"message_type": "T", "data": b'{"a":1,"b":[]}', "metadata": b'{"m":1}', "given": IDS[n]}
    twin = {**base, "data": b'{"b":[],"a":1e0}', "metadata": b'{"m":10e-1}'}
    others = [
        {**base, "metadata": None},
        {**base, "metadata": b'{"m":2}'},
        {**base, "data": b'{"a":true,"b":[]}'},
    ]
    return [(STREAMS[n], message) for message in (base, twin, *others)]


# Some messages are new in all they say; most may meet themselves again.
fresh = st.tuples(
    streams,
    st.fixed_dictionaries(
        {
            "message_type": types,
            "data": st.sampled_from(VALUES),
            "metadata": st.sampled_from(METADATA),
            "given": st.one_of(st.none(), st.sampled_from(IDS)),
        }
    ),
)
known = st.sampled_from([variant for n in range(len(IDS)) for variant in variants(n)])
items = st.one_of(fresh, known, known)


def in_one_stream(chosen, version):
    stream = chosen[0][0]
    return [(stream, message) for _stream, message in chosen], [(stream, version)]


# A write, a batch, a transaction: (messages with their streams, expectations).
writes = st.one_of(
    st.builds(in_one_stream, st.lists(items, min_size=1, max_size=1), versions),
    st.builds(in_one_stream, st.lists(items, min_size=1, max_size=4), versions),
    st.tuples(
        st.lists(items, min_size=1, max_size=5),
        st.dictionaries(streams, versions, max_size=3).map(lambda check: list(check.items())),
    ),
)
positions = st.one_of(st.none(), st.integers(0, 12))
options = {"backward": st.booleans(), "type": st.one_of(st.none(), types)}
reads = st.tuples(
    st.one_of(
        st.builds(StreamQuery, streams, position=positions, **options),
        st.builds(StreamQuery, streams, from_global=st.integers(0, 12), **options),
        st.builds(CategoryQuery, streams.map(category), position=positions, **options),
        st.builds(AllQuery, position=positions, **options),
    ),
    st.integers(1, 8),
)
# What is written together is offered to one commit; between such steps things are read.
steps = st.lists(
    st.one_of(st.lists(writes, min_size=1, max_size=5), reads), min_size=5, max_size=20
)


def built(write, model):
    """The write as it is put to the store; None where the API lets no such thing through."""
    chosen, expectations = write
    given = [m["given"] for _, m in chosen if m["given"] is not None]
    if len(set(given)) < len(given):
        return None
    expect = merge_expected(
        (stream, model.version(stream) if version == "right" else version, "")
        for stream, version in expectations
    )
    return Append(tuple(message(stream, **m) for stream, m in chosen), expect)


async def write_together(namespace, model, group):
    appends, verdicts = [], []
    for write in group:
        append = built(write, model)
        if append is not None:
            appends.append(append)
            verdicts.append(model.judge(append))
    outcomes = await namespace.store.commit(appends) if appends else []
    for verdict, outcome in zip(verdicts, outcomes, strict=True):
        model.compare(verdict, outcome)
    heights = [m.at for m in model.messages]
    assert heights == sorted(set(heights))


async def read_and_compare(namespace, model, query, limit):
    rows, following, rest = [], query, limit
    while following is not None:
        page, following, rest = await namespace.page(following, rest)
        rows += json.loads(b"[" + page + b"]")
    stream = query.stream if isinstance(query, StreamQuery) else None
    assert list(facts(rows, stream)) == model.read(query, limit), query


async def compare_whole(namespace, model):
    """Everything that can be asked of the namespace, at the end."""
    for backward in (False, True):
        await read_and_compare(namespace, model, AllQuery(backward=backward), None)
        for name in STREAMS:
            query = StreamQuery(name, backward=backward)
            await read_and_compare(namespace, model, query, None)
    for name in STREAMS:
        version = model.version(name)
        assert await namespace.version(name) == (None if version < 0 else version)
        last = await namespace.last(name)
        assert (last is None) == (version < 0)
        assert last is None or last.position == version
    counts = Counter(m.stream for m in model.messages)
    listed = await namespace.streams()
    assert [(s.stream, s.version) for s in listed] == [(n, counts[n] - 1) for n in sorted(counts)]
    found = await namespace.categories()
    names = {category(name) for name in counts}
    assert [(c.category, c.stream_count, c.message_count) for c in found] == [
        (
            name,
            sum(category(stream) == name for stream in counts),
            sum(n for stream, n in counts.items() if category(stream) == name),
        )
        for name in sorted(names)
    ]
    assert await namespace.store.head() == (model.messages[-1].at if model.messages else 0)


async def agree(database, sequence):
    namespace, _token = await database.create_namespace(NewNamespace(f"n-{uuid.uuid4().hex}"))
    await namespace.store.open()
    model = Model()
    for step in sequence:
        if isinstance(step, list):
            await write_together(namespace, model, step)
        else:
            await read_and_compare(namespace, model, *step)
    await compare_whole(namespace, model)
    await namespace.store.close()
    if not namespace.record.adopted:
        await database.delete_namespace(namespace.id)


async def try_many(url, prepare=lambda _database: None, examples=EXAMPLES):
    """Open the database once; hypothesis, which is not async, runs in a thread beside it."""
    async with mdb.open(url) as database:
        prepare(database)

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(steps)
        def run(sequence):
            trio.from_thread.run(agree, database, sequence)

        await trio.to_thread.run_sync(run)


async def test_a_store_and_the_model_agree(opener):
    async with opener() as url:
        await try_many(url)


def test_the_model_knows_a_repeated_write_and_a_conflict():
    """The model itself: what it takes for equal, for a conflict, for the version before."""
    model = Model()
    first = Append((message("a-1", given=IDS[0], data=b"1"),), (("a-1", -1),))
    again = Append((message("a-1", given=IDS[0], data=b"1.0"),), (("a-1", 5),))
    other = Append((message("a-1", given=IDS[0], data=b"2"),))
    stale = Append((message("a-1"), message("a-2")), (("a-1", -1),))
    kinds = [model.judge(append)[0] for append in (first, again, other, stale)]
    assert kinds == ["written", "again", "id", "version"]
    assert model.version("a-1") == 0
    model.compare(("written", model.messages), Written(((0, 7),)))
    assert model.messages[0].place() == (0, 7)
