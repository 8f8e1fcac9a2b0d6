"""Which schema holds a namespace."""

from __future__ import annotations

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from mdb.stores.postgres.schemas import schema_name

INCARNATION = uuid.UUID("0f0e0d0c-0b0a-4908-8706-050403020100")
ids = st.text("abcXYZ019-_.", min_size=1, max_size=200)


def test_default_is_where_message_db_clients_look() -> None:
    assert schema_name("default", INCARNATION) == "message_store"
    assert schema_name("Default", INCARNATION) != "message_store"
    assert schema_name("message_store", INCARNATION) != "message_store"


def test_the_name_can_be_read() -> None:
    assert schema_name("Acme.eu-west", INCARNATION).startswith("ns_acme_eu_west_")


@given(st.text(max_size=200), st.uuids())
def test_a_name_is_an_identifier_that_postgres_keeps(
    namespace: str, incarnation: uuid.UUID
) -> None:
    name = schema_name(namespace, incarnation)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert len(name) <= 63
    assert not name.startswith("pg_")
    assert name == schema_name(namespace, incarnation)


@given(st.tuples(ids, st.uuids()), st.tuples(ids, st.uuids()))
def test_no_two_share_a_name(a: tuple[str, uuid.UUID], b: tuple[str, uuid.UUID]) -> None:
    if "default" not in (a[0], b[0]):
        assert (schema_name(*a) == schema_name(*b)) == (a == b)


def test_ids_that_look_alike_do_not_share_a_name() -> None:
    alike = ["a.b", "a_b", "a-b", "A.B", "a..b", "x" * 199 + "1", "x" * 199 + "2", "-", "_", "."]
    assert len({schema_name(namespace, INCARNATION) for namespace in alike}) == len(alike)
    again = uuid.UUID("10101010-0b0a-4908-8706-050403020100")
    assert schema_name("a.b", again) != schema_name("a.b", INCARNATION)
