"""Message ids."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdb.core.errors import InvalidRequest
from mdb.core.ids import format_uuid, new_id, parse_uuid


@given(st.uuids())
def test_a_uuid_of_either_case_is_read_and_written_in_lower_case(value):
    text = str(value)
    assert parse_uuid(text, "$") == parse_uuid(text.upper(), "$") == value.bytes
    assert format_uuid(value.bytes) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{b5b1a6a5-8a2f-4f6e-9a9e-0123456789ab}",
        "urn:uuid:b5b1a6a5-8a2f-4f6e-9a9e-0123456789ab",
        "b5b1a6a58a2f4f6e9a9e0123456789ab",
        "b5b1a6a5-8a2f-4f6e-9a9e-0123456789a",
        "b5b1a6a5-8a2f-4f6e-9a9e-0123456789abc",
        "b5b1a6a5-8a2f-4f6e-9a9e-0123456789ag",
        "b5b1a6a5-8a2f-4f6e-9a9e 0123456789ab",
        "b5b1a6a58-a2f-4f6e-9a9e-0123456789ab",
        "b5b1a6a5-8a2f-4f6e-9a9e-01234567-9ab",
        "b5b1a6a5-8a2f-4f6e-9a9e-  23456789ab",
        "b5b1a6a5-8a2f-4f6e-9a9e-0123456789a\n",
        "b5b1a6a5-8a2f-4f6e-9a9e-0123456789a٣",
        "\ud800" * 36,
    ],
)
def test_another_text_is_refused_with_its_place(text):
    with pytest.raises(InvalidRequest) as caught:
        parse_uuid(text, "$[3].id")
    assert caught.value.details == {"path": "$[3].id"}


def test_new_ids_are_version_7_unique_and_rise():
    ids = [new_id() for _ in range(10_000)]
    assert all(len(i) == 16 for i in ids)
    assert {uuid.UUID(bytes=i).version for i in ids} == {7}
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
