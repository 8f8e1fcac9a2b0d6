"""Tokens, and what is judged before what: JSON and method, token, arguments."""

import pytest
from fixtures.served import server

from mdb.core import tokens

MESSAGE = {"type": "T", "data": {}}

MALFORMED = [
    "nonsense",
    "ns_",
    "ns__" + "0" * 64,
    "ns_dGVzdHM_" + "0" * 63,
    "ns_dGVzdHM_" + "0" * 65,
    "ns_dGVzdHM_" + "g" * 64,
    "ns_dGVzdHM=_" + "0" * 64,
    "ns_*_" + "0" * 64,
    "NS_dGVzdHM_" + "0" * 64,
    "ns_LmE_" + "0" * 64,  # names ".a", which is no id
    "x" * 5000,
]


async def test_a_token_is_needed(served):
    for parts in (("stream.get", "s-1"), ("category.get", "s"), ("ns.list",), ("ns.info", "tests")):
        assert (await served.call(*parts, token=None)).code == "AUTH_REQUIRED"


async def test_what_has_not_a_tokens_form_is_told_so(served):
    for token in MALFORMED:
        answer = await served.call("stream.get", "s-1", token=token)
        assert answer.code == "AUTH_INVALID_TOKEN", token
        assert token not in answer.message
    for value in ("Basic dXNlcjpwYXNz", served.own, f"Token {served.own}"):
        headers = [("Authorization", value)]
        answer = await served.call("stream.get", "s-1", token=None, headers=headers)
        assert answer.code == "AUTH_INVALID_TOKEN"


async def test_the_scheme_is_read_in_either_case(served):
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = [("Authorization", f"{scheme} {served.own}")]
        assert (await served.call("stream.get", "s-1", token=None, headers=headers)).status == 200


async def test_a_well_formed_token_that_is_not_known_gives_no_right(served):
    for name in ("tests", "default", "never-was"):
        answer = await served.call("stream.get", "s-1", token=tokens.make(name))
        assert answer.code == "AUTH_UNAUTHORIZED"
    changed = served.own[:-1] + ("0" if served.own[-1] != "0" else "1")
    assert (await served.call("stream.get", "s-1", token=changed)).code == "AUTH_UNAUTHORIZED"


async def test_json_and_method_come_before_the_token(served):
    for token in (None, "nonsense"):
        assert (await served.post(b"{", token=token)).code == "INVALID_REQUEST"
        assert (await served.post(b"{}", token=token)).code == "INVALID_REQUEST"
        assert (await served.call("none.such", token=token)).code == "INVALID_REQUEST"


async def test_the_token_comes_before_the_arguments(served):
    bad = [("stream.get",), ("stream.get", 1), ("stream.write", ""), ("ns.info",), ("ns.create",)]
    for parts in bad:
        assert (await served.call(*parts, token=None)).code == "AUTH_REQUIRED"
        assert (await served.call(*parts, token="nonsense")).code == "AUTH_INVALID_TOKEN"
        unknown = tokens.make("tests")
        assert (await served.call(*parts, token=unknown)).code == "AUTH_UNAUTHORIZED"
    assert (await served.call("ns.create", "")).code == "AUTH_UNAUTHORIZED", "not an admin's"
    assert (await served.call("stream.get", 1)).code == "INVALID_REQUEST"


async def test_a_bad_call_creates_nothing(in_test_mode):
    served = in_test_mode
    before = (await served.call("ns.list", token=served.admin)).result
    bodies = [b"{", b"[]", b'["none.such"]', b'["stream.write",""]', b'["category.get","a-1"]']
    for body in bodies:
        answer = await served.post(body, token=None)
        assert answer.code == "INVALID_REQUEST"
        assert "x-messagedb-token" not in answer.headers
        adopted = await served.post(body, token=tokens.make("fresh"))
        assert adopted.code == "INVALID_REQUEST"
    assert (await served.call("ns.list", token=served.admin)).result == before


async def test_random_tokens_are_bounded_and_known_ones_pass(served, monkeypatch):
    """Each unknown token costs a look-up; only so many a second reach the database."""
    monkeypatch.setattr(served.database._unknown, "_per_second", 2)
    assert (await served.call("stream.get", "s-1")).status == 200
    guesses = [tokens.make("guess") for _ in range(30)]
    answers = [await served.call("stream.get", "s-1", token=guess) for guess in guesses]
    assert {answer.code for answer in answers} == {"AUTH_UNAUTHORIZED", "OVERLOADED"}
    refused = [answer for answer in answers if answer.code == "OVERLOADED"]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert (await served.call("stream.get", "s-1")).status == 200


async def test_the_admins_token_opens_its_own_namespace_like_any_other(served):
    written = await served.call("stream.write", "s-1", MESSAGE, token=served.admin)
    assert written.status == 200
    assert (await served.call("stream.get", "s-1", token=served.own)).result == []


async def test_a_given_token_is_the_admins_and_replaces_the_old_one():
    async with server() as served:
        first = served.admin
        given = tokens.make("default")
        assert await served.database.ensure_default(given) == (None, True)
        assert (await served.call("ns.list", token=given)).status == 200
        assert (await served.call("ns.list", token=first)).code == "AUTH_UNAUTHORIZED"
        assert await served.database.ensure_default(given) == (None, False)
        assert await served.database.ensure_default() == (None, False)


@pytest.mark.parametrize("token", ["nonsense", tokens.make("other")], ids=["none", "other"])
async def test_a_given_admins_token_must_be_of_the_default_namespace(token):
    async with server() as served:
        with pytest.raises(Exception, match="token"):
            await served.database.ensure_default(token)
