"""The reference vectors against the methods, as far as the contract keeps what Message DB does."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from functools import partial

from fixtures.vectors import load_document

# What the contract refuses or means otherwise, by the vectors' labels.
OTHERWISE = {
    "expected -2 on missing stream": "a version is at least -1",
    "duplicate id same stream": "its own rule: equal content would be a repetition",
    "duplicate id other stream": "the same",
    "wrong version AND duplicate id: which wins": "the id is looked at first",
    "wrong version AND bad uuid: which wins": "arguments are checked first",
    "uuid braces": "not taken in",
    "uuid no dashes": "not taken in",
    "null id": "the server makes one",
    "empty stream": "a name has a character",
    "empty type": "a type has a character",
    "data SQL null": "data is required",
    "data number": "its metadata is no object",
    "data string": "its metadata is no object",
    "data array": "its metadata is no object",
    "long stream name 3000": "a name has at most 500 characters",
    "stream name 2700 random-ish": "a name has at most 500 characters",
}
REFUSED = {*OTHERWISE} - {"null id"}
CONFLICTS = {label for label in OTHERWISE if "duplicate id" in label}

exactly = partial(json.loads, parse_float=Decimal, parse_int=Decimal)


def body(step):
    """The call of a step, with its JSON as it stands in the vectors."""
    args = step["args"]
    stream = args["stream_name"]
    if isinstance(stream, dict):
        stream = "wmlong-" + "z" * stream["len"]
    message = f'{{"type": {json.dumps(args["type"])}'
    for name in ("data", "metadata"):
        if args[name] is not None:
            message += f', "{name}": {args[name]}'
    options = {"id": args["id"], "expectedVersion": args["expected_version"]}
    return f'["stream.write", {json.dumps(stream)}, {message}}}, {json.dumps(options)}]'.encode()


async def test_writes_have_the_positions_and_errors_of_write_message(api):
    lacking = Counter()  # what stands in the vectors' streams, but was refused here
    for step in load_document("write_message")["steps"]:
        label = step["label"]
        if label == "null id":
            continue
        answer = await api.post(body(step))
        said = step.get("error", {}).get("message", "")
        if label in CONFLICTS:
            assert answer.code == "MESSAGE_ID_CONFLICT", label
        elif label in REFUSED:
            assert answer.code == "INVALID_REQUEST", label
        elif said.startswith("Wrong expected version"):
            assert (answer.code, answer.message) == ("STREAM_VERSION_CONFLICT", said), label
        elif "error" in step:
            assert answer.code == "INVALID_REQUEST", label
        else:
            stream = step["args"]["stream_name"]
            assert answer.result["position"] == step["result"] - lacking[stream], label
        if label in REFUSED and "result" in step and isinstance(step["args"]["stream_name"], str):
            lacking[step["args"]["stream_name"]] += 1


async def test_members_read_the_streams_that_message_db_gives_them(api):
    vectors = load_document("consumer_groups")["vectors"]
    # No method takes a name with a control character.
    written = [v for v in vectors if v["stream_name"].isprintable()]
    assert len(written) > len(vectors) - 3
    for vector in written:
        await api.good("stream.write", vector["stream_name"], {"type": "T", "data": 1})
    for size in (1, 2, 3, 4, 5, 8):
        for member in range(size):
            group = {"consumerGroup": {"member": member, "size": size}}
            read = await api.good("category.get", "cgv", group)
            assert [row[1] for row in read] == [
                v["stream_name"] for v in written if v["member_by_size"].get(str(size)) == member
            ], (member, size)


async def test_json_comes_back_with_the_value_that_message_db_gives_it(api):
    for vector in load_document("jsonb_text")["vectors"]:
        text = f'["stream.write", "json-1", {{"type": "T", "data": {vector["in"]}}}]'
        await api.post(text.encode())
        answer = await api("stream.last", "json-1")
        assert exactly(answer.body)[4] == exactly(vector["out"]), vector["in"]
