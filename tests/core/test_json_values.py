"""JSON values: equality, and the one text of equal values."""

import json
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.values import value_of, values
from mdb.core.errors import InvalidRequest
from mdb.core.jsonrules import canonical, check, equal
from mdb.core.numbers import NumberTooLong, exact_decimal

EQUAL = [
    [b"1", b"1.0", b"1e0", b"10e-1", b"0.1E1", b"1.000", b"1000e-3", b"1E+0", b"1e00"],
    [b"0", b"-0", b"0.0", b"-0.0", b"0e99", b"0E-5"],
    [b"-1.5", b"-15e-1", b"-1.50"],
    [b"123456789012345678901234567890", b"1.2345678901234567890123456789e29"],
    [b"0.0000001", b"1E-7"],
    [b"9007199254740993", b"9007199254740993.0"],
    [b'{"a":1,"b":[2]}', b' { "b" : [ 2.0 ] , "a" : 1 } ', b'{"a":0,"b":[2],"a":1}'],
    ['"é/😀"'.encode(), b'"\\u00e9\\/\\ud83d\\ude00"', b'"\\u00E9/\\uD83D\\uDE00"'],
    [b'"\\n\\t"', b'"\\u000a\\u0009"'],
    [b"[]", b" [ ] "],
]

DIFFERENT = [
    b"1",
    b"true",
    b'"1"',
    b"[1]",
    b"1.0000000000000000000000000001",
    b"9007199254740992",
    b"9007199254740993",
    b"-1",
    b"0",
    b"false",
    b"null",
    b'""',
    b"[]",
    b"{}",
    b'{"":null}',
    b"[1,2]",
    b"[2,1]",
    b'"A"',
    b'"a"',
    b'{"a":1}',
    b'{"A":1}',
    b'{"a":1,"b":null}',
    '"é"'.encode(),  # composed
    '"e\u0301"'.encode(),  # decomposed
]


@pytest.mark.parametrize("texts", EQUAL, ids=lambda t: ascii(t[0].decode())[:20])
def test_texts_of_one_value_are_equal_and_have_one_canonical_text(texts):
    for a, b in combinations(texts, 2):
        assert equal(a, b)
    assert len({canonical(t) for t in texts}) == 1


def test_texts_of_different_values_are_not_equal():
    for a, b in combinations(DIFFERENT, 2):
        assert not equal(a, b), (a, b)


@given(values, values)
def test_equality_is_that_of_another_parsers_values(a, b):
    def key(value):  # Decimal(1) == True, and a number is told from a text by its type
        return json.dumps(value, default=lambda d: {"number": str(d.normalize() + 0)})

    raw_a, raw_b = (json.dumps(v, sort_keys=True).encode() for v in (a, b))
    assert equal(raw_a, raw_b) == (key(value_of(raw_a)) == key(value_of(raw_b)))
    assert equal(raw_a, json.dumps(a, indent=1, ensure_ascii=False).encode())


@given(values)
def test_the_canonical_text_is_stable_sorted_and_of_the_same_value(value):
    raw = json.dumps(value).encode()
    text = canonical(raw)
    assert canonical(text) == text == canonical(check(raw, "$"))
    assert value_of(text) == value_of(raw)
    # Python sorts and spaces alike; numbers are taken as their literals.
    quoted = json.loads(text, parse_int=lambda n: f"\0{n}\0", parse_float=lambda n: f"\0{n}\0")
    again = json.dumps(quoted, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert text.decode() == again.replace('"\\u0000', "").replace('\\u0000"', "")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"1.0", b"1"),
        (b"1e3", b"1000"),
        (b"1E-7", b"0.0000001"),
        (b"-0.0", b"0"),
        (b"-12.3400e1", b"-123.4"),
        (b"100", b"100"),
        (b"0.10", b"0.1"),
        (b"100000000000000000000", b"100000000000000000000"),
        (b"1000000000000000000000", b"1e21"),
        (b"-12" + b"0" * 20, b"-12" + b"0" * 20),
        (b"-12" + b"0" * 21, b"-1.2e22"),
        (b"1.5e300", b"1.5e300"),
        (b"150E+298", b"1.5e300"),
        (b"0." + b"0" * 20 + b"12", b"0." + b"0" * 20 + b"12"),
        (b"0." + b"0" * 21 + b"12", b"1.2e-22"),
        (b"-0.01e-999", b"-1e-1001"),
        (b"1e999999", b"1e999999"),
        (b"1" + b"0" * 131071, b"1e131071"),
        (b' {"b": 1, "a": [ ] , "B":{ } } ', b'{"B":{},"a":[],"b":1}'),
        (b'"\\/\\u00e9\\u007f\\u2028"', '"/é\x7f\u2028"'.encode()),
        (b'"\\u0001\\u001F\\u000a\\"\\\\"', b'"\\u0001\\u001f\\n\\"\\\\"'),
    ],
)
def test_the_canonical_text_of(raw, text):
    assert canonical(raw) == text


def test_keys_are_sorted_by_code_point():
    # UTF-16 would sort the last two the other way round.
    keys = ["", "A", "a", "aa", "b", "é", "\uffff", "😀"]
    raw = json.dumps(dict.fromkeys(reversed(keys), 0)).encode()
    assert list(json.loads(canonical(raw))) == keys


@pytest.mark.parametrize("digits", [4001, 4299, 4300, 4301, 20_000, 131_072])
def test_numbers_longer_than_the_limit_for_writing_are_still_read(digits):
    nines = b"9" * digits
    raw = b'{"b":-%s,"a":[%s,"%s\\"%s"]}' % (nines, nines, nines, nines)
    assert canonical(raw) == b'{"a":[%s,"%s\\"%s"],"b":-%s}' % (nines, nines, nines, nines)
    assert equal(nines, nines + b".0")
    assert not equal(nines, b"8" + nines[1:])


@pytest.mark.parametrize("raw", [b"1e" + b"9" * 16, b"1e-" + b"9" * 5000])
def test_an_exponent_beyond_all_reason_is_refused(raw):
    with pytest.raises(InvalidRequest):
        canonical(raw)


def test_the_canonical_text_is_not_much_longer_than_the_one_it_is_made_of():
    raw = b"[" + b",".join([b"1e999", b"1e-999", b"1e20", b"1e-20"] * 1000) + b"]"
    assert len(canonical(raw)) < 5 * len(raw)


@pytest.mark.parametrize("raw", [b"", b"[1", b"NaN", b'"\xff"', b"[" * 100_000])
def test_what_is_no_json_has_no_canonical_text(raw):
    with pytest.raises(InvalidRequest):
        canonical(raw)


literals = st.from_regex(
    r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)


@given(literals)
def test_an_exact_decimal_is_exact_and_has_nothing_to_spare(literal):
    text = exact_decimal(literal, 1000)
    assert Decimal(text) == Decimal(literal)
    assert text != "-0"
    mantissa, exponent, _ = text.partition("e")
    if "." in mantissa:
        assert mantissa[-1] not in "0."
    if exponent:
        assert len(mantissa.lstrip("-").partition(".")[0]) == 1
    else:
        assert "0" * 30 not in text


@given(literals, literals)
def test_exact_decimals_are_the_same_text_exactly_for_the_same_value(a, b):
    same = exact_decimal(a, 1000) == exact_decimal(b, 1000)
    assert same == (Decimal(a) == Decimal(b))


@given(st.integers(-1100, 1100))
def test_the_limit_counts_digits_before_and_after_the_point(exponent):
    fine = -1000 <= exponent <= 999
    try:
        exact_decimal(f"1e{exponent}", 1000)
    except NumberTooLong:
        assert not fine
    else:
        assert fine
