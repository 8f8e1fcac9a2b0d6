"""Tokens: their form, what they name, and that they are never shown."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdb.core import tokens
from mdb.core.errors import AuthInvalidToken, InvalidRequest

SECRET = "0123456789abcdef" * 4
DEFAULT = f"ns_ZGVmYXVsdA_{SECRET}"

namespace_ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}", fullmatch=True)


@given(namespace_ids)
def test_a_made_token_names_its_namespace(namespace):
    token = tokens.make(namespace)
    assert tokens.parse(token).namespace == namespace
    assert len(token.rpartition("_")[2]) == 64
    assert "=" not in token


def test_two_tokens_of_a_namespace_differ():
    assert tokens.make("default") != tokens.make("default")


def test_no_token_is_made_for_an_invalid_id():
    with pytest.raises(InvalidRequest):
        tokens.make("../etc")


def test_the_digest_is_the_sha_256_of_the_text():
    parsed = tokens.parse(DEFAULT)
    assert parsed.namespace == "default"
    assert parsed.digest == tokens.digest(DEFAULT) == hashlib.sha256(DEFAULT.encode()).digest()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "ns_",
        "ns__" + SECRET,
        DEFAULT[:-1],
        DEFAULT + "0",
        DEFAULT + "\n",
        " " + DEFAULT,
        DEFAULT[:-1] + "g",
        "NS" + DEFAULT[2:],
        f"ns_ZGVmYXVsdA=_{SECRET}",
        f"ns_ZGVmYXVsdB_{SECRET}",  # the unused bits of the last character are not zero
        f"ns_Z_{SECRET}",
        f"ns_Xz8_{SECRET}",  # "_?"
        f"ns_Li4_{SECRET}",  # ".."
        f"ns_LQ_{SECRET}",  # "-"
        f"ns_w6k_{SECRET}",  # "é"
        f"ns__w_{SECRET}",  # 0xff
        f"ns_{'YWFh' * 67}_{SECRET}",  # an id of 201 characters
        f"ns_ZGVmYXVsdA{SECRET}",
        f"ns_ZGVmYXVsdé_{SECRET}",
        "\ud800",
    ],
)
def test_another_text_is_no_token_and_is_not_repeated(token):
    with pytest.raises(AuthInvalidToken) as caught:
        tokens.parse(token)
    assert SECRET[:16] not in caught.value.message


def test_a_parsed_token_does_not_hold_its_secret():
    assert SECRET not in repr(tokens.parse(DEFAULT))


def test_digests_are_compared():
    one = tokens.digest(DEFAULT)
    assert tokens.same_digest(one, tokens.digest(DEFAULT))
    assert not tokens.same_digest(one, tokens.digest(DEFAULT.upper()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"token {DEFAULT}!", "token ns_ZGVmYXVsdA_***!"),
        (f"{DEFAULT} {DEFAULT}", "ns_ZGVmYXVsdA_*** ns_ZGVmYXVsdA_***"),
        (
            f"GET /subscribe?all=true&token={DEFAULT}&x=1",
            "GET /subscribe?all=true&token=ns_ZGVmYXVsdA_***&x=1",
        ),
        (DEFAULT[:40], "ns_ZGVmYXVsdA_***"),
        (DEFAULT + "00ff", "ns_ZGVmYXVsdA_***"),
        (f"/subscribe?token=ns%5FZGVmYXVsdA%5F{SECRET}&x=1", "/subscribe?token=***&x=1"),
        ("Authorization: Bearer hunter2", "Authorization: Bearer ***"),
        ("columns_are_fine, tokens too", "columns_are_fine, tokens too"),
        ("", ""),
    ],
)
def test_tokens_are_masked_wherever_they_stand(text, shown):
    redacted = tokens.redact(text)
    assert SECRET[:16] not in redacted
    assert redacted == shown


@given(namespace_ids, st.text(max_size=20), st.text(max_size=20))
def test_no_secret_is_left_whatever_stands_around_it(namespace, before, after):
    token = tokens.make(namespace)
    redacted = tokens.redact(f"{before} {token} {after}")
    assert token.rpartition("_")[2] not in redacted
    assert tokens.redact(redacted) == redacted
