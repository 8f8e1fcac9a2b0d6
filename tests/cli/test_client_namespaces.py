"""`mdb ns`: creating, listing, showing, deleting namespaces, and their tokens."""

from __future__ import annotations

from itertools import count

import pytest

from mdb.core import tokens

_numbers = count()


@pytest.fixture
def name() -> str:
    return f"ns-{next(_numbers)}"


def pairs(done) -> dict[str, str]:
    assert (done.code, done.err) == (0, "")
    return dict(line.split(None, 1) for line in done.out.splitlines())


def test_a_created_namespace_is_shown_and_its_token_works(client, name) -> None:
    created = client(
        *("ns", "create", name, "--description=for tests", '--metadata={"team": "a"}', "--json")
    ).document
    assert created["namespace"] == name
    token = created["token"]
    assert client("write", "a-1", "T", "1", MESSAGEDB_TOKEN=token).code == 0
    # Its own, without saying which.
    info = client("ns", "info", "--json", MESSAGEDB_TOKEN=token).document
    assert (info["namespace"], info["description"], info["messageCount"]) == (name, "for tests", 1)
    assert info["metadata"] == {"team": "a"}
    shown = pairs(client("ns", "info", name))
    assert shown["description"] == "for tests"
    assert shown["metadata"] == '{"team":"a"}'
    assert shown["streamCount"] == "1"


def test_a_token_may_be_chosen(client, name) -> None:
    token = tokens.make(name)
    assert pairs(client("ns", "create", name, "--set-token", token))["token"] == token
    assert client("ns", "info", MESSAGEDB_TOKEN=token).code == 0


def test_the_list_holds_every_namespace(client, name, monkeypatch) -> None:
    monkeypatch.setattr("mdb.cli.namespaces._PAGE", 2)
    for suffix in "abc":
        client("ns", "create", f"{name}{suffix}")
    listed = [row["namespace"] for row in client("ns", "list", "--json").document]
    assert listed == sorted(listed)
    assert {"default", f"{name}a", f"{name}b", f"{name}c"} <= set(listed)
    header, *rows = client("ns", "list").out.splitlines()
    assert header.split() == ["NAMESPACE", "MESSAGES", "CREATED", "DESCRIPTION"]
    assert [row.split()[0] for row in rows] == listed


def test_deleting_needs_a_yes(client, name) -> None:
    client("ns", "create", name)
    done = client("ns", "delete", name)
    assert (done.code, done.out) == (2, "")
    assert "nothing was deleted" in done.err
    assert client("ns", "info", name).code == 0
    deleted = client("ns", "delete", name, "--yes", "--json").document
    assert (deleted["namespace"], deleted["messagesDeleted"]) == (name, 0)
    assert client("ns", "info", name).refusal == (
        f"NAMESPACE_NOT_FOUND: namespace {name} not found"
    )


def test_a_rotated_token_replaces_the_old_one(client, name) -> None:
    old = pairs(client("ns", "create", name))["token"]
    new = client("ns", "rotate-token", "--json", MESSAGEDB_TOKEN=old).document["token"]
    assert new != old
    assert client("ns", "info", MESSAGEDB_TOKEN=new).code == 0
    refusal = client("ns", "info", MESSAGEDB_TOKEN=old).refusal
    assert refusal.startswith("AUTH_UNAUTHORIZED: ")
    assert old not in refusal
    newest = pairs(client("ns", "rotate-token", name))["token"]
    assert client("ns", "info", MESSAGEDB_TOKEN=newest).code == 0


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("create", "default"), "NAMESPACE_EXISTS"),
        (("create", ".x"), "INVALID_REQUEST"),
        (("delete", "default", "--yes"), "INVALID_REQUEST"),
        (("info", "nobody"), "NAMESPACE_NOT_FOUND"),
        (("rotate-token", "nobody"), "NAMESPACE_NOT_FOUND"),
    ],
)
def test_what_the_server_refuses_ends_with_1_and_its_code(client, args, code) -> None:
    assert client("ns", *args).refusal.startswith(f"{code}: ")


def test_only_the_admin_lists(client, name) -> None:
    token = pairs(client("ns", "create", name))["token"]
    assert client("ns", "list", MESSAGEDB_TOKEN=token).refusal.startswith("AUTH_UNAUTHORIZED: ")


def test_without_a_token_it_says_what_to_give(client) -> None:
    for args in (("ns", "info"), ("ns", "rotate-token")):
        refusal = client(*args, MESSAGEDB_TOKEN="").refusal
        assert refusal == "AUTH_REQUIRED: a token is needed: --token or MESSAGEDB_TOKEN"
    assert client("ns", "list", MESSAGEDB_TOKEN="").refusal.startswith("AUTH_REQUIRED: ")


def test_metadata_that_is_not_json_is_a_mistake(client, name) -> None:
    assert client("ns", "create", name, "--metadata={").code == 2
