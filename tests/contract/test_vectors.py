"""Reads against the reference vectors.

Where the contract goes another way than Message DB, it wins:

- metadata is an object or null: rows with an array or a string there, as Message DB's own clients
  may have written them, are returned as they are, but no HTTP client can write them;
- a correlation stream name that is no string is none (Message DB takes the text of a number);
- data is required; a row whose data is SQL NULL reads as JSON null;
- a name without `-` is a stream like any other for a read of exactly that name.

SQL conditions, session settings and NULL arguments are of the SQL functions alone.
"""

import json
import re
from uuid import UUID

from fixtures.messages import message, one, rows_of, streams_of, write
from fixtures.vectors import load_document

from mdb.core.messages import Append, CategoryQuery, StreamQuery
from mdb.core.names import category

GROUPS = load_document("consumer_groups")["vectors"]
GET = load_document("get_functions")

SIZES = (1, 2, 3, 4, 5, 8)


async def test_MDB001_5A_T9_a_member_reads_its_streams_and_no_others(space):
    streams = [f"s-{n}" for n in range(40)] + ["s-1+a", "s-1+b", "s-1+a-b"]
    await write(space, *(one(stream) for stream in streams))
    for size in (1, 2, 3, 7):
        members = [await streams_of(space, "s", group=(member, size)) for member in range(size)]
        assert sorted(name for member in members for name in member) == sorted(streams)
        together = [m for m in members if "s-1" in m]
        assert len(together) == 1
        assert {"s-1", "s-1+a", "s-1+b", "s-1+a-b"} <= set(together[0])


async def test_MDB001_5A_T10_members_are_those_of_message_db(space):
    await write(space, *(one(vector["stream_name"]) for vector in GROUPS))
    categories = {category(vector["stream_name"]) for vector in GROUPS}
    for size in SIZES:
        found = {}
        for name in categories:
            for member in range(size):
                for stream in await streams_of(space, name, group=(member, size)):
                    assert stream not in found, "a stream has one member"
                    found[stream] = member
        expected = {
            vector["stream_name"]: vector["member_by_size"][str(size)]
            for vector in GROUPS
            if str(size) in vector["member_by_size"]
        }
        assert found == expected


async def test_a_stream_without_an_id_is_no_members_and_an_empty_id_is_one(space):
    await write(space, one("s"), one("s-"))
    members = [await streams_of(space, "s", group=(member, 5)) for member in range(5)]
    assert sorted(members) == [[], [], [], [], ["s-"]]


async def test_a_group_combines_with_every_other_option(space):
    streams = [f"s-{n % 8}" for n in range(64)]
    await write(
        space, *(one(s, "AB"[n // 8 % 2], correlation="c-1") for n, s in enumerate(streams))
    )
    everything = rows_of(await space.read(CategoryQuery("s", group=(1, 2)), 1000))
    assert 0 < len(everything) < 64
    for options, wanted in (
        ({"type": "A"}, [row for row in everything if row[2] == "A"]),
        ({"position": 20}, [row for row in everything if row[4] >= 20]),
        ({"backward": True}, everything[::-1]),
        ({"backward": True, "position": 20}, [r for r in everything[::-1] if r[4] <= 20]),
        ({"upto": 20}, [row for row in everything if row[4] <= 20]),
        ({"correlation": "c"}, everything),
        ({"correlation": "d"}, []),
    ):
        page = await space.read(CategoryQuery("s", group=(1, 2), **options), 1000)
        assert rows_of(page) == wanted, options
        page = await space.read(CategoryQuery("s", group=(1, 2), **options), 3)
        assert rows_of(page) == wanted[:3], options


# The calls of the read functions whose arguments the contract has too.
CALL = re.compile(r"select \* from (get_\w+)\((.*)\)", re.DOTALL)
CATEGORY = ["category", "position", "batch_size", "correlation", "member", "size"]
STREAM = ["stream", "position", "batch_size"]


def arguments(text, names):
    """The arguments of a call by name; None where it uses what the contract doesn't have."""
    given = {}
    for place, part in enumerate(text.split(",")):
        name, arrow, value = part.rpartition("=>")
        name = name.strip() if arrow else names[min(place, len(names) - 1)]
        name = {"consumer_group_member": "member", "consumer_group_size": "size"}.get(name, name)
        quoted = re.fullmatch(r"'([^']*)'", value.strip())
        if name not in names or not (quoted or re.fullmatch(r"-?\d+|null", value.strip())):
            return None
        given[name] = quoted[1] if quoted else json.loads(value)
    return given


def comparable_calls():
    for call in GET["calls"]:
        match = CALL.fullmatch(call["sql"])
        if match and not call["settings"] and "error" not in call:
            yield match[1], match[2], call["rows"]


async def test_reads_answer_as_message_db_does(space):
    at = {}
    for row in GET["written"]:
        metadata = row["metadata"] and row["metadata"].encode()
        fields = json.loads(metadata or b"{}")
        name = fields.get("correlationStreamName") if isinstance(fields, dict) else None
        new = message(
            row["stream_name"],
            row["type"],
            (row["data"] or "null").encode(),
            metadata,
            given=UUID(row["id"]).bytes,
            correlation=name if isinstance(name, str) else None,
        )
        ((_position, global_position),) = await write(space, Append((new,)))
        at[row["n"] + 1000] = global_position
    compared = 0
    for function, text, rows in comparable_calls():
        found = await answer(space, function, text, at)
        if found is not None:
            compared += 1
            assert found == [row[0] for row in rows], (function, text)
    assert compared == 24


async def answer(space, function, text, at):
    """The ids that a store gives for a call; None where there is no such read."""
    if function == "get_last_stream_message":
        given = arguments(text, ["stream", "type"])
        if given is None or given["stream"] == "":
            return None
        row = await space.last(given["stream"], given.get("type"))
        return [] if row is None else [json.loads(row)[0]]
    is_stream = function == "get_stream_messages"
    given = arguments(text, STREAM if is_stream else CATEGORY)
    if given is None or not given.get("stream" if is_stream else "category"):
        return None
    limit = given.get("batch_size")
    limit = 1000 if limit is None or limit == -1 else limit
    if limit == 0:
        return []
    position = given.get("position") or 0
    if is_stream:
        query = StreamQuery(given["stream"], position=max(position, 0))
    else:
        group = (given["member"], given["size"]) if given.get("size") is not None else None
        position = at.get(position, position)
        query = CategoryQuery(
            given["category"],
            position=max(position, 0),
            correlation=given.get("correlation"),
            group=group,
        )
    return [row[0] for row in rows_of(await space.read(query, limit))]
