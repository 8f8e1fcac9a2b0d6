"""JSON: what is taken in, what is refused, and what comes out of a body."""

import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.values import value_of, values
from core.vectors import load
from mdb.core.errors import InvalidRequest
from mdb.core.jsonrules import MAX_BODY_DEPTH, check, decode_body


def refused(raw, path="$[2].data"):
    with pytest.raises(InvalidRequest) as caught:
        check(raw, path)
    assert caught.value.details == {"path": path}
    return caught.value.message


@given(values, st.booleans(), st.sampled_from([None, 2]))
def test_what_is_stored_is_the_value_that_was_sent(value, ascii_only, indent):
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    stored = check(raw, "$")
    assert value_of(stored) == value_of(raw)
    assert check(stored, "$") == stored


@pytest.mark.parametrize("vector", load("jsonb_text"), ids=lambda v: v["in"][:30])
def test_stored_text_reads_like_the_text_that_postgres_gives(vector):
    assert value_of(check(vector["in"].encode(), "$")) == value_of(vector["out"])


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b'{"a":{"b":1},"c":0,"a":{"d":2}}', b'{"a":{"d":2},"c":0}'),
        (b'[{"x":{"k":1,"k":1,"k":3}}]', b'[{"x":{"k":3}}]'),
        (b'{"a":1,"\\u0061":2}', b'{"a":2}'),
        (b'{"":1,"":2}', b'{"":2}'),
    ],
)
def test_of_duplicate_keys_the_last_is_stored(raw, stored):
    assert check(raw, "$") == stored


@given(st.lists(st.tuples(st.sampled_from(["a", "b", '"', "é", "a:"]), st.integers())))
def test_duplicate_keys_anywhere_come_out_as_another_parser_reads_them(pairs):
    members = ",".join(f"{json.dumps(k)} : {v}" for k, v in pairs)
    raw = f'[{{"in":{{{members}}}}}, {{{members}}}]'.encode()
    stored = check(raw, "$")
    assert value_of(stored) == value_of(raw)
    assert stored.count(b":") == 1 + 2 * len(dict(pairs)) + stored.count(b"a:")


@pytest.mark.parametrize(
    "raw",
    [
        b"9007199254740993",
        b"123456789012345678901234567890",
        b"-9223372036854775809",
        b"0.1000000000000000055511151231257827",
        b"1.50",
        b"1e400",
        b"1e999",
        b"1e-1000",
        b"-1.5E+300",
        b"1e0000000000000000000002",
        b"9" * 1000,
        b"0." + b"1" * 1000,
        b"9" * 1000 + b"." + b"1" * 1000,
        b"1" + b"0" * 1200 + b"e-300",
    ],
)
def test_a_number_keeps_its_exact_value(raw):
    stored = check(b'{"n":%s}' % raw, "$")
    assert Decimal(json.loads(stored, parse_int=str, parse_float=str)["n"]) == Decimal(raw.decode())


@pytest.mark.parametrize(
    "raw",
    [
        b"1e1000",
        b"1e1001",
        b"-1e1001",
        b"1E-2000",
        b"1e-1001",
        b"12e999",
        b"1.1e-1000",
        b"9" * 1001,
        b"-" + b"9" * 4400,
        b"9" * 5000,
        b"0." + b"1" * 1001,
        b"9" * 1001 + b".5",
        b"1e999999999999",
        b"1e-999999999999",
        b"1e" + b"9" * 5000,
        b"1e-" + b"9" * 5000,
    ],
)
@pytest.mark.parametrize("around", [b"%s", b"[1,%s]", b'{"n":%s,"s":"' + b"x" * 2000 + b'"}'])
def test_a_number_with_too_many_digits_is_refused(raw, around):
    assert "digits" in refused(around % raw) or "out of range" in refused(around % raw)


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        (b"0e999999", b"0"),
        (b"0e-999999", b"0"),
        (b"-0.0e99999999999999999999", b"0"),
        (b"0." + b"0" * 20000, b"0"),
        (b"1." + b"0" * 20000, b"1"),
        (b"1" + b"0" * 5000 + b"e-5000", b"1"),
        (b"0." + b"0" * 5000 + b"1e5000", b"0.1"),
    ],
)
def test_a_literal_that_postgres_cannot_read_is_stored_by_its_value(raw, stored):
    assert check(raw, "$") == stored


def test_long_digits_in_a_string_are_no_number():
    raw = b'{"s":"%s","e":"1e99999","q":"\\"%s"}' % (b"9" * 5000, b"9" * 5000)
    assert check(raw, "$") == raw


def test_long_digits_in_an_exponent_are_no_integer():
    for exponent in (b"e", b"E+", b"e-"):
        raw = b"[1%s%s1]" % (exponent, b"0" * 5000)
        assert value_of(check(raw, "$")) in ([Decimal(10)], [Decimal("0.1")])


@pytest.mark.parametrize(
    "raw",
    [
        b'"\\u0000"',
        b'["a",{"b":"x\\u0000"}]',
        b'{"\\u0000":1}',
        b'"\\\\\\u0000"',
        b'"\\n\\u0000"',
    ],
)
def test_the_character_nul_is_refused_in_keys_and_strings(raw):
    assert "U+0000" in refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'"\\ud800"',
        b'"\\uDFFF"',
        b'"\\ud83d\\ud83d\\ude00"',
        b'"\\ud83d\\ude00\\ude00"',
        b'"\\ude00\\ud83d"',
        b'"\\ud83dx\\ude00"',
        b'"\\ud83d\\\\ude00"',
        b'{"\\udbff":1}',
    ],
)
def test_a_lone_surrogate_is_refused(raw):
    assert "surrogate" in refused(raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\\\\\\\u0000"', "\\\\u0000"),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\uD83D\\uDE00\\ud83d\\ude00"', "😀😀"),
        (b'"\\u0001\\u007f\\ud7ff\\ue000"', "\x01\x7f\ud7ff\ue000"),
        (b'"\\u00000"', None),
    ],
)
def test_other_escapes_are_text(raw, text):
    if text is None:
        refused(raw)
    else:
        assert json.loads(check(raw, "$")) == text


@given(st.text(st.characters(), max_size=6))
@example("\ud83d\ude00")
def test_exactly_nul_and_lone_surrogates_are_refused(text):
    raw = json.dumps(text).encode()
    text = json.loads(raw)  # a pair of escapes is one character
    fine = "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
    try:
        stored = check(raw, "$")
    except InvalidRequest:
        assert not fine
    else:
        assert fine
        assert json.loads(stored) == text


def nested(depth, around=(b"[", b"]")):
    return around[0] * depth + around[1] * depth


@pytest.mark.parametrize("around", [(b"[", b"]"), (b'{"a":', b"}")])
def test_256_levels_are_stored_and_257_refused(around):
    inner = b"" if around[0] == b"[" else b"0"
    deep, deeper = (around[0] * n + inner + around[1] * n for n in (256, 257))
    assert check(deep, "$") == deep
    assert "256" in refused(deeper)


@pytest.mark.parametrize("depth", [1000, 100_000, 1_000_000])
def test_any_depth_is_refused_alike(depth):
    assert "256" in refused(nested(depth))


def test_brackets_in_strings_and_side_by_side_are_not_depth():
    raw = b'["%s",%s]' % (b"[{" * 1000, b",".join([b"[[]]"] * 1000))
    assert check(raw, "$") == raw


@pytest.mark.parametrize("raw", [b"", b"{", b"nul", b"[1,]", b'"\xff"', b"NaN", b"1 2"])
def test_what_is_no_json_is_refused(raw):
    refused(raw)


def test_a_body_is_the_list_of_its_elements():
    body = b' ["stream.write", "a-1", {"type":"t","data":1.50}, null ] \n'
    elements = [bytes(e) for e in decode_body(body)]
    assert elements == [b'"stream.write"', b'"a-1"', b'{"type":"t","data":1.50}', b"null"]
    assert decode_body(b"[]") == []


MALFORMED = {
    "empty": b"",
    "white space": b" \n",
    "truncated array": b'["a"',
    "truncated string": b'["a',
    "truncated escape": b'["\\u12',
    "trailing comma": b"[1,]",
    "trailing garbage": b"[1] x",
    "two arrays": b"[1][2]",
    "object": b'{"a":1}',
    "string": b'"a"',
    "number": b"1",
    "null": b"null",
    "NaN": b"[NaN]",
    "Infinity": b"[Infinity]",
    "-Infinity": b"[-Infinity]",
    "deep NaN": b'[{"a":[NaN]}]',
    "bare word": b"[a]",
    "single quotes": b"['a']",
    "comment": b"[1/*c*/]",
    "leading zero": b"[01]",
    "plus": b"[+1]",
    "hex": b"[0x1]",
    "dot": b"[1.]",
    "raw newline in a string": b'["a\nb"]',
    "raw NUL in a string": b'["a\x00b"]',
    "NUL after": b"[1]\x00",
    "bad escape": b'["\\x"]',
    "unquoted key": b"[{a:1}]",
    "mismatched brackets": b"[[1}]",
    "byte order mark": b"\xef\xbb\xbf[1]",
    "UTF-16": "[1]".encode("utf-16"),
    "UTF-8 cut": b'["\xc3"]',
    "UTF-8 overlong": b'["\xc0\xaf"]',
    "UTF-8 surrogate": b'["\xed\xa0\x80"]',
    "UTF-8 beyond Unicode": b'["\xf4\x90\x80\x80"]',
    "not UTF-8, in a key": b'[{"\xff":1}]',
    "no-break space": b"[\xc2\xa01]",
    "lone surrogate": b'["\\ud800"]',
    "200000 open arrays": b"[" * 200_000,
    "200000 arrays": nested(200_000),
    "200000 objects": nested(200_000, (b'{"a":', b"}")),
    "600 levels": nested(600),
    "one level too many": nested(MAX_BODY_DEPTH + 1),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_body_is_refused_and_nothing_else_happens(body):
    with pytest.raises(InvalidRequest) as caught:
        decode_body(body)
    assert json.loads(caught.value.to_json())["error"]["code"] == "INVALID_REQUEST"


def test_a_body_may_hold_the_deepest_value_in_a_transaction_in_a_pipeline():
    data = nested(256)
    body = b'[["ns.transact",[["a-1",{"type":"t","data":%s}]]]]' % data
    assert bytes(decode_body(body)[0]).count(b"[") == 259


@given(st.binary(max_size=40) | st.text('[]{}",:\\u0d8e1. -nultrfas', max_size=30).map(str.encode))
def test_any_bytes_are_either_an_array_that_other_parsers_read_or_refused(body):
    try:
        elements = decode_body(body)
    except InvalidRequest:
        return
    parsed = json.loads(body)
    assert [json.loads(bytes(e)) for e in elements] == parsed
