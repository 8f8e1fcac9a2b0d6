"""Names: Message DB's four functions, and the limits of what a name may be."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vectors import load
from mdb.core.errors import InvalidRequest
from mdb.core.names import (
    cardinal_id,
    category,
    check_category,
    check_message_type,
    check_namespace_id,
    check_stream_name,
    is_category,
    stream_id,
)

NAME_CHECKS = [check_stream_name, check_message_type, check_category]


@pytest.mark.parametrize("vector", load("names"), ids=lambda v: ascii(v["stream_name"])[:30])
def test_the_parts_of_a_name_are_message_dbs(vector):
    name = vector["stream_name"]
    assert category(name) == vector["category"]
    assert stream_id(name) == vector["id"]
    assert cardinal_id(name) == vector["cardinal_id"]
    assert is_category(name) == vector["is_category"]


@given(st.text(alphabet=st.sampled_from("ab-+é"), max_size=8))
def test_category_and_id_put_together_are_the_name(name):
    rest = stream_id(name)
    assert (category(name) if rest is None else f"{category(name)}-{rest}") == name
    assert is_category(category(name))
    assert (cardinal_id(name) is None) == (rest is None) == is_category(name)


def refused(check, name, path="$[1]"):
    with pytest.raises(InvalidRequest) as caught:
        check(name, path)
    assert caught.value.details == {"path": path}
    return caught.value.message


@pytest.mark.parametrize("check", NAME_CHECKS)
@pytest.mark.parametrize(
    "name",
    [
        "account",
        " ",
        "x" * 500,
        "é" * 500,
        "😀" * 250,
        "a\u00a0b",  # no-break space
        "a\u2028b",  # line separator, which is no control character
        "\u200d",  # zero-width joiner
        "\ue000",  # private use
        "\U0010ffff",
        "100% o'brien_\"",
    ],
)
def test_a_name_within_the_limits_is_returned(check, name):
    assert check(name, "$[1]") == name


@pytest.mark.parametrize("check", NAME_CHECKS)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "500 characters"),
        ("x" * 501, "500 characters"),
        ("😀" * 251, "1000 bytes"),
        ("€" * 334, "1000 bytes"),
        ("a\x00", "control"),
        ("a\tb", "control"),
        ("a\x7f", "control"),
        ("a\x85b", "control"),
        ("\x9f", "control"),
        ("x" * 300 + "\n", "control"),
        ("a\ud800", "surrogate"),
        ("\udfff" * 300, "surrogate"),
    ],
)
def test_a_name_outside_the_limits_is_refused_with_its_place(check, name, said):
    assert said in refused(check, name)


@given(st.text(st.characters(), min_size=1, max_size=500))
def test_exactly_the_limits_decide(name):
    fine = not any(unicodedata.category(c) in {"Cc", "Cs"} for c in name)
    fine = fine and len(name.encode()) <= 1000
    try:
        check_stream_name(name, "$[1]")
    except InvalidRequest:
        assert not fine
    else:
        assert fine


def test_a_stream_name_may_have_a_dash_and_a_category_may_not():
    assert check_stream_name("account-1", "$[1]") == "account-1"
    assert "must be a category" in refused(check_category, "account-1", "$[1].correlation")


@pytest.mark.parametrize("name", ["default", "A", "_x", "0", "a.b-c_D", "a" * 200, "a..b"])
def test_a_namespace_id_of_the_alphabet_is_returned(name):
    assert check_namespace_id(name, "$[1]") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".a", "-a", "a" * 201, "a/b", "a b", "é", "a\n", "a\x00", "٣", "a%", "ａ"],
)
def test_another_namespace_id_is_refused_with_its_place(name):
    refused(check_namespace_id, name)


@given(st.text(string.ascii_letters + string.digits + "._-/é\n", max_size=8))
def test_a_namespace_id_never_is_a_path_or_an_option(name):
    try:
        check_namespace_id(name, "$[1]")
    except InvalidRequest:
        return
    assert name[0] not in ".-"
    assert set(name) <= set(string.ascii_letters + string.digits + "._-")
