"""What an import takes in, what it refuses, and that it is all or nothing."""

import json

import pytest
from transfer_harness import ask, events, history, line, tenant_of, text


def refused(found):
    """The one event of an import that was refused."""
    assert [set(event) - {"line"} for event in found][-1] == {"error", "message"}, found
    return found[-1]["error"], found[-1].get("line")


def test_what_was_exported_is_the_same_after_an_import(tenant, another):
    for n in range(30):
        tenant.write(
            f"account-{n % 4}", {"n": n, "r": n / 7}, metadata={"correlationStreamName": "cmd-1"}
        )
    export = tenant.export()
    copy = another()
    found = copy.import_(export)
    assert found[-1]["done"] is True
    assert found[-1]["imported"] == 30
    assert found[-1]["elapsed"].endswith("s")
    assert copy.export() == export
    # Filters that the stores keep columns for work on what was imported.
    group = {"correlation": "cmd", "consumerGroup": {"member": 0, "size": 2}}
    expected = tenant.rpc("category.get", "account", group)
    assert 0 < len(expected) < 30
    assert copy.rpc("category.get", "account", group) == expected


def test_progress_tells_how_many_and_how_far(tenant):
    found = tenant.import_(text(history(2500, first=24)))
    assert found[:-1] == [
        {"imported": 1000, "gpos": 1023},
        {"imported": 2000, "gpos": 2023},
        {"imported": 2500, "gpos": 2523},
    ]


def test_new_writes_go_above_what_was_imported(tenant):
    tenant.write("account-9")
    tenant.import_(text([line(1000, "account-1"), line(70_000, "account-1", 1)]))
    assert tenant.write("account-1")["globalPosition"] == 70_001
    assert tenant.write("account-1")["position"] == 3
    assert tenant.rpc("ns.info", tenant.name)["head"] == 70_002
    tenant.import_(text([line(70_010, "account-1", 4)]))
    assert tenant.write("account-2")["globalPosition"] == 70_011


def test_an_imported_id_is_known_to_later_writes(tenant):
    one = line(5, "account-1", data={"n": 1})
    tenant.import_(text([one]))
    again = tenant.write("account-1", {"n": 1.0}, id=one["id"])
    assert (again["position"], again["globalPosition"]) == (0, 5)


def test_blank_lines_other_line_ends_and_a_missing_last_one_are_taken(tenant):
    first, second = text([line(1)]), text([line(2, pos=1)])
    body = b"\n" + first.replace(b"\n", b"\r\n") + b"  \n" + second.rstrip(b"\n")
    assert tenant.import_(body)[-1]["imported"] == 2


def test_nothing_at_all_is_an_import_of_nothing(tenant):
    assert tenant.import_(b"")[-1]["imported"] == 0


BAD = {
    "no JSON": b"{",
    "not an object": b"[]",
    "a key missing": text([{k: v for k, v in line(3, pos=2).items() if k != "type"}]),
    "a key unknown": text([line(3, pos=2, extra=1)]),
    "no UTF-8": b'{"id":"\xff"}',
    "no UUID": text([line(3, pos=2, id="{0190a0b0-0000-7000-8000-00000000abcd}")]),
    "no time": text([line(3, pos=2, time="2026-01-15 10:30")]),
    "negative position": text([line(3, pos=-1)]),
    "position as text": text([line(3, pos="2")]),
    "global position 0": text([line(0, pos=2)]),
    "global position that leaves no room": text([line(2**53, pos=2)]),
    "empty stream name": text([line(3, "", pos=2)]),
    "control character in a type": text([line(3, pos=2, type="a\x00b")]),
    "metadata that is a list": text([line(3, pos=2, meta=[])]),
    "U+0000 in data": text([line(3, pos=2, data="a\x00b")]),
    "data too deep": text([line(3, pos=2)]).replace(b'{"n": 3}', b"[" * 257 + b"]" * 257),
    "NaN": text([line(3, pos=2)]).replace(b'{"n": 3}', b"NaN"),
    "cut off": text([line(3, pos=2)])[:-20],
}


@pytest.mark.parametrize("what", BAD)
def test_a_malformed_line_is_named(sqlite_server, what):
    tenant = tenant_of(sqlite_server)
    body = text([line(1), line(2, pos=1)]) + BAD[what]
    assert refused(tenant.import_(body)) == ("INVALID_REQUEST", 3)
    assert tenant.export() == b""


@pytest.mark.parametrize("what", ["message", "line", "endless line"])
def test_what_is_too_large_is_named(sqlite_server, what):
    tenant = tenant_of(sqlite_server)
    body = {
        "message": text([line(2, pos=1, data="x" * (1 << 20))]),
        "line": text([line(2, pos=1)]).rstrip() + b" " * (9 << 20),
        "endless line": b" {" + b"x" * (20 << 20),
    }[what]
    with_rest = text([line(1)]) + body
    with tenant.upload() as upload:
        try:
            upload.send(with_rest)
            upload.end()
        except OSError:
            pass  # it does not read on for ever
        assert refused([upload.event()]) == ("PAYLOAD_TOO_LARGE", 2)
        assert tenant.export() == b""


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([line(4)], 1),  # at the head
        ([line(5), line(5, "b-1")], 2),
        ([line(6), line(5, "b-1")], 2),
        ([line(5, "known-1", 1)], 1),  # stands at 1 already
        ([line(5, "other-1"), line(6, "known-1", 3)], 2),
        ([line(5, "new-1", 1)], 1),
        ([line(5, "new-1"), line(6, "x-1"), line(7, "new-1", 2)], 3),
        ([line(5, "new-1"), line(6, "new-1", 0)], 2),
    ],
)
def test_positions_that_do_not_go_on_are_refused(tenant, lines, number):
    for n in range(2):
        tenant.write("known-1", n)
        tenant.write("known-2", n)
    before = tenant.export()
    assert refused(tenant.import_(text(lines))) == ("POSITION_EXISTS", number)
    assert tenant.export() == before
    assert tenant.write("known-1")["globalPosition"] >= 5


def test_a_gap_between_two_pages_of_an_import_is_found(tenant):
    many = history(2500, 1)
    for one in many[1500:]:
        one["pos"] += 1
    assert refused(tenant.import_(text(many))) == ("POSITION_EXISTS", 1501)
    many = history(2500, 1)
    for one in many[2000:]:
        one["pos"] += 1
    assert refused(tenant.import_(text(many))) == ("POSITION_EXISTS", 2001)
    assert tenant.export() == b""


def test_an_id_that_is_stored_or_comes_twice_is_refused(tenant):
    known = tenant.write("known-1")["id"]
    many = history(1200, first=10)
    many[1100]["id"] = known.upper()
    assert refused(tenant.import_(text(many))) == ("MESSAGE_ID_CONFLICT", 1101)
    many = history(1200, first=10)
    many[1150]["id"] = many[3]["id"]
    assert refused(tenant.import_(text(many))) == ("MESSAGE_ID_CONFLICT", 1151)
    assert len(tenant.export().splitlines()) == 1
    assert tenant.import_(text(history(10, first=10)))[-1]["imported"] == 10


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("?x=1", {}, 400, "INVALID_REQUEST"),
        ("", {"Content-Encoding": "gzip"}, 400, "INVALID_REQUEST"),
        ("", {"Authorization": "Bearer x"}, 401, "AUTH_INVALID_TOKEN"),
        ("", {"Authorization": f"Bearer ns_ZGVmYXVsdA_{'0' * 64}"}, 403, "AUTH_UNAUTHORIZED"),
    ],
)
def test_what_is_wrong_with_the_request_is_a_status(sqlite_server, query, headers, status, code):
    tenant = tenant_of(sqlite_server)
    answer = ask(
        sqlite_server,
        "POST",
        f"/import{query}",
        text([line(1)]),
        {**tenant.headers, **headers},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    answer = ask(sqlite_server, "POST", "/import", b"")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_REQUIRED")


def test_one_import_at_a_time(tenant):
    with tenant.upload() as first:
        first.send(text(history(1000)))
        assert first.event() == {"imported": 1000, "gpos": 1000}
        answer = tenant.post(text([line(1)]))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "OVERLOADED")
        assert answer.headers["retry-after"]
        first.end()
        assert first.event()["done"]
        assert tenant.import_(text([line(1001, "b-1")]))[-1]["imported"] == 1


def test_writers_go_on_during_an_upload_and_see_nothing_of_it(tenant):
    with tenant.upload() as upload:
        upload.send(text(history(1500, first=100)))
        assert upload.event() == {"imported": 1000, "gpos": 1099}
        assert tenant.write("live-1")["globalPosition"] == 1
        assert [message[1] for message in tenant.rpc("ns.get")] == ["live-1"]
        assert tenant.rpc("stream.version", "account-1") is None
        assert len(tenant.export().splitlines()) == 1
        upload.end()
        assert [*upload.events()][-1]["imported"] == 1500
        assert len(tenant.export().splitlines()) == 1501
        assert tenant.write("live-1")["globalPosition"] == 1600


def test_what_was_written_meanwhile_is_judged_when_it_is_moved(tenant):
    with tenant.upload() as upload:
        upload.send(text([line(5, "live-1"), *history(999, first=6)]))
        assert upload.event()["imported"] == 1000
        tenant.write("live-1")
        upload.end()
        assert refused([*upload.events()]) == ("POSITION_EXISTS", 1)
        assert len(tenant.export().splitlines()) == 1
    with tenant.upload() as upload:
        upload.send(text(history(1000, first=2)))
        assert upload.event()["imported"] == 1000
        tenant.write("live-1")
        upload.end()
        assert refused([*upload.events()]) == ("POSITION_EXISTS", 1)


def test_the_rest_of_a_refused_upload_is_not_waited_for(tenant):
    with tenant.upload() as upload:
        upload.send(b"nonsense\n")
        assert refused([upload.event()]) == ("INVALID_REQUEST", 1)
        upload.send(text(history(1000)))
        assert upload.event() is None


def test_an_event_stream_is_not_cut_in_the_middle_of_a_line(tenant):
    body = text(history(7))
    with tenant.upload() as upload:
        for start in range(0, len(body), 37):
            upload.send(body[start : start + 37])
        upload.end()
        assert [*upload.events()][-1]["imported"] == 7
        assert [json.loads(one)["gpos"] for one in tenant.export().splitlines()] == [*range(1, 8)]


def test_a_content_length_does_as_well_as_chunks(tenant):
    body = text(history(100))
    answer = tenant.post(body)
    assert events(answer.text)[-1]["imported"] == 100
